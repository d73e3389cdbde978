import Addresses
import STUNAuthentication
import STUNCodec

// The secrets of RFC 3489: a client gets a user name and a password over TLS, and with these its Binding requests, and their answers,
// have integrity.

extension Server {
    /// What MESSAGE-INTEGRITY of RFC 3489 says of a request.
    enum ClassicIntegrity {
        /// There is none, or nobody here hands out secrets.
        case none
        case right(OneTimeSecrets.Text)
        case wrong(ErrorCode)
    }

    /// Answers a Shared Secret request (RFC 3489 section 8.2): over TLS with a secret, else with 433.
    mutating func handleSharedSecret(
        _ request: BindingRequest,
        over packet: inout Packet,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        let other = alternateAddress(for: request, from: flow, told: nil).address
        let answer = answer(to: request, of: packet.count, from: flow, other: other, isForOther: false)
        guard flow.transport == .tls, let secrets = policy.oneTimeSecrets else {
            return refuse(.useTLS, answer, method: .sharedSecret, over: &packet, now: now)
        }
        if request.unknown.count > 0 {
            return refuse(.unknownAttribute, answer, method: .sharedSecret, over: &packet, now: now)
        }
        guard mayGrant(flow, now: now) else { return drop(.rateLimited, from: flow, now: now) }
        // In the old dialect all 16 bytes behind the length are the transaction ID.
        let secret = secrets.issue(for: packet.bytes.extracting(4..<20), at: unixSeconds(at: now))
        guard answer.writeSecret(secret, over: &packet) else { return drop(.amplification, from: flow, now: now) }
        counters.countAnswered(request.dialect)
        sources.count(.noChange, request.dialect, from: flow, now: now)
        return .reply
    }

    /// Answers a Binding request with MESSAGE-INTEGRITY (RFC 3489 section 8.1): with one too, when that is right.
    mutating func answerSigned(
        _ request: BindingRequest,
        over packet: inout Packet,
        from flow: ClientFlow,
        told: SocketAddress?,
        now: Instant
    ) -> Verdict {
        let integrity = checkIntegrity(of: request, in: packet, now: now)
        if case .wrong(let error) = integrity {
            let other = alternateAddress(for: request, from: flow, told: told).address
            let answer = answer(to: request, of: packet.count, from: flow, other: other, isForOther: told != nil)
            return refuse(error, answer, over: &packet, now: now)
        }
        let verdict = answerBinding(request, over: &packet, from: flow, told: told, now: now)
        guard case .right(let password) = integrity else { return verdict }
        switch verdict {
        case .reply, .replyFrom:
            if packet.bytes.uint16(at: 0) == MessageType(.binding, .success).rawValue {
                _ = packet.appendClassicIntegrity(password)
            }
        default: break
        }
        return verdict
    }

    private mutating func checkIntegrity(
        of request: BindingRequest,
        in packet: borrowing Packet,
        now: Instant
    ) -> ClassicIntegrity {
        guard let secrets = policy.oneTimeSecrets else { return .none }
        guard request.usernameAt > 0 else { return .wrong(.missingUsername) }
        let bytes = packet.bytes
        let start = Int(request.usernameAt)
        let name = bytes.extracting(start..<(start &+ Int(request.usernameLength)))
        guard case .valid(let password) = secrets.check(name, at: unixSeconds(at: now)) else {
            return .wrong(.staleCredentials)
        }
        guard let message = try? Message(parsing: bytes, as: .classic),
            message.checkClassicIntegrity(at: Int(request.integrityAt), password: password)
        else { return .wrong(.integrityCheckFailure) }
        return .right(password)
    }
}
