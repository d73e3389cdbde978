import Synchronization

/// How many bytes a second may pass, counted by all workers together without a lock.
///
/// The generic cell rate algorithm needs one number: the time at which the bucket will be empty again.
public struct TokenBucket: ~Copyable, Sendable {
    private let emptyAt = Atomic<UInt64>(0)

    /// An empty bucket.
    public init() {}

    /// Lets a datagram of so many bytes pass and counts it; false when the rate is used up, and then nothing is counted.
    ///
    /// `limit` is in bytes, and may be another one each time. A datagram larger than the whole burst passes when the bucket
    /// is empty, since else it never would.
    public func take(bytes: Int, limit: Rate, now: Instant) -> Bool {
        let cost = Self.nanoseconds(for: bytes, limit)
        let depth = max(Self.nanoseconds(for: limit.burst, limit), cost)
        var old = emptyAt.load(ordering: .relaxed)
        while true {
            let end = max(old, now.nanoseconds).addingReportingOverflow(cost)
            guard !end.overflow, end.partialValue &- now.nanoseconds <= depth else { return false }
            let result = emptyAt.weakCompareExchange(expected: old, desired: end.partialValue, ordering: .relaxed)
            if result.exchanged { return true }
            old = result.original
        }
    }

    /// Whether a datagram might pass now, were it small enough.
    public func hasRoom(limit: Rate, now: Instant) -> Bool {
        let old = emptyAt.load(ordering: .relaxed)
        return old <= now.nanoseconds || old &- now.nanoseconds < Self.nanoseconds(for: limit.burst, limit)
    }

    /// Counts bytes that have passed, also beyond the rate; nothing passes then until that has been made up for.
    public func charge(bytes: Int, limit: Rate, now: Instant) {
        let cost = Self.nanoseconds(for: bytes, limit)
        var old = emptyAt.load(ordering: .relaxed)
        while true {
            let end = max(old, now.nanoseconds).addingReportingOverflow(cost)
            let new = end.overflow ? .max : end.partialValue
            let result = emptyAt.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// How long so many bytes take at a rate.
    private static func nanoseconds(for bytes: Int, _ limit: Rate) -> UInt64 {
        let perSecond = UInt64(clamping: max(1, limit.perSecond))
        let product = UInt64(clamping: bytes).multipliedFullWidth(by: 1_000_000_000)
        // More than the 64 bits of a clock would be centuries.
        guard product.high < perSecond else { return .max }
        return perSecond.dividingFullWidth((product.high, product.low)).quotient
    }
}
