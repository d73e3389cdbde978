public import Addresses

/// All sessions of a server without their peers' lists: enough to choose some of them, and cheap to copy.
public struct SessionList: Sendable {
    /// One session, and where `Server.sessions(at:)` finds it again.
    public struct Entry: Sendable {
        /// The session.
        public let session: Session
        /// Its place, good as long as the session lasts.
        public let place: Int32
    }

    /// The sessions, in no order.
    public internal(set) var entries: [Entry] = []
    /// The addresses with a live permission, each with the index of its session in `entries`; empty unless asked for.
    public internal(set) var peers: [(entry: Int32, address: IPAddress)] = []

    /// No sessions.
    public init() {}
}

extension Server {
    /// All sessions; with the addresses that have a permission when asked for.
    public func sessionList(now: Instant, withPeers: Bool) -> SessionList {
        var list = SessionList()
        list.entries.reserveCapacity(table.count)
        for index in table.allocations.indices where table.allocations[index].isLive {
            if withPeers { addPeers(of: index, to: &list, now: now) }
            let place = Int32(truncatingIfNeeded: index)
            list.entries.append(SessionList.Entry(session: session(index, now: now), place: place))
        }
        return list
    }

    private func addPeers(of index: Int, to list: inout SessionList, now: Instant) {
        let entry = Int32(truncatingIfNeeded: list.entries.count)
        var next = table.allocations[index].firstPermission
        while next >= 0 {
            if table.permissions[next].isLive(now) { list.peers.append((entry, table.permissions[next].address)) }
            next = table.permissions[next].next
        }
    }

    /// The sessions of a list that have not ended since, with the peers of each; in the order of `wanted`.
    public func sessions(at wanted: [SessionList.Entry], now: Instant) -> [SessionDetail] {
        wanted.compactMap { entry in
            let index = Int(entry.place)
            guard table.allocations.indices.contains(index), table.allocations[index].isLive,
                table.allocations[index].serial == entry.session.serial
            else { return nil }
            return detail(index, now: now)
        }
    }
}
