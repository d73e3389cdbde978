import Addresses
import STUNAuthentication
import STUNCodec

/// Everything that the answer to one Binding request depends on besides the request itself.
struct BindingAnswer {
    let request: BindingRequest
    let flow: ClientFlow
    let endpoints: Endpoints
    /// Where the answer would come from with both change flags set: Ca:Cp of RFC 5780 table 1; nil when the dialect is not
    /// told of one.
    let other: SocketAddress?
    /// Whether another server has handed the request over.
    let isForOther: Bool
    let draftAddressLayout: AddressLayout
    /// The request's length in bytes.
    let requestLength: Int

    /// The largest answer allowed, in bytes: over a connection all that there is room for.
    var limit: Int {
        if flow.transport.isConnected { return .max }
        return AmplificationLimit.bytes(
            forRequestOf: requestLength,
            family: flow.source.address.family,
            hasAlternate: endpoints.hasAlternate || other != nil
        )
    }

    /// The socket that the answer leaves by.
    var role: SocketRole { flow.role.changing(ip: request.change.changesIP, port: request.change.changesPort) }

    private func writer(_ messageClass: MessageType.Class, _ method: Method, over packet: inout Packet) -> MessageWriter
    {
        let layout = request.dialect == .rosenberg ? draftAddressLayout : .standard
        return MessageWriter(
            MessageType(method, messageClass),
            in: request.dialect,
            context: AttributeContext(transactionID: request.context.transactionID, addressLayout: layout),
            limit: limit,
            over: &packet
        )
    }

    /// Writes the success answer of the request's dialect; false when even the bare answer is over the limit.
    func writeSuccess(over packet: inout Packet) -> Bool {
        var writer = writer(.success, .binding, over: &packet)
        switch request.dialect {
        case .rosenberg, .classic: return writeClassic(&writer, over: &packet)
        case .cookie: return writeCookie(&writer, over: &packet)
        }
    }

    /// The answer of RFC 3489 section 8.1 and of the drafts before it.
    ///
    /// MAPPED-ADDRESS, and as far as the limit lets them SOURCE-ADDRESS and CHANGED-ADDRESS. Without a second address
    /// there is no truthful CHANGED-ADDRESS.
    private func writeClassic(_ writer: inout MessageWriter, over packet: inout Packet) -> Bool {
        guard writer.append(MappedAddress(flow.source), to: &packet) else { return false }
        if let source = endpoints.externalAddress(of: role, for: flow) {
            _ = writer.append(SourceAddress(source), to: &packet)
        }
        // rosenberg-00 had no number for CHANGED-ADDRESS.
        if let other, request.dialect == .classic || draftAddressLayout == .draft01 {
            _ = writer.append(ChangedAddress(other), to: &packet)
        }
        writer.finish(&packet)
        return true
    }

    /// RFC 8489 section 6.3.1, and RFC 5780 section 6.1 where four sockets allow it.
    private func writeCookie(_ writer: inout MessageWriter, over packet: inout Packet) -> Bool {
        guard writer.append(XorMappedAddress(flow.source), to: &packet) else { return false }
        if let other, let origin = endpoints.externalAddress(of: role, for: flow) {
            guard writer.append(MappedAddress(flow.source), to: &packet),
                writer.append(ResponseOrigin(origin), to: &packet),
                writer.append(OtherAddress(other), to: &packet)
            else { return false }
        }
        if let padding = request.padding {
            _ = writer.append(Padding(count: answeredPadding(padding, after: writer.count)), to: &packet)
        }
        return finish(&writer, over: &packet)
    }

    /// The length of PADDING in the answer.
    ///
    /// As the request's, but never so that padding makes the answer larger than the request or an Ethernet frame
    /// (attacks row 31).
    private func answeredPadding(_ requested: Int, after count: Int) -> Int {
        let fingerprint = request.fingerprint == .valid ? 8 : 0
        // What an Ethernet frame leaves after the headers of IP and UDP.
        let frame = flow.source.address.family == .v4 ? 1472 : 1452
        let room = min(requestLength, frame) &- count &- 4 &- fingerprint
        return max(0, min(requested, room) & ~3)
    }

    /// Writes the answer to a Shared Secret request (RFC 3489 section 8.2); false when it does not fit.
    func writeSecret(
        _ secret: (name: OneTimeSecrets.Text, password: OneTimeSecrets.Text),
        over packet: inout Packet
    ) -> Bool {
        var writer = writer(.success, .sharedSecret, over: &packet)
        guard writer.append(.username, secret.name, to: &packet), writer.append(.password, secret.password, to: &packet)
        else { return false }
        writer.finish(&packet)
        return true
    }

    /// Writes an error answer; false when it would be over the limit.
    func writeError(_ error: ErrorCode, method: Method = .binding, over packet: inout Packet) -> Bool {
        var writer = writer(.error, method, over: &packet)
        guard writer.append(error, to: &packet) else { return false }
        if error == .unknownAttribute, !writer.append(request.unknown, to: &packet) { return false }
        return finish(&writer, over: &packet)
    }

    private func finish(_ writer: inout MessageWriter, over packet: inout Packet) -> Bool {
        if request.fingerprint == .valid { return writer.finishWithFingerprint(&packet) }
        writer.finish(&packet)
        return true
    }
}
