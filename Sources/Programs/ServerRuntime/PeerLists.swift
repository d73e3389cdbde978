import Addresses
import ClusterStore
import Synchronization

/// The other servers: those that `other-stun-servers` names, then those that only the store of the fleet has.
final class PeerLists: Sendable {
    private struct State {
        var named: [ResolvedServer] = []
        var found = FleetPeers()
        var usesFound = false
        var told: [ResolvedServer]?

        /// A server that is named is taken as it is named.
        var all: [ResolvedServer] {
            let addresses = Set(named.flatMap(\.addresses))
            return named
                + (usesFound ? found.rows : []).filter { row in
                    row.addresses.allSatisfy { !addresses.contains($0) }
                }
        }
    }

    private let allowsLoopback: Bool
    private let onChange: @Sendable ([ResolvedServer]) -> Void
    private let state = Mutex(State())

    /// - `onChange`: is given the whole list when it is another one; never two at a time.
    init(allowsLoopback: Bool, onChange: @escaping @Sendable ([ResolvedServer]) -> Void) {
        self.allowsLoopback = allowsLoopback
        self.onChange = onChange
    }

    /// Takes what `other-stun-servers` stand for now.
    func use(named servers: [ResolvedServer]) { change { $0.named = servers } }

    /// Says whether servers of the fleet's store are asked.
    func use(storeServers isUsed: Bool) { change { $0.usesFound = isUsed } }

    /// Takes which servers the fleet's store has now.
    func use(_ members: [FleetMember], besides own: FleetPeers.Own, answering: Set<SocketAddress>, at now: UInt64) {
        change { state in
            state.found.take(members, besides: own, allowsLoopback: allowsLoopback, answering: answering, at: now)
        }
    }

    private func change(_ body: (inout State) -> Void) {
        // Told with the lock held, so that lists are told in order.
        state.withLock { state in
            body(&state)
            let all = state.all
            guard all != state.told else { return }
            state.told = all
            onChange(all)
        }
    }
}
