import Addresses
import ServerCore

/// An allocation as RFC 8656 section 3.2 describes it.
struct ModelAllocation {
    let flow: ClientFlow
    let user: [String]
    let account: [String]
    /// The transaction that made it.
    let transaction: [UInt8]
    /// The relayed transport addresses with their sockets and their time.
    var relays: [IPAddress.Family: (id: RelayID, address: SocketAddress, expires: Instant)]
    var permissions: [IPAddress: Instant] = [:]
    var channels: [Int: (peer: SocketAddress, expires: Instant)] = [:]
    var toPeers = (packets: UInt64(0), bytes: UInt64(0))
    var toClient = (packets: UInt64(0), bytes: UInt64(0))

    var expires: Instant { relays.values.map(\.expires).max() ?? .start }
    func isLive(_ now: Instant) -> Bool { expires > now }
    func relay(_ family: IPAddress.Family, _ now: Instant) -> (id: RelayID, address: SocketAddress, expires: Instant)? {
        relays[family].flatMap { $0.expires > now ? $0 : nil }
    }
    /// Whether the client has permitted the address (RFC 8656 section 9), whatever the server's rules say.
    func permits(_ address: IPAddress, _ now: Instant) -> Bool { permissions[address].map { $0 > now } ?? false }
    /// The number of the channel of a peer.
    func channel(to peer: SocketAddress, _ now: Instant) -> Int? {
        channels.first { $0.value.peer == peer && $0.value.expires > now }?.key
    }
    func channelPeer(_ number: Int, _ now: Instant) -> SocketAddress? {
        channels[number].flatMap { $0.expires > now ? $0.peer : nil }
    }
}

/// What the server must hold, naively: dictionaries, no timers; kept by what the answers say was granted.
struct RelayModel {
    var settings = RelaySettings(0)
    /// Whether what may be relayed can be refused for its number of bytes: by the settings, or by those before the last
    /// reload until time has gone on.
    var limitsBytes = false
    /// Those that live, and those that have ended unless `prune` was called; an index is good until then.
    var allocations: [ModelAllocation] = []

    /// The allocation of a 5-tuple while it lives.
    func index(of flow: ClientFlow, _ now: Instant) -> Int? {
        allocations.firstIndex {
            $0.flow.source == flow.source && $0.flow.destination == flow.destination && $0.isLive(now)
        }
    }

    /// The allocation that a relay socket belongs to while both live.
    func index(of relay: RelayID, _ family: IPAddress.Family, _ now: Instant) -> Int? {
        allocations.firstIndex { $0.relay(family, now)?.id == relay }
    }

    /// How many live allocations an account has.
    func count(of account: [String], _ now: Instant) -> Int {
        allocations.count { $0.account == account && $0.isLive(now) }
    }

    func liveCount(_ now: Instant) -> Int { allocations.count { $0.isLive(now) } }

    /// Forgets what has ended.
    mutating func prune(_ now: Instant) { allocations.removeAll { !$0.isLive(now) } }

    /// The lifetime that a request gets (RFC 8656 sections 7.2 and 8.2).
    func lifetime(_ requested: Int?, expiry: UInt64?, unixSeconds: UInt64) -> Int {
        let (shortest, longest) = (Int(settings.lifetimes.shortest), Int(settings.lifetimes.longest))
        var granted = shortest
        if let requested, min(requested, longest) > shortest { granted = min(requested, longest) }
        if settings.endsAtExpiry, let expiry { granted = min(granted, Int(expiry - min(expiry, unixSeconds))) }
        return granted
    }

    /// What a peer is called when a packet goes there: clouds do not bring what is sent to our external address.
    func destination(_ peer: SocketAddress) -> SocketAddress {
        peer.address == Cast.server && settings.families.contains(.v4)
            ? SocketAddress(Cast.local, port: peer.port) : peer
    }

    /// What the client knows a peer by.
    func name(_ peer: SocketAddress) -> SocketAddress {
        peer.address == Cast.local && settings.families.contains(.v4)
            ? SocketAddress(Cast.server, port: peer.port) : peer
    }
}
