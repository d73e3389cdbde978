import Addresses
import STUNCodec

extension Server {
    /// Answers a Binding request (RFC 8489 section 6.3.1, RFC 5780 section 6.1, RFC 3489 section 8.1, and the drafts).
    ///
    /// - `told`: the other address that the client was told of by the server that has handed the request over; nil for a
    ///   request that came from the client itself.
    mutating func handleBinding(
        _ request: BindingRequest,
        over packet: inout Packet,
        from flow: ClientFlow,
        told: SocketAddress? = nil,
        now: Instant
    ) -> Verdict {
        // The server that handed a request over has checked it, and changed it; its secrets are its own.
        guard request.integrityAt == 0 || told != nil else {
            return answerSigned(request, over: &packet, from: flow, told: told, now: now)
        }
        return answerBinding(request, over: &packet, from: flow, told: told, now: now)
    }

    /// Answers a request whose integrity, if it has one, is right.
    mutating func answerBinding(
        _ request: BindingRequest,
        over packet: inout Packet,
        from flow: ClientFlow,
        told: SocketAddress?,
        now: Instant
    ) -> Verdict {
        // RFC 8489 section 6.3: a wrong FINGERPRINT means that this is not STUN.
        guard request.fingerprint != .invalid else { return drop(.badFingerprint, from: flow, now: now) }
        if request.dialect != .cookie, let family = request.unknownFamily {
            detail = UInt16(family)
            return drop(.unknownAddressFamily, from: flow, now: now)
        }
        let other = alternateAddress(for: request, from: flow, told: told)
        var request = request
        // RFC 5780 section 6.1.
        if request.dialect == .cookie, request.hasChangeRequest, !other.understandsChange {
            let hasOthers = cluster?.hasSealedPeers == true && policy.endpoints(flow.source.address.family).readsPort2
            lackedOtherServer =
                hasOthers && request.unknown.count == 0 && request.change.changesIP
                && !flow.transport.isConnected
            request.refuse(.changeRequest)
        }
        // A connection has one other end (RFC 8489 section 6.2.2).
        if request.responsePort != nil, flow.transport.isConnected { request.refuse(.responsePort) }
        let answer = answer(to: request, of: packet.count, from: flow, other: other.address, isForOther: told != nil)
        if let type = request.unknown.first {
            hadUnknownAttribute = !lackedOtherServer
            detail = type.rawValue
        }
        if let error = refusal(of: request) {
            return refuse(error, answer, over: &packet, now: now)
        }
        if request.unknown.count > 0 { return drop(.unknownAttribute, from: flow, now: now) }
        if request.isMalformed { return drop(.malformed, from: flow, now: now) }
        let column = told == nil ? column(of: request.change) : .changeIP
        if request.change.discards, request.dialect != .cookie {
            // Processed as asked: a keep-alive like a Binding indication, not an error.
            sources.count(column, request.dialect, from: flow, now: now)
            return drop(.discardFlag)
        }
        return grant(answer, from: other, column, over: &packet, now: now)
    }

    /// Answers a request that nothing speaks against, or hands it to another server.
    private mutating func grant(
        _ answer: BindingAnswer,
        from other: AlternateAddress,
        _ column: SourceTable.Column,
        over packet: inout Packet,
        now: Instant
    ) -> Verdict {
        let (request, flow) = (answer.request, answer.flow)
        if request.change.changesIP, other.address == nil {
            sources.count(column, request.dialect, from: flow, now: now)
            return drop(.noOtherAddress)
        }
        guard mayGrant(flow, now: now) else {
            return drop(.rateLimited, from: flow, now: now)
        }
        if request.change.changesIP, let index = other.peer, let address = other.address {
            sources.count(column, request, from: flow, now: now)
            return handOver(request, to: (index, address), &packet, from: flow, now: now)
        }
        guard answer.writeSuccess(over: &packet) else { return drop(.amplification, from: flow, now: now) }
        counters.countAnswered(request.dialect)
        if answer.isForOther {
            // Its repetitions go to others, so what this server sees of them shows nothing of the client's NAT.
            sources.count(column, request.dialect, from: flow, now: now)
            counters.countAnsweredForOthers()
        } else {
            sources.count(column, request, from: flow, now: now)
        }
        return verdict(for: answer)
    }

    /// Handles a message of the old dialects that came over a connection.
    ///
    /// RFC 3489 has one there, the Shared Secret request over TLS; all that comes over DTLS without the cookie gets 500 or
    /// nothing (RFC 8489 section 11).
    mutating func receiveClassic(
        _ type: MessageType,
        _ dialect: Dialect,
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        guard dialect == .classic, type.messageClass == .request else { return drop(.notSTUN, from: flow, now: now) }
        let request: BindingRequest
        do throws(MalformedMessage) {
            request = BindingRequest(try Message(parsing: packet.bytes, as: dialect))
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        if flow.transport == .dtls {
            let answer = answer(to: request, of: packet.count, from: flow, other: nil, isForOther: false)
            return refuse(.serverError, answer, method: type.method, over: &packet, now: now)
        }
        guard type.method == .sharedSecret else { return drop(.notSTUN, from: flow, now: now) }
        return handleSharedSecret(request, over: &packet, from: flow, now: now)
    }

    func answer(
        to request: BindingRequest,
        of length: Int,
        from flow: ClientFlow,
        other: SocketAddress?,
        isForOther: Bool
    ) -> BindingAnswer {
        BindingAnswer(
            request: request,
            flow: flow,
            endpoints: policy.endpoints(flow.source.address.family),
            other: other,
            isForOther: isForOther,
            draftAddressLayout: policy.draftAddressLayout,
            requestLength: length
        )
    }

    /// The error that a request deserves; the rosenberg drafts knew no errors, so theirs are dropped.
    private func refusal(of request: BindingRequest) -> ErrorCode? {
        guard request.dialect != .rosenberg else { return nil }
        if request.isMalformed { return .badRequest }
        if request.unknown.count > 0 { return .unknownAttribute }
        guard request.dialect == .cookie else { return nil }
        // RFC 5780 section 7.5: never with PADDING. Ports below 1024 belong to services that a forger would aim at.
        if let port = request.responsePort, port < 1024 || request.padding != nil { return .badRequest }
        return nil
    }

    mutating func refuse(
        _ error: ErrorCode,
        _ answer: BindingAnswer,
        method: Method = .binding,
        over packet: inout Packet,
        now: Instant
    ) -> Verdict {
        guard mayRefuse(answer.flow, now: now) else {
            return drop(.rateLimited, from: answer.flow, now: now)
        }
        guard answer.writeError(error, method: method, over: &packet) else {
            return drop(.amplification, from: answer.flow, now: now)
        }
        sources.count(.error, answer.request.dialect, from: answer.flow, now: now)
        counters.countRefused(error)
        return answer.isForOther ? .replyFor(answer.flow.source, from: answer.flow.role) : .reply
    }

    private func verdict(for answer: BindingAnswer) -> Verdict {
        let port = answer.request.responsePort
        if answer.isForOther {
            let client = answer.flow.source
            return .replyFor(SocketAddress(client.address, port: port ?? client.port), from: answer.role)
        }
        return answer.role == answer.flow.role && port == nil ? .reply : .replyFrom(answer.role, toPort: port)
    }

    /// The manual's rule: a request with both flags counts as Change IP.
    private func column(of change: ChangeRequest) -> SourceTable.Column {
        change.changesIP ? .changeIP : change.changesPort ? .changePort : .noChange
    }
}
