import Addresses
import STUNAuthentication
public import STUNCodec

// Requests of draft-rosenberg-midcom-turn-01 and -08, with the shared secrets of RFC 3489.

/// What a request of drafts -01 and -08 led to.
private enum MirrorOutcome {
    /// A new mirror, by its allocation's index, with BANDWIDTH.
    case allocated(Int, UInt32)
    /// The mirror's request came again.
    case refreshed(Int, UInt32)
    /// The mirror is gone (LIFETIME 0).
    case ended(SocketAddress, UInt32)
    /// Set Active Destination succeeded.
    case activated
    /// Data is to be sent; where it stands.
    case send(Int, SocketAddress, start: Int, count: Int)
}

/// A request on its way: what every step needs.
private struct MirrorContext {
    let flow: ClientFlow
    let now: Instant
    let turn: TURNPolicy
    let mirror: MirrorPolicy
}

/// A Send request whose data is on its way, and which is to be answered: a datagram that comes in lets one leave.
struct UnansweredSend: Sendable {
    let flow: ClientFlow
    let answer: MirrorCookieAnswer
}

extension Server {
    /// Answers a request with the cookie of the drafts.
    mutating func handleMirrorRequest(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        guard let turn = policy.turn, let mirror = turn.mirror else {
            return drop(.unknownMethod, from: flow, now: now)
        }
        guard mirror.allows(flow.source.address) else {
            note(.mirrorClient, .draft08, flow, now: now)
            return drop(.clientForbidden)
        }
        let context = MirrorContext(flow: flow, now: now, turn: turn, mirror: mirror)
        var answer: MirrorCookieAnswer
        let outcome: Result<MirrorOutcome, Refusal>
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: .classic)
            let request = MirrorRequest(message)
            answer = MirrorCookieAnswer(type: request.type, transactionID: request.transactionID)
            answer.unknown = request.unknown
            outcome = decide(message, request, context, &answer, ports: &ports)
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        switch outcome {
        case .failure(let refusal):
            note(refusal, .draft08, flow, now: now)
            counters.countRefused(refusal.mirrorErrorCode)
            guard mayRefuse(flow, now: now) else { return drop(.rateLimited) }
            return answer.writeError(refusal, over: &packet) ? .reply : drop(.tooLarge)
        case .success(.send(let index, let peer, let start, let count)):
            sources.count(.noChange, .classic, from: flow, now: now)
            let verdict = toPeer(peer, start, count, of: index, dontFragment: false, &packet, now: now)
            // What was not sent is not answered, and keeps no mirror.
            if case .toPeer = verdict {
                unansweredSends.append(UnansweredSend(flow: flow, answer: answer))
                touchMirror(index, now: now)
            }
            return verdict
        case .success(let outcome):
            guard mayGrant(flow, now: now) else { return drop(.rateLimited, from: flow, now: now) }
            return write(outcome, answer, context, over: &packet)
        }
    }

    private mutating func write(
        _ outcome: MirrorOutcome,
        _ answer: MirrorCookieAnswer,
        _ context: MirrorContext,
        over packet: inout Packet
    ) -> Verdict {
        let isWritten: Bool
        var column = SourceTable.Column.noChange
        switch outcome {
        case .allocated(let index, let bandwidth):
            column = .mirrorSetup
            let isFirst = table.mirror(index)?.draft == .draft01
            isWritten = writeAllocated(index, bandwidth, answer, hasCookie: !isFirst, over: &packet)
        case .refreshed(let index, let bandwidth):
            effects.append(.repeated(session(index, now: context.now)))
            isWritten = writeAllocated(index, bandwidth, answer, hasCookie: true, over: &packet)
        case .ended(let relayed, let bandwidth):
            isWritten = answer.writeAllocated(
                relayed,
                lifetime: 0,
                bandwidth: bandwidth,
                hasCookie: true,
                over: &packet
            )
        case .activated, .send: isWritten = answer.writeDone(over: &packet)
        }
        guard isWritten else { return drop(.tooLarge, from: context.flow, now: context.now) }
        counters.countAnswered(.classic)
        sources.count(column, .classic, from: context.flow, now: context.now)
        return .reply
    }

    private func writeAllocated(
        _ index: Int,
        _ bandwidth: UInt32,
        _ answer: MirrorCookieAnswer,
        hasCookie: Bool,
        over packet: inout Packet
    ) -> Bool {
        let allocation = table.allocations[index]
        guard let mirror = table.mirror(index), let relay = allocation.relay(allocation.flow.source.address.family)
        else {
            return false
        }
        return answer.writeAllocated(
            relay.address,
            lifetime: mirror.lifetime,
            bandwidth: bandwidth,
            hasCookie: hasCookie,
            over: &packet
        )
    }

    private mutating func decide(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ context: MirrorContext,
        _ answer: inout MirrorCookieAnswer,
        ports: inout some RelayPorts
    ) -> Result<MirrorOutcome, Refusal> {
        do throws(Refusal) {
            let index = endIfExpired(context.flow, now: context.now, ports: &ports)
            if let index, table.mirror(index)?.secret == nil { throw .allocationExists }
            if index == nil, request.type != .mirrorAllocate { throw .noAllocation }
            let secret = try authenticate(message, request, index, context.now)
            answer.password = secret.password
            if let type = request.unknown.first {
                hadUnknownAttribute = true
                detail = type.rawValue
                throw .unknownAttribute(type)
            }
            guard let index else { return .success(try allocate(message, request, secret, context, ports: &ports)) }
            switch request.type {
            case .mirrorSend: return .success(try send(message, request, index, context, ports))
            case .setActiveDestination: return .success(try activate(message, request, index, context.now))
            default: return .success(try refresh(message, request, index, context, ports: &ports))
            }
        } catch {
            return .failure(error)
        }
    }

    /// Draft -08 section 7.2.2: the name and password of a Shared Secret answer, and for a mirror the ones that made it.
    private func authenticate(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ index: Int?,
        _ now: Instant
    ) throws(Refusal) -> MirrorSecret {
        guard let integrity = request.integrity else { throw .sharedSecret(.unauthenticated) }
        guard let username = request.username else { throw .sharedSecret(.missingUsername) }
        let name = message.value(username)
        let secret: MirrorSecret
        if let index, let known = table.mirror(index)?.secret {
            guard known.name.isSame(as: name) else { throw .sharedSecret(.wrongCredentials) }
            secret = known
        } else {
            guard let secrets = policy.oneTimeSecrets, let text = OneTimeSecrets.Text(name),
                case .valid(let password) = secrets.check(name, at: unixSeconds(at: now))
            else { throw .sharedSecret(.staleCredentials) }
            secret = MirrorSecret(name: text, password: password)
        }
        guard message.checkClassicIntegrity(at: integrity.start, password: secret.password) else {
            throw .sharedSecret(.integrityCheckFailure)
        }
        return secret
    }

    private mutating func allocate(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ secret: MirrorSecret,
        _ context: MirrorContext,
        ports: inout some RelayPorts
    ) throws(Refusal) -> MirrorOutcome {
        let lifetime = try lifetime(message, request, context)
        let bandwidth = try bandwidth(message, request)
        guard lifetime > 0 else { throw .noAllocation }
        let draft: MirrorDraft = request.preferences != nil || context.mirror.isDraft01 ? .draft01 : .draft08
        let family = context.flow.source.address.family
        // Draft -01 section 9.2.1: of the preferences the even port can be had, which a call's media need.
        var wish = RelayPortRequest.any(family)
        if let preferences = request.preferences {
            let value = message.value(preferences)
            guard value.byteCount >= 4 else { throw .malformed(.channelNumber) }
            if value.uint32(at: 0) & 3 == 2 { wish = .even(family) }
        }
        let index = try allocateMirror(
            draft,
            context.flow,
            context.turn,
            context.mirror,
            wish,
            now: context.now,
            ports: &ports
        )
        let place = table.allocations[index].mirror
        table.mirrors[place].secret = secret
        table.mirrors[place].lifetime = lifetime
        restartMirror(index, now: context.now)
        return .allocated(index, bandwidth)
    }

    /// Allocate on the 5-tuple of a mirror (draft -08 section 7.2.3).
    private mutating func refresh(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ index: Int,
        _ context: MirrorContext,
        ports: inout some RelayPorts
    ) throws(Refusal) -> MirrorOutcome {
        let lifetime = try lifetime(message, request, context)
        let bandwidth = try bandwidth(message, request)
        guard lifetime > 0 else {
            guard let relay = table.allocations[index].relay(context.flow.source.address.family) else {
                throw .noAllocation
            }
            end(index, .deleted, now: context.now, ports: &ports)
            return .ended(relay.address, bandwidth)
        }
        table.mirrors[table.allocations[index].mirror].lifetime = lifetime
        restartMirror(index, now: context.now)
        return .refreshed(index, bandwidth)
    }

    /// Gives a mirror its time anew, which may be a shorter one than it has left.
    private mutating func restartMirror(_ index: Int, now: Instant) {
        touchMirror(index, now: now)
        wheel.arm(index, at: table.allocations[index].expires)
    }

    /// Draft -08 section 7.2.2: what is asked for may be lowered and not raised.
    private func lifetime(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ context: MirrorContext
    ) throws(Refusal) -> UInt32 {
        let asked = try message.read(request.lifetime, as: Lifetime.self)?.seconds
        return min(asked ?? context.turn.lifetimes.shortest, context.turn.lifetimes.longest)
    }

    /// What is asked for is said again, else what one client may have, in kbit/s.
    private func bandwidth(_ message: borrowing Message, _ request: MirrorRequest) throws(Refusal) -> UInt32 {
        if let asked = try message.read(request.bandwidth, as: Bandwidth.self) { return asked.kilobits }
        return rules.quotas.userBytes.map { UInt32(clamping: $0.perSecond / 125) } ?? .max
    }

    // MARK: Draft -08

    /// A Send request (draft -08 section 7.3): its data goes out, and what comes back from that address comes in.
    private mutating func send(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ index: Int,
        _ context: MirrorContext,
        _ ports: some RelayPorts
    ) throws(Refusal) -> MirrorOutcome {
        guard let named = try message.read(request.destination, as: DestinationAddress.self)?.address else {
            throw .missing(.destinationAddress)
        }
        guard let data = request.data else { throw .missing(.data) }
        guard table.mirror(index)?.draft == .draft08 else { throw .unknownMethod(request.type.method) }
        let peer = rules.nameForClient(named)
        guard table.allocations[index].relay(peer.address.family) != nil else {
            throw .peerFamily(peer.address.family.rawValue)
        }
        try checkPeer(peer, ports)
        if table.permission(for: peer.address, of: index) == nil {
            guard table.allocations[index].permissionCount < context.turn.permissionsPerAllocation else {
                throw .permissionLimit(context.turn.permissionsPerAllocation)
            }
            try takeMemory(MemoryCost.permission, context.turn)
        }
        let isOurs = peers.isOurs(peer.address)
        _ = table.permit(peer.address, isOurs: isOurs, until: Instant(nanoseconds: .max), of: index)
        if table.channel(to: peer, of: index) == nil {
            guard table.allocations[index].channelCount < context.turn.channelsPerAllocation else {
                throw .channelLimit(context.turn.channelsPerAllocation)
            }
            try takeMemory(MemoryCost.channel, context.turn)
            table.remember(peer, of: index)
        }
        return .send(index, peer, start: data.start, count: data.count)
    }

    /// Set Active Destination (draft -08 section 7.5).
    private mutating func activate(
        _ message: borrowing Message,
        _ request: MirrorRequest,
        _ index: Int,
        _ now: Instant
    ) throws(Refusal) -> MirrorOutcome {
        guard let named = try message.read(request.destination, as: DestinationAddress.self)?.address else {
            throw .missing(.destinationAddress)
        }
        guard var mirror = table.mirror(index), mirror.draft == .draft08 else {
            throw .unknownMethod(request.type.method)
        }
        mirror.settle(now)
        let peer = rules.nameForClient(named)
        if mirror.destination == peer { return .activated }
        if mirror.nextDestination != nil { throw .transitioning }
        guard table.channel(to: peer, of: index) != nil else { throw .noDestination(peer) }
        if mirror.destination == nil {
            mirror.destination = peer
        } else {
            mirror.destination = nil
            mirror.nextDestination = peer
            mirror.settles = now.adding(seconds: 3)
        }
        table.mirrors[table.allocations[index].mirror] = mirror
        effects.append(.locked(session(index, now: now), peer))
        return .activated
    }

    /// Whether `answerSend` has anything to write.
    public var hasUnansweredSends: Bool { !unansweredSends.isEmpty }

    /// Writes the answer to a Send request whose data is on its way; `packet` is room to write in.
    public mutating func answerSend(over packet: inout Packet) -> Verdict {
        guard let send = unansweredSends.popLast() else { return drop(.noAllocation) }
        packet.write(send.answer.transactionID)
        guard send.answer.writeDone(over: &packet) else { return drop(.tooLarge) }
        counters.countAnswered(.classic)
        return .toClient(send.flow)
    }
}
