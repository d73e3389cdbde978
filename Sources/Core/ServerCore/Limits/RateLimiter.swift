import Addresses

/// Limits answers per client address in fixed memory: IPv4 by /32, IPv6 by /64.
///
/// The generic cell rate algorithm needs one number a bucket: the time at which the bucket will be empty again.
/// Addresses share buckets by a seeded hash; more addresses than buckets only make the limit stricter.
struct RateLimiter: Sendable {
    private static let bucketCount = 1 << 15

    private var emptyAt: [UInt64]
    private let interval: UInt64
    private let depth: UInt64
    private let seed: UInt64

    /// A limiter for one kind of answer.
    init(_ rate: Rate, seed: UInt64) {
        emptyAt = Array(repeating: 0, count: Self.bucketCount)
        interval = 1_000_000_000 / UInt64(max(1, rate.perSecond))
        depth = interval &* UInt64(max(1, rate.burst) - 1)
        self.seed = seed
    }

    /// Takes one from the address's bucket; false when it has nothing left.
    ///
    /// Clients with a connection have other buckets than datagrams of the same address: whoever forges it cannot use those up.
    mutating func take(_ address: IPAddress, isConnected: Bool = false, now: Instant) -> Bool {
        var hash = SeededHash(seed: seed)
        hash.mix(address.family == .v4 ? address.low : address.high)
        hash.mix(UInt64(address.family.rawValue) | (isConnected ? 1 << 8 : 0))
        let bucket = Int(truncatingIfNeeded: hash.value) & (Self.bucketCount &- 1)
        let start = max(emptyAt[bucket], now.nanoseconds)
        guard start &- now.nanoseconds <= depth else { return false }
        emptyAt[bucket] = start &+ interval
        return true
    }
}
