package import AccountStore
import Synchronization

/// The store of a fleet in the memory of one process: for tests, and for several servers in one.
package final class MemoryClusterStore: ClusterStore {
    /// Where it is.
    package let place = "the store in memory"

    /// Something that holds for a while.
    private struct Leased<Value: Sendable> {
        let value: Value
        let end: ContinuousClock.Instant
    }

    private struct State {
        var members: [String: Leased<FleetMember>] = [:]
        var counts: [String: Leased<[AllocationCount]>] = [:]
        var totals: [String: Leased<FleetTotals>] = [:]
        var version: Int64 = 0
        var users: [String: StoredUser] = [:]
        var secrets: [String: StoredSecret] = [:]
        var nonceKey: [UInt8]?
        var drains: Set<String> = []
        var drainsAll = false

        mutating func forgetExpired() {
            let now = ContinuousClock.now
            members = members.filter { $0.value.end > now }
            counts = counts.filter { $0.value.end > now }
            totals = totals.filter { $0.value.end > now }
        }
    }

    private let state = Mutex(State())

    /// Holds nothing yet.
    package init() {}

    package func publish(_ member: FleetMember, expiresIn lifetime: Duration) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member.name)
        _ = try StoreRecord.write(member, "the record of a server")
        try state.withLock { state throws(ClusterStoreError) in
            state.forgetExpired()
            guard state.members[member.name] != nil || state.members.count < StoreLimits.members else {
                throw .tooMany("servers", limit: StoreLimits.members)
            }
            state.members[member.name] = Leased(value: member, end: .now + lifetime)
        }
    }

    package func members() async throws(ClusterStoreError) -> [FleetMember] {
        state.withLock { state in
            state.forgetExpired()
            return state.members.values.map(\.value).sorted { $0.name < $1.name }
        }
    }

    package func removeMember(named name: String) async throws(ClusterStoreError) {
        try StoreLimits.check(name: name)
        state.withLock { state in
            state.members[name] = nil
            state.counts[name] = nil
            state.totals[name] = nil
        }
    }

    package func accountsVersion() async throws(ClusterStoreError) -> Int64 { state.withLock { $0.version } }

    package func accounts() async throws(ClusterStoreError) -> FleetAccounts {
        state.withLock { state in
            FleetAccounts(
                version: state.version,
                users: Array(state.users.values),
                secrets: Array(state.secrets.values)
            )
        }
    }

    package func put(_ user: StoredUser) async throws(ClusterStoreError) {
        _ = try StoreRecord.write(UserRecord(user), "the record of a user")
        let field = UserRecord.field(name: user.name, realm: user.realm)
        try state.withLock { state throws(ClusterStoreError) in
            guard state.users[field] != nil || state.users.count < StoreLimits.users else {
                throw .tooMany("users", limit: StoreLimits.users)
            }
            state.users[field] = user
            state.version += 1
        }
    }

    package func removeUser(name: String, realm: String) async throws(ClusterStoreError) -> Bool {
        state.withLock { state in
            guard state.users.removeValue(forKey: UserRecord.field(name: name, realm: realm)) != nil else {
                return false
            }
            state.version += 1
            return true
        }
    }

    package func put(_ secret: StoredSecret) async throws(ClusterStoreError) {
        _ = try StoreRecord.write(SecretRecord(secret), "the record of a secret")
        try state.withLock { state throws(ClusterStoreError) in
            guard state.secrets[secret.id] != nil || state.secrets.count < StoreLimits.secrets else {
                throw .tooMany("secrets", limit: StoreLimits.secrets)
            }
            state.secrets[secret.id] = secret
            state.version += 1
        }
    }

    package func removeSecret(id: String) async throws(ClusterStoreError) -> Bool {
        state.withLock { state in
            guard state.secrets.removeValue(forKey: id) != nil else { return false }
            state.version += 1
            return true
        }
    }

    package func publish(
        _ counts: [AllocationCount],
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        try StoreLimits.check(counts)
        state.withLock { $0.counts[member] = Leased(value: counts, end: .now + lifetime) }
    }

    package func counts(elsewhereThan member: String) async throws(ClusterStoreError) -> [AllocationCount] {
        state.withLock { state in
            state.forgetExpired()
            return .sum(state.counts.filter { $0.key != member && state.members[$0.key] != nil }.map(\.value.value))
        }
    }

    package func nonceKey(orElse candidate: [UInt8]) async throws(ClusterStoreError) -> [UInt8] {
        try StoreLimits.check(nonceKey: candidate)
        return state.withLock { state in
            let key = state.nonceKey ?? candidate
            state.nonceKey = key
            return key
        }
    }

    package func publish(
        _ totals: FleetTotals,
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        _ = try StoreRecord.write(totals, "what a server has counted")
        state.withLock { $0.totals[member] = Leased(value: totals, end: .now + lifetime) }
    }

    package func totals() async throws(ClusterStoreError) -> [String: FleetTotals] {
        state.withLock { state in
            state.forgetExpired()
            return state.totals.filter { state.members[$0.key] != nil }.mapValues(\.value)
        }
    }

    package func setDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        switch target {
        case .all: state.withLock { $0.drainsAll = true }
        case .member(let name):
            try StoreLimits.check(name: name)
            try state.withLock { state throws(ClusterStoreError) in
                guard state.drains.contains(name) || state.drains.count < StoreLimits.drains else {
                    throw .tooMany("servers that are asked to drain", limit: StoreLimits.drains)
                }
                state.drains.insert(name)
            }
        }
    }

    package func clearDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        switch target {
        case .all: state.withLock { $0.drainsAll = false }
        case .member(let name):
            try StoreLimits.check(name: name)
            state.withLock { _ = $0.drains.remove(name) }
        }
    }

    package func drains() async throws(ClusterStoreError) -> DrainSignals {
        state.withLock { DrainSignals(all: $0.drainsAll, members: $0.drains) }
    }
}
