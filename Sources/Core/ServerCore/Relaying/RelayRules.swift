import Addresses

/// What the packet path needs of `TURNPolicy`: plain values, so that looking at them copies no rules and counts no references.
struct RelayRules: Sendable {
    /// Whether TURN is on.
    let isOn: Bool
    /// Whether the drafts before RFC 5766 are answered.
    let takesMirrors: Bool
    /// The largest channel number.
    let lastChannel: UInt16
    let quotas: Quotas
    /// How many channels, or peers of a mirror, an allocation may have.
    let channelsPerAllocation: Int
    private let v4: RelayAddress?
    private let v6: RelayAddress?

    init(_ turn: TURNPolicy?) {
        isOn = turn != nil
        takesMirrors = turn?.mirror != nil
        lastChannel = turn?.acceptsRFC5766Channels == true ? 0x7FFE : 0x4FFF
        quotas = turn?.quotas ?? Quotas()
        channelsPerAllocation = turn?.channelsPerAllocation ?? 0
        v4 = turn?.relayV4
        v6 = turn?.relayV6
    }

    /// RFC 8656 section 12 has 0x4000 to 0x4FFF; RFC 5766 section 11 had up to 0x7FFE in use.
    func acceptsChannel(_ number: UInt16) -> Bool { number >= 0x4000 && number <= lastChannel }

    /// A peer as the client knows it: our own relay sockets go by their external address, also where a packet comes straight
    /// from one of them, or a client names the local one.
    @inline(__always)
    func nameForClient(_ peer: SocketAddress) -> SocketAddress {
        guard let own = peer.address.family == .v4 ? v4 : v6, own.local == peer.address else { return peer }
        return SocketAddress(own.external, port: peer.port)
    }

    /// Where a packet for a peer is sent: clouds do not send back what is addressed to our own external address.
    @inline(__always)
    func destination(of peer: SocketAddress) -> SocketAddress {
        guard let own = peer.address.family == .v4 ? v4 : v6, own.external == peer.address else { return peer }
        return SocketAddress(own.local, port: peer.port)
    }
}
