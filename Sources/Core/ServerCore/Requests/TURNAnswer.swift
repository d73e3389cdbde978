import Addresses
import STUNAuthentication
import STUNCodec

/// Writes the answer to a TURN request over the request.
struct TURNAnswer {
    let method: Method
    let transactionID: TransactionID
    let flow: ClientFlow
    /// Whether the request had FINGERPRINT, so that the answer has it too.
    let hasFingerprint: Bool
    /// The realm of a challenge.
    let realm: Int
    /// What a 420 lists.
    let unknown: UnknownAttributes

    func writer(_ messageClass: MessageType.Class, over packet: inout Packet) -> MessageWriter {
        MessageWriter(
            MessageType(method, messageClass),
            in: .cookie,
            context: AttributeContext(transactionID: transactionID, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
    }

    /// The success answer to Allocate (RFC 8656 section 7.2).
    func writeAllocated(_ allocation: Allocation, _ identity: AuthenticatedRequest, over packet: inout Packet) {
        var writer = writer(.success, over: &packet)
        let answer = allocation.answer
        for family in IPAddress.Family.allCases {
            guard let relay = allocation.relay(family) else { continue }
            _ = writer.append(XorRelayedAddress(relay.address), to: &packet)
        }
        _ = writer.append(Lifetime(seconds: answer.lifetime), to: &packet)
        if let token = answer.token { _ = writer.append(ReservationToken(value: token), to: &packet) }
        _ = writer.append(XorMappedAddress(flow.source), to: &packet)
        if let missing = answer.missing { _ = writer.append(missing, to: &packet) }
        seal(&writer, identity, over: &packet)
    }

    /// The success answer to Refresh (RFC 8656 section 8.2).
    func writeRefreshed(_ seconds: UInt32, _ identity: AuthenticatedRequest, over packet: inout Packet) {
        var writer = writer(.success, over: &packet)
        _ = writer.append(Lifetime(seconds: seconds), to: &packet)
        seal(&writer, identity, over: &packet)
    }

    /// A success answer that says nothing more.
    func writeDone(_ identity: AuthenticatedRequest, over packet: inout Packet) {
        var writer = writer(.success, over: &packet)
        seal(&writer, identity, over: &packet)
    }

    /// An error answer to whoever has shown a credential.
    func writeError(_ refusal: Refusal, _ identity: AuthenticatedRequest, over packet: inout Packet) {
        var writer = writer(.error, over: &packet)
        _ = writer.append(refusal.errorCode, to: &packet)
        if case .unknownAttribute(let type) = refusal {
            var list = unknown
            list.insert(type)
            _ = writer.append(list, to: &packet)
        }
        if case .redirected(let redirection) = refusal {
            _ = writer.append(AlternateServer(redirection.server), to: &packet)
            // RFC 8489 section 10: one of the other family follows that of the client's own.
            if let other = redirection.otherFamily { _ = writer.append(AlternateServer(other), to: &packet) }
        }
        seal(&writer, identity, over: &packet)
    }

    /// An error answer to a stranger; false when the buffer has no room for it.
    ///
    /// A challenge has 88 bytes with a realm of up to eight (attacks row 27); a longer realm makes it as much longer.
    func writeUnauthenticated(
        _ refusal: Refusal,
        _ authenticator: LongTermAuthenticator,
        unixSeconds: UInt64,
        over packet: inout Packet
    ) -> Bool {
        var isChallenge = false
        if case .authentication(let cause) = refusal { isChallenge = cause.needsChallenge }
        var writer = writer(.error, over: &packet)
        guard writer.append(refusal.errorCode, to: &packet) else { return false }
        if isChallenge {
            let isWritten = authenticator.appendChallenge(
                realm: realm,
                for: flow.source,
                unixSeconds: unixSeconds,
                to: &writer,
                over: &packet
            )
            guard isWritten else { return false }
        }
        // A challenge goes without FINGERPRINT, which would make it larger still.
        if hasFingerprint, !isChallenge, writer.finishWithFingerprint(&packet) { return true }
        writer.finish(&packet)
        return true
    }

    /// Adds integrity and, if the request had one, a fingerprint.
    func seal(_ writer: inout MessageWriter, _ identity: AuthenticatedRequest, over packet: inout Packet) {
        _ = writer.appendIntegrity(identity.integrity, key: identity.key, to: &packet)
        if hasFingerprint, writer.finishWithFingerprint(&packet) { return }
        writer.finish(&packet)
    }
}
