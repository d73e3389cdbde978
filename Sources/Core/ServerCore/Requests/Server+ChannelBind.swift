import Addresses
import STUNAuthentication
import STUNCodec

extension Server {
    /// How long a channel is bound (RFC 8656 section 12).
    static let channelSeconds: UInt32 = 600

    /// ChannelBind (RFC 8656 section 12.2).
    mutating func bindChannel(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        ports: inout some RelayPorts
    ) throws(Refusal) -> TURNOutcome {
        let index = try ownAllocation(context, identity)
        guard !table.allocations[index].relaysTCP else { throw .otherTransport }
        guard let number = try message.read(request.channelNumber, as: ChannelNumber.self)?.number else {
            throw .missing(.channelNumber)
        }
        guard let named = try message.read(request.peer, as: XorPeerAddress.self)?.address else {
            throw .missing(.xorPeerAddress)
        }
        let peer = rules.nameForClient(named)
        guard rules.acceptsChannel(number) else { throw .channelNumber(number) }
        sweep(index, now: context.now)
        if let channel = table.channel(number, of: index), table.channels[channel].peer != peer {
            throw .channelTaken(number, by: table.channels[channel].peer)
        }
        let existing = table.channel(to: peer, of: index)
        if let existing, table.channels[existing].number != number {
            throw .peerTaken(peer, by: table.channels[existing].number)
        }
        try checkFamily(of: peer, index, context.now)
        try checkPeer(peer, ports)
        if existing == nil, table.allocations[index].channelCount >= turn.channelsPerAllocation {
            throw .channelLimit(turn.channelsPerAllocation)
        }
        let isPermitted = table.permission(for: peer.address, of: index) != nil
        if !isPermitted, table.allocations[index].permissionCount >= turn.permissionsPerAllocation {
            throw .permissionLimit(turn.permissionsPerAllocation)
        }
        // A refresh takes none.
        let memory = (isPermitted ? 0 : MemoryCost.permission) &+ (existing != nil ? 0 : MemoryCost.channel)
        if memory > 0 { try takeMemory(memory, turn) }
        let permission = permit(peer.address, of: index, now: context.now)
        let expires = context.now.adding(seconds: Self.channelSeconds)
        let needsAllocation = peers.check(peer).needsAllocation
        table.bind(number, to: peer, permission, needsAllocation: needsAllocation, until: expires, of: index)
        return .done
    }

    /// Whether the rules allow a peer with its port, which matters where the address is one of our own.
    func checkPeer(_ peer: SocketAddress, _ ports: some RelayPorts) throws(Refusal) {
        if let rule = Self.rule(against: peer, peers, ports) { throw .peer(peer, rule) }
    }

    /// The rule that forbids a peer at this moment; our own relay address is allowed where an allocation is.
    ///
    /// Asked for packets too: of a method of the server all of it would be copied.
    static func rule(against peer: SocketAddress, _ peers: PeerRules, _ ports: some RelayPorts) -> PeerRule? {
        switch peers.check(peer) {
        case .allowed: nil
        case .denied(let rule): rule
        case .ownRelayAddress(let rule): ports.isOpen(port: peer.port, of: peer.address.family) ? nil : rule
        }
    }
}
