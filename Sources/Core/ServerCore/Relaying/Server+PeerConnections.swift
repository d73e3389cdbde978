public import Addresses
import STUNAuthentication
public import STUNCodec

// MARK: What the runtime tells

extension Server {
    /// How many bytes are moved in one go, so that other connections have their turn; fewer where they are counted against a
    /// bandwidth.
    private static let usualMove = 262_144
    private static let limitedMove = 65_536

    /// Says what became of a `Verdict.connect`, and writes the client's answer (RFC 6062 section 5.2).
    ///
    /// - `packet`: room to write in; what it holds does not matter.
    /// - Returns: `toClient`; else the allocation has ended meanwhile, and a connection that is there is to be closed.
    public mutating func peerConnected(
        _ id: ConnectionID,
        _ isConnected: Bool,
        over packet: inout Packet,
        now: Instant
    ) -> Verdict {
        if refused != nil { refused = nil }
        guard let index = connections.index(of: id), case .connecting(let pending) = connections[index].state,
            table.allocations[connections[index].allocation].expires > now
        else { return drop(.noAllocation) }
        let peer = connections[index].peer
        let allocation = connections[index].allocation
        let flow = table.allocations[allocation].flow
        var refusal: Refusal?
        if case .denied(let rule) = peers.check(peer) {
            refusal = .peer(peer, rule)
        } else if !isConnected {
            refusal = .connectFailed(peer)
        }
        if let refusal {
            if isConnected { connections.ended.append(id) }
            removeConnection(index)
            return refuse(refusal, pending, of: allocation, over: &packet, now: now)
        }
        connections[index].state = .waiting
        connections.arm(index, at: now.adding(seconds: Self.bindSeconds))
        Self.answer(to: pending, flow).writeConnected(id, pending, over: &packet)
        counters.countTURN(.connect)
        sources.count(.noChange, .cookie, from: flow, now: now)
        return .toClient(flow)
    }

    /// Writes the answer to a Connect request whose time is over, or whose peer is forbidden by now; nil when there is none
    /// left.
    ///
    /// To be called after `advance` and after a new policy until it returns nil. What is being connected is told by
    /// `takeEndedConnections`.
    public mutating func answerUnconnected(over packet: inout Packet, now: Instant) -> Verdict? {
        while let id = connections.unanswered.popLast() {
            guard connections.index(of: id) != nil else { continue }
            connections.ended.append(id)
            return peerConnected(id, false, over: &packet, now: now)
        }
        return nil
    }

    /// Decides on a connection that a peer has made to a relayed address (RFC 6062 section 5.3).
    ///
    /// - `packet`: room to write in; what it holds does not matter.
    /// - Returns: `attempt`; else the connection is to be closed.
    public mutating func peerAccepted(
        at relay: RelayID,
        from peer: SocketAddress,
        over packet: inout Packet,
        now: Instant
    ) -> Verdict {
        guard let turn = policy.turn, let index = table.index(of: relay), table.allocations[index].relaysTCP,
            table.relay(peer.address.family, of: index, at: now) != nil
        else { return drop(.noAllocation) }
        let peer = rules.nameForClient(peer)
        guard let permission = table.permission(for: peer.address, of: index), table.permissions[permission].isLive(now)
        else { return drop(.noPermission) }
        // The permission may be older than the rules' last word on the port.
        if peers.check(peer).isDenied { return drop(.peerForbidden) }
        let connection: Int32
        do throws(Refusal) {
            connection = try addConnection(to: peer, of: index, .waiting, turn)
        } catch {
            counters.countShortage(error)
            return drop(.overQuota)
        }
        connections.arm(connection, at: now.adding(seconds: Self.bindSeconds))
        let id = connections[connection].id
        writeAttempt(id, from: peer, over: &packet)
        return .attempt(id, table.allocations[index].flow)
    }

    /// Says that a connection with a peer has ended, or the client's that was bound to it; the runtime closes the other one
    /// (RFC 6062 section 5.5).
    public mutating func peerConnectionEnded(_ id: ConnectionID) {
        guard let index = connections.index(of: id) else { return }
        removeConnection(index)
    }

    /// How many bytes may be moved over a bound connection now, at most.
    ///
    /// 0 while a bandwidth or the bytes of the month are used up: what comes is to wait, and nothing more is to be read.
    public mutating func allowance(of id: ConnectionID, now: Instant) -> Int {
        guard let connection = connections.index(of: id) else { return 0 }
        let index = connections[connection].allocation
        if table.allocations[index].isOverQuota { return 0 }
        if let rate = rules.quotas.totalBytes, !ledger.total.hasRoom(limit: rate, now: now) { return 0 }
        if let rate = rules.quotas.userBytes, !table.allocations[index].account.hasRoom(limit: rate, now: now) {
            return 0
        }
        let isLimited = rules.quotas.totalBytes != nil || rules.quotas.userBytes != nil
        return isLimited ? Self.limitedMove : Self.usualMove
    }

    /// Counts bytes that were moved over a bound connection.
    ///
    /// How many they are is known only when they have been moved, so they may be more than the bandwidth allows: `allowance`
    /// is 0 then until that has been made up for.
    public mutating func moved(_ bytes: Int, toPeer: Bool, on id: ConnectionID, now: Instant) {
        guard bytes > 0, let connection = connections.index(of: id) else { return }
        let index = connections[connection].allocation
        if let rate = rules.quotas.totalBytes { ledger.total.charge(bytes: bytes, limit: rate, now: now) }
        if let rate = rules.quotas.userBytes {
            table.allocations[index].account.charge(bytes: bytes, limit: rate, now: now)
        }
        table.allocations[index].lastRelayed = now
        if toPeer {
            table.allocations[index].traffic.countToPeer(bytes)
            counters.traffic.countToPeer(bytes)
        } else {
            table.allocations[index].traffic.countToClient(bytes)
            counters.traffic.countToClient(bytes)
        }
    }

