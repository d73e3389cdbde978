import Addresses
import STUNCodec

// What travels through a mirror. None of this is on the way of other allocations' packets.

extension Server {
    /// Whether there is any mirror.
    public var hasMirrors: Bool { table.mirrors.count > 0 }

    /// Whether all that a client's 5-tuple sends is data of its mirror, whatever it looks like.
    public func isMirrored(_ flow: ClientFlow) -> Bool {
        guard table.mirrors.count > 0, let index = table.index(of: flow), let mirror = table.mirror(index) else {
            return false
        }
        return mirror.carriesData
    }

    /// Whether what comes to a relayed address may be answered there, as a question of the mirror's own client.
    public func isAsked(at relay: RelayID) -> Bool {
        guard table.mirrors.count > 0, let index = table.mirror(of: relay), let mirror = table.mirror(index) else {
            return false
        }
        return mirror.draft == .draft00 && mirror.destination == nil
    }

    /// Decides on a datagram of a client that has a mirror; nil when it is to be taken for what it is.
    ///
    /// Draft -00 section 6.3: with a peer all is data, without one all is the request again. Later drafts tell requests by their
    /// cookie (draft -08 section 7.2.3). STUN's own requests are answered while there is no peer.
    mutating func relayFromMirrorClient(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: some RelayPorts
    ) -> Verdict? {
        guard rules.isOn, flow.transport == .udp, let index = table.index(of: flow), let mirror = settled(index, now),
            mirror.carriesData, table.allocations[index].expires > now,
            mirror.draft == .draft00 || !MirrorRequest.isMeant(packet.bytes)
        else { return nil }
        guard let peer = mirror.destination else { return drop(.noDestination) }
        return forward(&packet, of: index, to: peer, now: now, ports: ports)
    }

    /// What makes an allocation a mirror, after a transition whose time has come has ended.
    private mutating func settled(_ index: Int, _ now: Instant) -> MirrorState? {
        let place = table.allocations[index].mirror
        guard place >= 0 else { return nil }
        if table.mirrors[place].nextDestination != nil { table.mirrors[place].settle(now) }
        return table.mirrors[place]
    }

    /// Decides on a datagram that came to a mirror's port.
    mutating func receiveAtMirror(
        _ packet: inout Packet,
        at relay: RelayID,
        from sender: SocketAddress,
        now: Instant
    ) -> Verdict {
        guard rules.isOn, let index = table.mirror(of: relay), let mirror = settled(index, now),
            table.relay(sender.address.family, of: index, at: now) != nil
        else { return drop(.noAllocation) }
        if mirror.draft == .draft00, let verdict = receiveFromClient(&packet, mirror, index, from: sender, now: now) {
            return verdict
        }
        let peer = rules.nameForClient(sender)
        if mirror.draft == .draft08 { return receiveFromPermitted(&packet, mirror, index, from: peer, now: now) }
        if let destination = mirror.destination {
            guard peer == destination, let permission = table.permission(for: peer.address, of: index),
                table.permissions[permission].isLive(now)
            else { return drop(.noPermission) }
        } else if let reason = lock(index, to: peer) {
            return drop(reason)
        } else {
            effects.append(.locked(session(index, now: now), peer))
        }
        return toMirrorClient(&packet, mirror, index, now: now)
    }

