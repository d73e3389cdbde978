import Addresses
import STUNAuthentication
import STUNCodec

// TCP relaying (RFC 6062). The runtime connects, accepts and joins; what may be is decided here.

extension Server {
    /// How long a Connect request may take (RFC 6062 section 5.2: at least this).
    static let connectSeconds: UInt32 = 30
    /// How long a connection with a peer waits for the client's (RFC 6062 sections 5.2 and 5.3).
    static let bindSeconds: UInt32 = 30

    /// Connect (RFC 6062 section 5.2): the answer waits for the outcome.
    ///
    /// It needs no permission, which is for what comes from peers; the rules for peers hold as they do for all that goes
    /// to them (attacks row 13).
    mutating func connect(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        ports: some RelayPorts
    ) throws(Refusal) -> TURNOutcome {
        let index = try ownAllocation(context, identity)
        guard table.allocations[index].relaysTCP else { throw .otherTransport }
        guard let named = try message.read(request.peer, as: XorPeerAddress.self)?.address else {
            throw .missing(.xorPeerAddress)
        }
        let peer = rules.nameForClient(named)
        guard connection(to: peer, of: index) == nil else { throw .connectionExists(peer) }
        try checkFamily(of: peer, index, context.now)
        if let rule = Self.rule(againstConnectionTo: peer, peers, ports) { throw .peer(peer, rule) }
        let pending = PendingConnect(
            transactionID: message.transactionID,
            hasFingerprint: message.fingerprint == .valid,
            identity: identity
        )
        let connection = try addConnection(to: peer, of: index, .connecting(pending), turn)
        connections.arm(connection, at: context.now.adding(seconds: Self.connectSeconds))
        return .connecting(connection)
    }

    /// What a Connect request that may go on leads to.
    func connect(_ index: Int32) -> Verdict {
        let connection = connections[index]
        // The family was looked at a moment ago.
        guard let relay = table.allocations[connection.allocation].relay(connection.peer.address.family) else {
            return .drop(.noAllocation)
        }
        return .connect(rules.destination(of: connection.peer), relay.id, connection.id)
    }

    /// ConnectionBind (RFC 6062 section 5.4): the client's connection that it came on gets a peer's.
    mutating func bindConnection(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ identity: AuthenticatedRequest
    ) throws(Refusal) -> TURNOutcome {
        guard context.flow.transport.isStream else { throw .needsStream }
        // RFC 6062 section 4.3: another connection than the one with the allocation, where messages would end with it.
        if let index = table.index(of: context.flow), table.allocations[index].expires > context.now {
            throw .allocationExists
        }
        guard let id = try message.read(request.connectionID, as: ConnectionID.self) else {
            throw .missing(.connectionID)
        }
        guard let index = connections.index(of: id), connections[index].isWaiting else { throw .unknownConnection }
        let allocation = connections[index].allocation
        guard table.allocations[allocation].expires > context.now else { throw .unknownConnection }
        guard table.allocations[allocation].user == identity.user else { throw .otherUser }
        connections[index].state = .bound
        connections.disarm(index)
        return .bound(id)
    }

    /// The connection of an allocation with a peer, however far it is.
    private func connection(to peer: SocketAddress, of index: Int) -> Int32? {
        var next = table.allocations[index].firstConnection
        while next >= 0 {
            if connections[next].peer == peer { return next }
            next = connections[next].next
        }
        return nil
    }

    /// Counts a new connection, gives it a number, and puts it first in its allocation's list.
    mutating func addConnection(
        to peer: SocketAddress,
        of index: Int,
        _ state: PeerConnection.State,
        _ turn: TURNPolicy
    ) throws(Refusal) -> Int32 {
        guard table.allocations[index].connectionCount < turn.connectionsPerAllocation else {
            throw .connectionLimit(turn.connectionsPerAllocation)
        }
        try takeMemory(MemoryCost.peerConnection, turn)
        let connection = PeerConnection(
            id: freshConnectionID(),
            allocation: index,
            peer: peer,
            state: state,
            next: table.allocations[index].firstConnection
        )
        let place = connections.insert(connection)
        table.allocations[index].firstConnection = place
        table.allocations[index].connectionCount &+= 1
        return place
    }

    /// A number that nobody can foresee and no other connection of this worker has.
    private mutating func freshConnectionID() -> ConnectionID {
        while true {
            let random = UInt32(truncatingIfNeeded: transactionIDs.next().low)
            let id = ConnectionID(worker: worker, random: random)
            if connections.index(of: id) == nil { return id }
        }
    }

    /// The rule that forbids a connection to a peer; one at our own relay address is allowed where a TCP allocation is.
    private static func rule(
        againstConnectionTo peer: SocketAddress,
        _ peers: PeerRules,
        _ ports: some RelayPorts
    ) -> PeerRule? {
        switch peers.check(peer) {
        case .allowed: nil
        case .denied(let rule): rule
        case .ownRelayAddress(let rule): ports.isListening(port: peer.port, of: peer.address.family) ? nil : rule
        }
    }
}
