import Synchronization

/// What one user, or all users together, have in use: shared by all workers, with no lock.
public final class Account: Sendable {
    /// A month's number in the upper 12 bits, so that number and bytes change at once; below it the bytes.
    private static let byteBits: UInt64 = 52
    /// 4.5 PB, which is 13.6 Gbit/s for a month; leaves room for what workers add between looking and adding.
    private static let largest: UInt64 = 1 << byteBits - 1 << 44

    private let liveAllocations = Atomic<Int>(0)
    /// Allocations that the other servers of the fleet count, as they told last.
    private let allocationsElsewhere = Atomic<Int>(0)
    private let usage = Atomic<UInt64>(0)
    private let bucket = TokenBucket()

    /// Nothing in use.
    public init() {}

    /// Allocations that live now.
    public var allocations: Int { liveAllocations.load(ordering: .relaxed) }

    /// Allocations that live on the other servers of the fleet.
    public var elsewhere: Int { allocationsElsewhere.load(ordering: .relaxed) }

    /// Takes what the other servers of the fleet count now.
    func set(elsewhere count: Int) { allocationsElsewhere.store(max(0, count), ordering: .relaxed) }

    /// Counts a new allocation; false when there are `limit` of them, those on other servers of the fleet among them, and
    /// then it is not counted.
    public func tryAddAllocation(limit: Int) -> Bool {
        // At least 0, and a limit may be the largest number, so nothing overflows.
        let limit = max(0, limit) &- elsewhere
        var old = liveAllocations.load(ordering: .relaxed)
        while old < limit {
            let result = liveAllocations.weakCompareExchange(expected: old, desired: old + 1, ordering: .relaxed)
            if result.exchanged { return true }
            old = result.original
        }
        return false
    }

    /// Counts an allocation's end.
    public func removeAllocation() {
        var old = liveAllocations.load(ordering: .relaxed)
        while old > 0 {
            let result = liveAllocations.weakCompareExchange(expected: old, desired: old - 1, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// Lets a datagram pass within a rate of bytes a second; see `TokenBucket.take`.
    public func take(bytes: Int, limit: Rate, now: Instant) -> Bool {
        bucket.take(bytes: bytes, limit: limit, now: now)
    }

    /// Whether anything may pass within a rate now; see `TokenBucket.hasRoom`.
    func hasRoom(limit: Rate, now: Instant) -> Bool { bucket.hasRoom(limit: limit, now: now) }

    /// Counts bytes of a stream that have passed; see `TokenBucket.charge`.
    func charge(bytes: Int, limit: Rate, now: Instant) { bucket.charge(bytes: bytes, limit: limit, now: now) }

    /// Counts bytes relayed in a month; with a new month the count begins anew.
    ///
    /// A month's count ends at 4.5 PB.
    public func add(bytes: Int, month: AccountMonth) {
        // Clamped to more than one allocation can relay between two counts, and so far that it cannot reach the month's bits.
        let amount = min(UInt64(clamping: bytes), 1 << 38)
        var old = usage.load(ordering: .relaxed)
        while true {
            let stored = old >> Self.byteBits
            // One month ahead: another worker has turned the page already. Any other month is a clock that was set.
            if stored == month.number || stored == month.number + 1 {
                if old & (1 << Self.byteBits - 1) < Self.largest { usage.wrappingAdd(amount, ordering: .relaxed) }
                return
            }
            let new = month.number << Self.byteBits | amount
            let result = usage.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// The bytes relayed in a month; 0 when the last count was of another one.
    public func bytes(in month: AccountMonth) -> UInt64 {
        let word = usage.load(ordering: .relaxed)
        return word >> Self.byteBits == month.number ? word & (1 << Self.byteBits - 1) : 0
    }

    /// Sets a month's bytes to what was saved before the start.
    public func preset(bytes: UInt64, month: AccountMonth) {
        usage.store(month.number << Self.byteBits | min(bytes, Self.largest), ordering: .relaxed)
    }
}
