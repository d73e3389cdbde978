import Addresses
import STUNAuthentication
import STUNCodec

// Mirrors: what TURN was before it had names and passwords. An allocation like any other, but for who may have it and how
// data travels.

extension MessageType {
    /// Allocate of draft-rosenberg-midcom-turn-00; with 128-bit transaction ids the number is Shared Secret's.
    static var draftAllocate: MessageType { MessageType(.sharedSecret, .request) }
}

extension Server {
    /// Answers an Allocate request of draft-rosenberg-midcom-turn-00 that came to a listening socket.
    mutating func handleDraftAllocate(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        guard let turn = policy.turn, let mirror = turn.mirror, mirror.isDraft00 else {
            return drop(.unknownMethod, from: flow, now: now)
        }
        let answer: MirrorAnswer
        let unknown: AttributeType?
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: .rosenberg)
            unknown = Self.unknownAttribute(of: message)
            answer = MirrorAnswer(message.transactionID, policy.draftAddressLayout)
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        // Whoever is not let in gets no answer, which could hit somebody else.
        guard mirror.allows(flow.source.address) else {
            note(.mirrorClient, .draft00, flow, now: now)
            return drop(.clientForbidden)
        }
        if let unknown {
            hadUnknownAttribute = true
            detail = unknown.rawValue
            return drop(.unknownAttribute, from: flow, now: now)
        }
        guard mayGrant(flow, now: now) else { return drop(.rateLimited, from: flow, now: now) }
        return answer00(answer, turn, mirror, over: &packet, from: flow, now: now, ports: &ports)
    }

    private mutating func answer00(
        _ answer: MirrorAnswer,
        _ turn: TURNPolicy,
        _ mirror: MirrorPolicy,
        over packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        let wasThere = endIfExpired(flow, now: now, ports: &ports)
        let index: Int
        do throws(Refusal) {
            if let wasThere {
                // Another kind of allocation has this 5-tuple.
                guard table.mirror(wasThere)?.draft == .draft00 else { throw .allocationExists }
                index = wasThere
            } else {
                let wish = RelayPortRequest.any(flow.source.address.family)
                index = try allocateMirror(.draft00, flow, turn, mirror, wish, now: now, ports: &ports)
            }
        } catch {
            note(error, .draft00, flow, now: now)
            var alternate: SocketAddress?
            if case .redirected(let redirection) = error { alternate = redirection.server }
            return answer.writeFull(alternate, over: &packet) ? .reply : drop(.tooLarge)
        }
        guard let lifetime = touchMirror(index, now: now),
            let relay = table.allocations[index].relay(flow.source.address.family),
            answer.write(relay.address, lifetime, method: .sharedSecret, over: &packet)
        else { return drop(.tooLarge, from: flow, now: now) }
        counters.countAnswered(.rosenberg)
        if wasThere == nil {
            sources.count(.mirrorSetup, .rosenberg, from: flow, now: now)
        } else {
            // Until it has a peer all that its client sends is the request again (section 6.2); message 1011.
            sources.count(.noChange, .rosenberg, from: flow, now: now)
            effects.append(.repeated(session(index, now: now)))
        }
        return .reply
    }

    /// The allocation of a 5-tuple, after one whose time is up has been removed.
    mutating func endIfExpired(_ flow: ClientFlow, now: Instant, ports: inout some RelayPorts) -> Int? {
        guard let index = table.index(of: flow) else { return nil }
        if table.allocations[index].expires > now { return index }
        end(index, .expired, now: now, ports: &ports)
        return nil
    }

    /// Makes a mirror: with the limits of all allocations, and its own.
    mutating func allocateMirror(
        _ draft: MirrorDraft,
        _ flow: ClientFlow,
        _ turn: TURNPolicy,
        _ mirror: MirrorPolicy,
        _ wish: RelayPortRequest,
        now: Instant,
        ports: inout some RelayPorts
    ) throws(Refusal) -> Int {
        if let rule = turn.peers.tunnel(flow.source.address) { throw .client(rule) }
        try redirect(TURNContext(method: .allocate, flow: flow, now: now), turn)
        guard ledger.mirrors.tryAddAllocation(limit: mirror.total) else { throw .mirrors(mirror.total) }
        let memory = MemoryCost.allocation &+ MemoryCost.relaySocket &+ MemoryCost.mirror
        var account: Account?
        do throws(Refusal) {
            let admitted = try admit(
                AccountKey(mirrorClient: flow.source.address),
                atMost: mirror.perClient,
                orElse: .mirrorsOfClient(mirror.perClient),
                turn,
                memory: memory,
                now: now
            )
            account = admitted
            let relay = try openRelay(wish, now: now, ports: &ports)
            return installMirror(draft, flow, turn, relay, admitted, now: now)
        } catch {
            if let account { giveBack(account, memory: memory) }
            ledger.mirrors.removeAllocation()
            throw error
        }
    }

    private func openRelay(
        _ request: RelayPortRequest,
        now: Instant,
        ports: inout some RelayPorts
    ) throws(Refusal) -> OpenedRelay {
        do throws(RelayPortError) {
            return try ports.open(request, now: now)
        } catch {
            throw .relayPort(error)
        }
    }

    private mutating func installMirror(
        _ draft: MirrorDraft,
        _ flow: ClientFlow,
        _ turn: TURNPolicy,
        _ opened: OpenedRelay,
        _ account: Account,
        now: Instant
    ) -> Int {
        let lifetime = turn.lifetimes.shortest
        let relay = Allocation.Relay(id: opened.id, address: opened.address, expires: now.adding(seconds: lifetime))
        let isV4 = opened.address.address.family == .v4
        serial &+= 1
        var allocation = Allocation(
            serial: serial,
            flow: flow,
            // No user: those are hashes.
            user: UserID(high: 0, low: 0),
            realm: draft.name,
            username: Session.mirrorUser,
            account: account,
            began: now,
            lastRelayed: now,
            v4: isV4 ? relay : nil,
            v6: isV4 ? nil : relay,
            answer: AllocateAnswer(
                transactionID: TransactionID(high: 0, low: 0),
                lifetime: lifetime,
                token: nil,
                missing: nil
            )
        )
        allocation.mirror = table.mirrors.insert(MirrorState(draft: draft, lifetime: lifetime))
        let index = table.insert(allocation)
        wheel.arm(index, at: relay.expires)
        counters.countMirror(draft)
        effects.append(.allocated(session(index, now: now)))
        return index
    }

    /// Lets a mirror last as long again from now on; returns how long that is.
    @discardableResult
    mutating func touchMirror(_ index: Int, now: Instant) -> UInt32? {
        guard let mirror = table.mirror(index) else { return nil }
        // The timer is not armed anew for each packet: it finds the later time when it fires.
        table.allocations[index].setExpiry(now.adding(seconds: mirror.lifetime), of: nil, now: now)
        return mirror.lifetime
    }

    /// Remembers and counts why there is no mirror.
    mutating func note(_ refusal: Refusal, _ draft: MirrorDraft, _ flow: ClientFlow, now: Instant) {
        counters.countShortage(refusal)
        if case .redirected(let redirection) = refusal { counters.countRedirected(redirection.cause) }
        sources.count(.error, draft == .draft00 ? .rosenberg : .classic, from: flow, now: now)
        refused = RefusedRequest(method: .allocate, refusal: refusal, username: NameBytes(), realm: draft.name)
    }

    /// Ends mirrors that new settings do not allow: as soon as time is looked at next.
    mutating func endForbiddenMirrors(_ mirror: MirrorPolicy?) {
        for index in table.allocations.indices where table.allocations[index].isLive {
            let place = table.allocations[index].mirror
            guard place >= 0,
                mirror?.allows(table.allocations[index].flow.source.address, table.mirrors[place].draft) != true
            else { continue }
            table.mirrors[place].isForbidden = true
            table.allocations[index].endAtOnce()
            wheel.arm(index, at: .start)
        }
    }

    /// The first attribute that must be understood and is not: draft -00 has those of STUN's drafts, CHALLENGE to
    /// ALTERNATE-SERVER among them, of which nothing is obeyed.
    private static func unknownAttribute(of message: borrowing Message) -> AttributeType? {
        var offset = message.dialect.headerLength
        while let location = message.nextAttribute(&offset) {
            let type = location.type
            if type.isComprehensionRequired, !(0x0001...0x0007).contains(type.rawValue) { return type }
        }
        return nil
    }
}

extension Session {
    /// What stands in the place of a user's name: no user can be called so by accident.
    static var mirrorUser: String { "(mirror)" }
}

extension Allocation {
    /// Makes the time of all that it has be up.
    mutating func endAtOnce() {
        v4?.expires = .start
        v6?.expires = .start
    }
}
