import STUNAuthentication
import STUNCodec

extension AllocationClient {
    /// Writes the request that is on its way, the same bytes each time, and returns its length; 0 when there is none, or it
    /// does not fit the buffer.
    public func writeRequest(
        into buffer: consuming MutableRawSpan,
        with credential: borrowing ClientCredential
    ) -> Int {
        guard let method = state.method, buffer.byteCount >= Dialect.cookie.headerLength else { return 0 }
        var packet = Packet(buffer, count: 0)
        let id = transaction.id
        packet.write(id.high, at: 4)
        packet.write(id.low, at: 12)
        var writer = MessageWriter(
            MessageType(method, .request),
            in: .cookie,
            context: AttributeContext(transactionID: id, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        let isWhole = appendWish(to: &packet, by: &writer) && appendProof(credential, to: &packet, by: &writer)
        guard isWhole else { return 0 }
        writer.finish(&packet)
        return packet.count
    }

    /// What the request asks for.
    private func appendWish(to packet: inout Packet, by writer: inout MessageWriter) -> Bool {
        switch state {
        case .allocating:
            return writer.append(RequestedTransport.udp, to: &packet)
        case .permitting:
            guard let channel else { return false }
            return writer.append(XorPeerAddress(channel.peer), to: &packet)
        case .binding:
            guard let channel else { return false }
            return writer.append(ChannelNumber(channel.number), to: &packet)
                && writer.append(XorPeerAddress(channel.peer), to: &packet)
        case .releasing:
            return writer.append(Lifetime(seconds: 0), to: &packet)
        case .idle, .ready, .released, .failed:
            return false
        }
    }

    /// Who asks; nothing before the first challenge (RFC 8489 section 9.2.3.1).
    private func appendProof(
        _ credential: borrowing ClientCredential,
        to packet: inout Packet,
        by writer: inout MessageWriter
    ) -> Bool {
        guard nonceLength > 0, let key = credential.key else { return true }
        return writer.append(.username, credential.username.rawBytes, to: &packet)
            && writer.append(.realm, credential.realm.rawBytes, to: &packet)
            && writer.append(.nonce, nonce.rawBytes.extracting(first: nonceLength), to: &packet)
            && writer.appendIntegrity(.hmacSHA1, key: key, to: &packet)
    }

    /// Takes a datagram that came from the server.
    public mutating func receive(
        _ datagram: RawSpan,
        at now: UInt64,
        with credential: inout ClientCredential
    ) -> Step {
        guard let method = state.method, datagram.byteCount >= Dialect.cookie.headerLength,
            datagram.uint64(at: 4) == transaction.id.high, datagram.uint64(at: 12) == transaction.id.low,
            let message = try? Message(parsing: datagram, as: .cookie), message.type.method == method
        else { return .wait }
        switch message.type.messageClass {
        case .request, .indication: return .wait
        case .success: return take(success: message, of: method, at: now, with: credential)
        case .error: return take(refusal: message, of: method, at: now, with: &credential)
        }
    }

    private mutating func take(
        success message: borrowing Message,
        of method: Method,
        at now: UInt64,
        with credential: borrowing ClientCredential
    ) -> Step {
        // RFC 8489 section 9.2.5: what is not signed by who knows the key counts as not received.
        if nonceLength > 0, let key = credential.key {
            guard case .valid = message.checkIntegrity(.hmacSHA1, key: key) else {
                unproven += 1
                return .wait
            }
        }
        switch state {
        case .allocating:
            guard let answer = message[XorRelayedAddress.self] else { return fail(method, .wrongAnswer) }
            relayed = answer.address
            return channel == nil ? finish(.ready) : request(.permitting, at: now)
        case .permitting: return request(.binding, at: now)
        case .binding: return finish(.ready)
        case .releasing: return finish(.released)
        case .idle, .ready, .released, .failed: return .wait
        }
    }

    private mutating func take(
        refusal message: borrowing Message,
        of method: Method,
        at now: UInt64,
        with credential: inout ClientCredential
    ) -> Step {
        guard let code = message[ErrorCode.self]?.code else { return fail(method, .wrongAnswer) }
        // A request that was signed and gets 401 has a wrong name or password: signing it again would not help.
        let isChallenge = code == 401 && nonceLength == 0 || code == 438
        guard isChallenge else {
            // Where there is no allocation (any more), there is none to end (RFC 8656 section 7.3).
            if state == .releasing, code == 437 { return finish(.released) }
            return fail(method, .refused(code))
        }
        guard let realm = message.first(.realm), let fresh = message.first(.nonce), fresh.count > 0,
            fresh.count <= Self.longestNonce
        else { return fail(method, .wrongAnswer) }
        credential.adopt(realm: message.value(realm))
        let value = message.value(fresh)
        for offset in 0..<fresh.count { nonce[offset] = value.uint8(at: offset) }
        nonceLength = fresh.count
        return requestAgain(method, code, at: now)
    }
}
