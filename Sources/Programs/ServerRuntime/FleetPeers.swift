import Addresses
import ClusterCore
import ClusterStore
import ServerSettings

/// Which servers of the fleet's store this server asks, and believes what they send.
///
/// Whoever can write to the store can put any address there, so only what a server can have is used, and no more than a
/// list of settings could name. Nothing that comes from there is believed without the cluster key.
struct FleetPeers {
    /// How long a server is asked on that is gone from the store but answers: a Redis that has lost its data has them all
    /// again by then.
    static let grace: UInt64 = 10_000_000_000

    /// By what this server knows itself there.
    struct Own {
        let name: String
        let instance: UInt64
    }

    /// The servers, in an order that stays for as long as they do.
    private(set) var rows: [ResolvedServer] = []
    /// When each was in the store last, by the monotonic clock in nanoseconds.
    private var seen: [ResolvedServer: UInt64] = [:]

    /// Takes what the store has now; `answering` are the addresses that answer heartbeats.
    mutating func take(
        _ members: [FleetMember],
        besides own: Own,
        allowsLoopback: Bool,
        answering: Set<SocketAddress>,
        at now: UInt64
    ) {
        let found = Self.rows(of: members, besides: own, allowsLoopback: allowsLoopback)
        let addresses = Set(found.flatMap(\.addresses))
        let kept = rows.filter { row in
            guard !found.contains(row), row.addresses.allSatisfy({ !addresses.contains($0) }) else { return false }
            return row.addresses.contains(where: answering.contains) && now < (seen[row] ?? 0) &+ Self.grace
        }
        rows = found + kept
        seen = seen.filter { kept.contains($0.key) }
        for row in found { seen[row] = now }
    }

    /// The servers to ask of those that are there: as many as have room, the nearest by name on both sides.
    ///
    /// The names stand in a ring, so that a server that another one asks is asked by it, too: only then do they believe
    /// each other.
    static func rows(of members: [FleetMember], besides own: Own, allowsLoopback: Bool) -> [ResolvedServer] {
        let others = members.filter { $0.name != own.name && $0.instance != own.instance }
            .sorted { $0.name < $1.name }
            .compactMap { member in row(of: member, allowsLoopback: allowsLoopback).map { (name: member.name, row: $0) }
            }
        guard others.count > 1 else { return others.map(\.row) }
        let after = others.firstIndex { $0.name > own.name } ?? 0
        var rows: [ResolvedServer] = []
        var room = ClusterView.mostPeers
        for distance in 1...(others.count + 1) / 2 {
            let next = (after + distance - 1) % others.count
            let before = (after - distance + others.count) % others.count
            let pair = next == before ? [others[next].row] : [others[next].row, others[before].row]
            room -= pair.reduce(0) { $0 + $1.addresses.count }
            guard room >= 0 else { break }
            rows += pair
        }
        // By address, so that a list that has the same servers is the same list.
        return rows.sorted { "\($0.server)" < "\($1.server)" }
    }

    /// How a server is asked, by its first address of each family that a server can have; nil without any.
    private static func row(of member: FleetMember, allowsLoopback: Bool) -> ResolvedServer? {
        let usable = member.addresses.filter { KnownName.refusal(of: $0, allowsLoopback: allowsLoopback) == nil }
        let (v4, v6) = (usable.first { $0.family == .v4 }, usable.first { $0.family == .v6 })
        guard member.port1 != 0, let first = v4 ?? v6 else { return nil }
        return ResolvedServer(server: OtherServer(address: first, port: member.port1), v4: v4, v6: v6)
    }
}
