import Administration
import ClusterStore
import Synchronization

// What a person is told of the store of the fleet.

extension FleetStoreLink {
    /// What `status` says.
    var status: ServerStatus.FleetStore {
        state.withLock { state in
            ServerStatus.FleetStore(
                place: store.place,
                isReached: state.isReached == true,
                members: state.memberCount,
                trouble: trouble(state)
            )
        }
    }

    private func trouble(_ state: State) -> String? {
        let lost = state.hasLostData ? Self.lostData(store.place) : nil
        return [state.trouble, state.accountsTrouble, lost, state.coturnTrouble].compactMap(\.self).first
    }

    /// What takes the store's request to drain this server back, as somebody types it; nil while it asks nothing, or
    /// cannot be asked.
    var endOfDrain: String? {
        state.withLock { state in
            guard state.isReached == true, state.drains.mean(name) else { return nil }
            let ends =
                (state.drains.all ? ["--all-servers"] : [])
                + (state.drains.members.contains(name) ? ["--server \(name)"] : [])
            return ends.map { "`stund drain --cancel \($0)`" }.joined(separator: " and ")
        }
    }

    /// What the store says of the whole fleet; `names` are those of the counters, in order.
    ///
    /// What the servers have counted is read now, since nobody needs it but who looks at it.
    func report(counters names: [String]) async -> FleetReport.Store {
        if state.withLock({ $0.isReached == true }), let totals = try? await store.totals() {
            var sums: [String: UInt64] = [:]
            for (name, value) in totals.values.flatMap(\.counters) {
                let (sum, isTooMuch) = (sums[name] ?? 0).addingReportingOverflow(value)
                sums[name] = isTooMuch ? .max : sum
            }
            state.withLock { [sums] in $0.totals = sums }
        }
        return state.withLock { state in
            let loads = state.members.reduce(0) { $0 + Int($1.load) }
            return FleetReport.Store(
                place: store.place,
                isReached: state.isReached == true,
                trouble: trouble(state),
                members: state.members.prefix(FleetReport.Store.mostMembers).map { member in
                    FleetReport.Store.Member(member, isAskedToDrain: state.drains.mean(member.name))
                },
                memberCount: state.members.count,
                allocations: state.members.allocations,
                load: Double(loads) / 1000 / Double(state.memberCount),
                asksAllToDrain: state.drains.all,
                counters: names.map { ServerStatus.Counter(name: $0, value: state.totals[$0] ?? 0) }
            )
        }
    }

    /// What the metrics tell: whether the store answers, and how many servers and allocations it last had.
    var figures: (isReached: Bool, members: Int, allocations: Int) {
        state.withLock { ($0.isReached == true, $0.members.count, $0.members.allocations) }
    }
}

extension [FleetMember] {
    /// How many allocations they have together; whoever writes to the store may have written any number.
    fileprivate var allocations: Int { reduce(0) { $0 + Swift.min(Swift.max(0, $1.allocations), 1 << 40) } }
}

extension FleetReport.Store.Member {
    fileprivate init(_ member: FleetMember, isAskedToDrain: Bool) {
        self.init(
            name: member.name,
            host: member.host,
            version: member.version,
            load: Double(member.load) / 1000,
            allocations: member.allocations,
            isDraining: member.isDraining,
            isAskedToDrain: isAskedToDrain
        )
    }
}
