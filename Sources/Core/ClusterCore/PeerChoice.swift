public import Addresses

/// Which other server a client is told of, and which one a request is handed to.
///
/// RFC 3489 section 9.2 and RFC 5780 section 6.1 know one other address, and clients count on its staying the same for ten
/// minutes (draft-rosenberg-midcom-stun-00 section 7): a client's IP address picks it by rendezvous hashing, so that it
/// changes only when that server falls ill, and for nobody else. The first request for another IP address goes there, so
/// that the answer comes from where the client was told; one that comes again was perhaps lost on the way there, so it
/// goes on to the next server. The drafts' clients are not told reliably, and their requests simply take turns.
public struct PeerChoice: Sendable {
    /// What a request needs of the server that it is handed to.
    public enum Need: Sendable {
        /// The first drafts, and RFC 3489: any server of ours; a foreign one when none of ours is healthy.
        case any
        /// RFC 5780 section 6: a server of ours that reads both its ports.
        case bothPorts
    }

    private var repetitions: RepetitionTable
    private var turn = 0

    /// A choice for one worker; `seed` is random.
    public init(seed: UInt64) {
        repetitions = RepetitionTable(seed: seed)
        // Workers do not begin with the same server.
        turn = Int(truncatingIfNeeded: seed >> 33)
    }

    /// The place in the view of the server that a client is told of; nil when none is healthy that meets the need.
    public static func named(for client: IPAddress, _ need: Need, in view: ClusterView) -> Int? {
        guard let kind = kind(for: client.family, need, in: view) else { return nil }
        var best: (index: Int, weight: UInt64)?
        for index in view.peers.indices {
            guard let there = view.usable(index, kind, client.family, need) else { continue }
            let weight = weight(of: there, for: client)
            if let other = best, other.weight >= weight { continue }
            best = (index, weight)
        }
        return best?.index
    }

    /// The place in the view of the server that a request goes to; `now` is the monotonic clock in nanoseconds.
    ///
    /// - `first`: where the first request goes; the following ones take turns from there on.
    public mutating func target(
        for client: SocketAddress,
        _ need: Need,
        first: Int,
        in view: ClusterView,
        at now: UInt64
    ) -> Int? {
        let earlier = repetitions.count(client, at: now)
        return earlier == 0 ? first : Self.following(first, by: earlier, client.address.family, need, in: view)
    }

    /// The place in the view of the server whose turn it is, for the drafts' requests.
    public mutating func nextInTurn(_ family: IPAddress.Family, in view: ClusterView) -> Int? {
        turn &+= 1
        return Self.following(0, by: turn, family, .any, in: view)
    }

    /// The server so many places after another one, counting only those that can be used.
    private static func following(
        _ first: Int,
        by steps: Int,
        _ family: IPAddress.Family,
        _ need: Need,
        in view: ClusterView
    ) -> Int? {
        guard let kind = kind(for: family, need, in: view) else { return nil }
        let all = view.peers.count
        let usable = view.peers.indices.count { view.usable($0, kind, family, need) != nil }
        var left = Int(truncatingIfNeeded: UInt(bitPattern: steps) % UInt(max(1, usable)))
        var index = first
        for _ in 0..<all {
            if view.usable(index, kind, family, need) != nil {
                if left == 0 { return index }
                left &-= 1
            }
            index = index &+ 1 < all ? index &+ 1 : 0
        }
        return nil
    }

    /// Servers of ours before foreign ones, which cannot tell a client as much.
    private static func kind(for family: IPAddress.Family, _ need: Need, in view: ClusterView) -> ClusterPeer.Kind? {
        if view.peers.indices.contains(where: { view.usable($0, .sealed, family, need) != nil }) { return .sealed }
        return view.peers.indices.contains { view.usable($0, .classic, family, need) != nil } ? .classic : nil
    }

    /// The same on every server and after every start; nobody gains by foreseeing it.
    private static func weight(of server: PeerEndpoints, for client: IPAddress) -> UInt64 {
        var weight = mix(UInt64(server.port1), server.address.high)
        weight = mix(weight, server.address.low)
        weight = mix(weight, client.high)
        return mix(weight, client.low)
    }
}

extension ClusterView {
    /// Where a server answers, if it is healthy, of a kind and meets a need; nil for this server itself.
    fileprivate func usable(
        _ index: Int,
        _ kind: ClusterPeer.Kind,
        _ family: IPAddress.Family,
        _ need: PeerChoice.Need
    ) -> PeerEndpoints? {
        guard index < peers.count else { return nil }
        let peer = peers[index]
        guard peer.isHealthy, peer.kind == kind, let there = peer.endpoints(family) else { return nil }
        // A server that is in its own list would hand requests to itself.
        guard own.instance == 0 || peer.state.instance != own.instance else { return nil }
        switch need {
        case .any: return there
        case .bothPorts: return kind == .sealed && there.port2 != nil ? there : nil
        }
    }
}

/// How often clients' sockets have asked for another IP address of late, in fixed memory: what is forgotten, or counted for
/// another socket with the same mark, only changes which server answers.
struct RepetitionTable: Sendable {
    /// How long after a request another one counts as its repetition, in nanoseconds.
    static let memory: UInt64 = 30_000_000_000
    private static let setCount = 256
    private static let setSize = 4

    private struct Entry {
        var mark: UInt64 = 0
        var last: UInt64 = 0
        var count = 0
    }

    private var entries = [Entry](repeating: Entry(), count: setCount * setSize)
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// Counts a request of a socket; how many came before it.
    mutating func count(_ client: SocketAddress, at now: UInt64) -> Int {
        let mark = mix(mix(mix(seed, client.address.high), client.address.low), UInt64(client.port))
        let first = (Int(truncatingIfNeeded: mark) & (Self.setCount &- 1)) &* Self.setSize
        var slot = first
        for index in first..<(first &+ Self.setSize) {
            if entries[index].mark == mark, isRecent(index, now) {
                let earlier = entries[index].count
                entries[index].count = earlier &+ 1
                entries[index].last = now
                return earlier
            }
            if entries[index].last < entries[slot].last { slot = index }
        }
        entries[slot] = Entry(mark: mark, last: now, count: 1)
        return 0
    }

    private func isRecent(_ index: Int, _ now: UInt64) -> Bool {
        entries[index].last &+ Self.memory > now
    }
}

/// Takes more bits into a hash: the finalizer of MurmurHash3, by which each bit changes half of the others.
private func mix(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    var mixed = value ^ bits &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ mixed >> 33) &* 0xFF51_AFD7_ED55_8CCD
    mixed = (mixed ^ mixed >> 33) &* 0xC4CE_B9FE_1A85_EC53
    return mixed ^ mixed >> 33
}