    /// What the client itself sends to the port of its mirror (chapter 1.4 of the manual); nil when it is not the client's.
    ///
    /// While there is no peer a request of the old drafts from the address of the mirror's client is answered with the
    /// address that it came from, and data then goes there, through the NAT's binding for this port.
    private mutating func receiveFromClient(
        _ packet: inout Packet,
        _ mirror: MirrorState,
        _ index: Int,
        from sender: SocketAddress,
        now: Instant
    ) -> Verdict? {
        if let peer = mirror.destination {
            guard mirror.hasAsked(sender) else { return nil }
            // Whether an allocation has the port now is not known here, and else it is a service of this host.
            guard !peers.check(peer).needsAllocation else { return drop(.peerForbidden) }
            // Of two ports that have asked, data goes back to the one that sends it.
            if sender != mirror.clientAtPort { table.mirrors[table.allocations[index].mirror].ask(from: sender) }
            return forwardFromPort(&packet, of: index, to: peer, now: now)
        }
        if sender.address == table.allocations[index].flow.source.address,
            let answer = DraftQuestion(packet.bytes, policy.draftAddressLayout)
        {
            // Whoever writes the client's address as sender gets no more answers than for a Binding request.
            guard mayGrant(table.allocations[index].flow, now: now) else { return drop(.rateLimited) }
            // Between our own relay sockets datagrams could go in circles.
            guard sender.isAnswerable, let relay = table.relay(sender.address.family, of: index, at: now),
                !peers.isRelaying(sender.address), let lifetime = touchMirror(index, now: now),
                answer.write(sender, lifetime, over: &packet)
            else { return drop(.peerForbidden) }
            table.mirrors[table.allocations[index].mirror].ask(from: sender)
            sources.count(.noChange, from: table.allocations[index].flow.source, now: now)
            return .toPeer(sender, relay, dontFragment: false)
        }
        return mirror.hasAsked(sender) ? drop(.noDestination) : nil
    }

    /// Gives a mirror its peer (draft -00 section 6.3: the first that sends); says why not when the rules forbid it.
    private mutating func lock(_ index: Int, to peer: SocketAddress) -> DropReason? {
        guard peer.port != 0, !peers.check(peer).isDenied,
            ledger.memory.take(MemoryCost.permission, limit: rules.quotas.memory)
        else { return .peerForbidden }
        // It ends with the mirror.
        let forever = Instant(nanoseconds: .max)
        _ = table.permit(peer.address, isOurs: peers.isOurs(peer.address), until: forever, of: index)
        table.mirrors[table.allocations[index].mirror].destination = peer
        return nil
    }

    /// Sends a client's datagram to the peer as it is.
    mutating func forward(
        _ packet: inout Packet,
        of index: Int,
        to peer: SocketAddress,
        now: Instant,
        ports: some RelayPorts
    ) -> Verdict {
        if peers.isOurs(peer.address), Self.rule(against: peer, peers, ports) != nil { return drop(.peerForbidden) }
        return forwardFromPort(&packet, of: index, to: peer, now: now)
    }

    private mutating func forwardFromPort(
        _ packet: inout Packet,
        of index: Int,
        to peer: SocketAddress,
        now: Instant
    ) -> Verdict {
        guard let permission = table.permission(for: peer.address, of: index), table.permissions[permission].isLive(now)
        else { return drop(.noPermission) }
        let verdict = toPeer(peer, 0, packet.count, of: index, dontFragment: false, &packet, now: now)
        if case .toPeer = verdict { touchMirror(index, now: now) }
        return verdict
    }

    /// Sends a peer's datagram to the client as it is; `data` of its bytes are the peer's, or all.
    mutating func toMirrorClient(
        _ packet: inout Packet,
        _ mirror: MirrorState,
        _ index: Int,
        data: Int? = nil,
        now: Instant
    ) -> Verdict {
        let bytes = data ?? packet.count
        guard spend(bytes, on: index, now: now) else { return drop(.overQuota) }
        touchMirror(index, now: now)
        table.allocations[index].traffic.countToClient(bytes)
        table.allocations[index].lastRelayed = now
        counters.traffic.countToClient(bytes)
        guard let client = mirror.clientAtPort else { return .toClient(table.allocations[index].flow) }
        guard let relay = table.relay(client.address.family, of: index, at: now) else { return drop(.noAllocation) }
        return .toPeer(client, relay, dontFragment: false)
    }
}

/// A request of the drafts of 2001 that a client sends to the port of its mirror: Binding, or Allocate again.
private struct DraftQuestion {
    private let method: Method
    private let answer: MirrorAnswer

    init?(_ bytes: RawSpan, _ layout: AddressLayout) {
        guard Demultiplexer.classify(bytes) == .message(.rosenberg),
            let message = try? Message(parsing: bytes, as: .rosenberg), message.type.messageClass == .request,
            message.type.method == .binding || message.type == .draftAllocate
        else { return nil }
        method = message.type.method
        answer = MirrorAnswer(message.transactionID, layout)
    }

    func write(_ address: SocketAddress, _ lifetime: UInt32, over packet: inout Packet) -> Bool {
        answer.write(address, lifetime, method: method, over: &packet)
    }
}
