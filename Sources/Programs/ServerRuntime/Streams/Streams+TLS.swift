import PacketEngine
import SecureTransport
import ServerCore

extension Streams {
    /// How much that is encrypted may wait for one client: handshakes need it, and a few records.
    private static let sealedLimit = 131_072

    /// Whether a connection wants to begin TLS: the core says whether its client may.
    func wantsTLS(_ index: Int) -> Bool {
        guard connections[index].isLive, case .greeting = connections[index].stage else { return false }
        return true
    }

    /// Begins TLS, and has it take the client's first message.
    mutating func beginTLS(_ index: Int) {
        guard let context = tls.context else { return close(index, .noCertificate) }
        do throws(SessionFailure) {
            let secure = try SecureStream(context)
            adopt(secure, index)
            counters.sessions &+= 1
            // It waits in the socket unless it had to be looked at.
            if input.count > input.taken { takeHello(index, secure) } else { read(index, secure) }
        } catch {
            close(index, .tlsFailed, error)
        }
    }

    /// Gives a connection its session.
    mutating func adopt(_ secure: SecureStream, _ index: Int) {
        connections[index].identify(transport: .tls)
        connections[index].stage = .secure(secure)
        tls.count += 1
    }

    /// Reads what has come to a connection with TLS, and puts its plaintext behind the part of a frame that there was.
    mutating func read(_ index: Int, _ secure: SecureStream) {
        if secure.isHandshaking {
            // What is not read shows again in the next turn.
            guard tls.handshakesLeft > 0 else { return }
            tls.handshakesLeft -= 1
        }
        tls.sealed.removeAll()
        switch tls.sealed.read(from: connections[index].stream, most: secure.isHandshaking ? .max : most(index)) {
        case .bytes: break
        case .blocked: return
        case .ended: return endReading(ofData: index)
        case .failed: return close(index, .broken)
        }
        input.take(&connections[index].input, from: &buffers)
        decrypt(index, secure)
    }

    /// Has a session take the bytes that were read before it began.
    private mutating func takeHello(_ index: Int, _ secure: SecureStream) {
        tls.handshakesLeft -= 1
        tls.sealed.removeAll()
        tls.sealed.take(&input)
        input.removeAll()
        decrypt(index, secure)
    }

    /// Decrypts what has come, and has what is to be sent wait.
    private mutating func decrypt(_ index: Int, _ secure: SecureStream) {
        let wasHandshaking = secure.isHandshaking
        while secure.end == nil {
            tls.output.removeAll()
            let step = secure.receive(&tls.sealed, into: &input, sending: &tls.output)
            if step.sending > 0 {
                guard tls.output.keepRest(in: &buffers, as: &secure.sealed, limit: Self.sealedLimit) else {
                    return close(index, .noMemory)
                }
                markDirty(index)
            }
            switch secure.session.state {
            case .handshaking, .open: break
            case .closed: secure.end = .byClient
            case .failed(let failure):
                secure.end = .tlsFailed
                secure.failure = failure
            }
            guard step.isUnfinished || tls.sealed.count > tls.sealed.taken else { break }
            // It always gets on, or it would stand still for ever.
            if secure.end == nil, step.taken == 0, step.received == 0, step.sending == 0 { secure.end = .broken }
        }
        // The other side waits until all is delivered, and nobody would look again after the end of the turn.
        if connections[index].partner != nil, !secure.sealed.isEmpty { write(index, secure) }
        guard wasHandshaking, secure.session.state == .open else { return }
        counters.handshakes &+= 1
        if secure.session.applicationProtocol == SecureContexts.web { connections[index].web = .console }
    }

    /// Encrypts what waits for a client, as far as it takes it, and writes that.
    mutating func write(_ index: Int, _ secure: SecureStream) {
        while true {
            if !secure.sealed.isEmpty {
                switch buffers.write(&secure.sealed, to: connections[index].stream) {
                case .bytes: break
                case .blocked: return want([connections[index].reading, .output], index)
                case .ended, .failed: return close(index, .broken)
                }
            }
            guard !connections[index].output.isEmpty else { return want(connections[index].reading, index) }
            guard seal(index, secure) else { return }
        }
    }

    /// Encrypts a record of what waits, and writes it or has it wait; false when the connection is closed.
    private mutating func seal(_ index: Int, _ secure: SecureStream) -> Bool {
        tls.plain.removeAll()
        tls.output.removeAll()
        tls.plain.take(&connections[index].output, from: &buffers)
        guard secure.send(&tls.plain, sending: &tls.output) else {
            close(index, .tlsFailed)
            return false
        }
        switch tls.output.write(to: connections[index].stream) {
        case .bytes, .blocked: break
        case .ended, .failed:
            close(index, .broken)
            return false
        }
        guard tls.output.keepRest(in: &buffers, as: &secure.sealed, limit: Self.sealedLimit) else {
            close(index, .noMemory)
            return false
        }
        return true
    }

    /// Says to the client of a connection that ends that nothing more comes, if it takes that now.
    mutating func endTLS(_ index: Int, _ secure: SecureStream) {
        tls.count -= 1
        tls.output.removeAll()
        secure.close(sending: &tls.output)
        if case .bytes = buffers.write(&secure.sealed, to: connections[index].stream) {
            _ = tls.output.write(to: connections[index].stream)
        }
        buffers.discard(&secure.sealed)
    }
}
