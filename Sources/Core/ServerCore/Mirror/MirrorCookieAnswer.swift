import Addresses
import STUNAuthentication
import STUNCodec

/// Writes answers to requests of drafts -01 and -08: MAGIC-COOKIE is the first attribute, MESSAGE-INTEGRITY the last.
struct MirrorCookieAnswer {
    let type: MessageType
    let transactionID: TransactionID
    /// Of whoever has shown that he knows it.
    var password: OneTimeSecrets.Text?
    /// What a 420 lists.
    var unknown = UnknownAttributes()

    private func writer(_ messageClass: MessageType.Class, over packet: inout Packet) -> MessageWriter {
        MessageWriter(
            MessageType(type.method, messageClass),
            in: .classic,
            context: AttributeContext(transactionID: transactionID, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
    }

    /// The success answer to Allocate (draft -08 section 7.2.2).
    ///
    /// - `hasCookie`: draft -01 section 6.2 has it only in answers to a request that came again.
    func writeAllocated(
        _ relayed: SocketAddress,
        lifetime: UInt32,
        bandwidth: UInt32,
        hasCookie: Bool,
        over packet: inout Packet
    ) -> Bool {
        var writer = writer(.success, over: &packet)
        if hasCookie, !append(cookieTo: &writer, &packet) { return false }
        guard writer.append(MappedAddress(relayed), to: &packet),
            writer.append(Lifetime(seconds: lifetime), to: &packet),
            writer.append(Bandwidth(kilobits: bandwidth), to: &packet)
        else { return false }
        return seal(&writer, &packet)
    }

    /// A success answer that says nothing more.
    func writeDone(over packet: inout Packet) -> Bool {
        var writer = writer(.success, over: &packet)
        return append(cookieTo: &writer, &packet) && seal(&writer, &packet)
    }

    /// An error answer.
    func writeError(_ refusal: Refusal, over packet: inout Packet) -> Bool {
        var writer = writer(.error, over: &packet)
        let code = refusal.mirrorErrorCode
        guard append(cookieTo: &writer, &packet), writer.append(code, to: &packet) else { return false }
        if code == .unknownAttribute, !writer.append(unknown, to: &packet) { return false }
        if case .redirected(let redirection) = refusal {
            _ = writer.append(TURNAlternateServer(redirection.server), to: &packet)
        }
        return seal(&writer, &packet)
    }

    private func append(cookieTo writer: inout MessageWriter, _ packet: inout Packet) -> Bool {
        writer.append(TURNCookie(), to: &packet)
    }

    private func seal(_ writer: inout MessageWriter, _ packet: inout Packet) -> Bool {
        writer.finish(&packet)
        guard let password else { return true }
        return packet.appendClassicIntegrity(password)
    }
}

extension Refusal {
    /// The number that the drafts have for it: 300 for everything that there is too little of (draft -08 section 7.2.2).
    var mirrorErrorCode: ErrorCode {
        switch self {
        case .mirrors, .mirrorsOfClient, .serverAllocations, .memory, .relayPort, .monthlyBytes, .redirected, .draining,
            .permissionLimit, .channelLimit:
            .tryAlternate
        default: errorCode
        }
    }
}
