package import AccountStore

/// The users and secrets that a store had.
package struct FleetAccounts: Sendable, Hashable {
    /// The number by which a later look tells whether anything has changed.
    package var version: Int64
    /// The users, by name and realm.
    package var users: [StoredUser]
    /// The secrets: those in use before the retired ones, the newest first.
    package var secrets: [StoredSecret]
    /// How many records could not be read.
    package var unreadable: Int

    /// Joins the parts and puts them into order.
    package init(version: Int64, users: [StoredUser], secrets: [StoredSecret], unreadable: Int = 0) {
        self.version = version
        self.users = users.sorted { ($0.name, $0.realm) < ($1.name, $1.realm) }
        self.secrets = secrets.sorted { first, second in
            if (first.retired == nil) != (second.retired == nil) { return first.retired == nil }
            return (first.created, first.id) > (second.created, second.id)
        }
        self.unreadable = unreadable
    }
}

/// How many allocations an account has; the account is the 128 bits that quotas go by, which tell no name.
package struct AllocationCount: Sendable, Hashable {
    /// The first 64 bits of the account.
    package let high: UInt64
    /// The last 64 bits of the account.
    package let low: UInt64
    /// How many allocations it has.
    package let allocations: Int

    /// Joins the parts.
    package init(high: UInt64, low: UInt64, allocations: Int) {
        self.high = high
        self.low = low
        self.allocations = allocations
    }
}

extension [AllocationCount] {
    /// Adds up counts of the same account; in no order.
    static func sum(_ lists: some Sequence<[AllocationCount]>) -> [AllocationCount] {
        var sums: [AccountBits: Int] = [:]
        for count in lists.joined() where count.allocations > 0 {
            let old = sums[AccountBits(count)] ?? 0
            sums[AccountBits(count)] = Swift.min(old &+ Swift.min(count.allocations, 1 << 40), 1 << 40)
        }
        return sums.map { AllocationCount(high: $0.key.high, low: $0.key.low, allocations: $0.value) }
    }
}

private struct AccountBits: Hashable {
    let high: UInt64
    let low: UInt64

    init(_ count: AllocationCount) {
        high = count.high
        low = count.low
    }
}