    /// Whether `answerUnconnected` or `takeEndedConnections` has anything to give.
    public var hasConnectionWork: Bool { !connections.unanswered.isEmpty || !connections.ended.isEmpty }

    /// Takes out the connections that have ended without the runtime having said so: to be closed with the clients' that are
    /// bound to them.
    public mutating func takeEndedConnections() -> [ConnectionID] {
        guard !connections.ended.isEmpty else { return [] }
        var taken: [ConnectionID] = []
        swap(&taken, &connections.ended)
        return taken
    }
}

// MARK: Ends

extension Server {
    /// Does what time demands of connections: a Connect request is to be answered, or nobody has bound what was there.
    mutating func expireConnections(now: Instant) {
        while let index = connections.popExpired(now: now) {
            let id = connections[index].id
            if connections[index].isWaiting {
                connections.ended.append(id)
                removeConnection(index)
            } else {
                connections.unanswered.append(id)
            }
        }
    }

    /// Ends the connections of an allocation, or those of one family (RFC 6062 section 5.5).
    mutating func endConnections(_ family: IPAddress.Family?, of index: Int) {
        endConnections(of: index) { family == nil || $0.peer.address.family == family }
    }

    /// Ends connections whose peer the rules forbid by now; a Connect request gets its answer first.
    mutating func endForbiddenConnections(of index: Int) {
        let peers = peers
        endConnections(of: index, answering: true) { peers.check($0.peer).isDenied }
    }

    private mutating func endConnections(
        of index: Int,
        answering: Bool = false,
        where isMeant: (PeerConnection) -> Bool
    ) {
        var next = table.allocations[index].firstConnection
        while next >= 0 {
            let connection = connections[next]
            let current = next
            next = connection.next
            guard isMeant(connection) else { continue }
            if answering, case .connecting = connection.state {
                connections.unanswered.append(connection.id)
                continue
            }
            connections.ended.append(connection.id)
            removeConnection(current)
        }
    }

    /// The connections of an allocation, as those who run the server see them.
    func peerConnections(of allocation: Int) -> [(peer: SocketAddress, stage: ConnectionStage)] {
        var all: [(peer: SocketAddress, stage: ConnectionStage)] = []
        var next = table.allocations[allocation].firstConnection
        while next >= 0 {
            let stage: ConnectionStage =
                switch connections[next].state {
                case .connecting: .connecting
                case .waiting: .waiting
                case .bound: .bound
                }
            all.append((connections[next].peer, stage))
            next = connections[next].next
        }
        return all
    }

    /// Takes a connection out of its allocation's list, and gives back what it took.
    private mutating func removeConnection(_ index: Int32) {
        let (allocation, following) = (connections[index].allocation, connections[index].next)
        if table.allocations[allocation].firstConnection == index {
            table.allocations[allocation].firstConnection = following
        } else {
            var previous = table.allocations[allocation].firstConnection
            while previous >= 0, connections[previous].next != index { previous = connections[previous].next }
            if previous >= 0 { connections[previous].next = following }
        }
        table.allocations[allocation].connectionCount &-= 1
        ledger.memory.give(MemoryCost.peerConnection)
        connections.remove(index)
    }
}

// MARK: What is written

extension Server {
    private static func answer(to pending: PendingConnect, _ flow: ClientFlow) -> TURNAnswer {
        TURNAnswer(
            method: .connect,
            transactionID: pending.transactionID,
            flow: flow,
            hasFingerprint: pending.hasFingerprint,
            realm: pending.identity.realm,
            unknown: UnknownAttributes()
        )
    }

    private mutating func refuse(
        _ refusal: Refusal,
        _ pending: PendingConnect,
        of allocation: Int,
        over packet: inout Packet,
        now: Instant
    ) -> Verdict {
        let flow = table.allocations[allocation].flow
        username = NameBytes(table.allocations[allocation].username)
        packet.write(pending.transactionID)
        Self.answer(to: pending, flow).writeError(refusal, pending.identity, over: &packet)
        note(refusal, TURNContext(method: .connect, flow: flow, now: now), realm: pending.identity.realm)
        return .toClient(flow)
    }

    /// The ConnectionAttempt indication (RFC 6062 section 5.3).
    private mutating func writeAttempt(_ id: ConnectionID, from peer: SocketAddress, over packet: inout Packet) {
        let transactionID = transactionIDs.next()
        var writer = MessageWriter(
            MessageType(.connectionAttempt, .indication),
            in: .cookie,
            context: AttributeContext(transactionID: transactionID, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        packet.write(transactionID)
        _ = writer.append(XorPeerAddress(peer), to: &packet)
        _ = writer.append(id, to: &packet)
        writer.finish(&packet)
    }
}

extension TURNAnswer {
    /// The success answer to a Connect request that is gone (RFC 6062 section 5.2).
    func writeConnected(_ id: ConnectionID, _ pending: PendingConnect, over packet: inout Packet) {
        packet.write(pending.transactionID)
        var writer = writer(.success, over: &packet)
        _ = writer.append(id, to: &packet)
        seal(&writer, pending.identity, over: &packet)
    }
}

extension Packet {
    /// Writes a transaction ID with its cookie where one stands.
    @_lifetime(self: copy self)
    mutating func write(_ id: TransactionID) {
        write(id.high, at: 4)
        write(id.low, at: 12)
    }
}
