/// One deadline for each of many small numbers, and which of them have passed: a hashed timing wheel.
///
/// Arming, cancelling and finding what has passed cost the same with ten deadlines as with a million (Varghese and
/// Lauck, scheme 6). The price is precision: a deadline is told at the end of the tick of about a second in which it
/// lies, so never early and at most one tick late.
public struct TimerWheel: Sendable {
    /// A tick is 2^30 nanoseconds, 1.07 s: a shift finds it.
    static let tickBits: UInt64 = 30
    /// 1,024 ticks, 18 minutes, are one turn; what is further away is met on the way and stays.
    private static let bucketCount = 1 << 10
    /// The list after those of the buckets: what stood in a bucket whose tick is over, and was not looked at yet.
    private static let pending = bucketCount

    /// One id's place, in a list of its bucket.
    private struct Entry {
        /// Nanoseconds; `UInt64.max` when there is none.
        var deadline = UInt64.max
        /// The id behind this one, or -1.
        var next: Int32 = -1
        /// The id before this one; of the first one the complement of the list's number.
        var previous: Int32 = -1
    }

    private var entries: [Entry] = []
    private var heads = [Int32](repeating: -1, count: bucketCount + 1)
    /// A bit for each bucket that is not empty, so that empty ones are passed 64 at a time.
    private var occupied = InlineArray<16, UInt64>(repeating: 0)
    /// The first tick that was not looked at yet.
    private var cursor: UInt64 = 0

    /// No deadlines.
    public init() {}

    /// Gives an id its deadline, in place of the one it had.
    ///
    /// A later deadline than before, as each refresh brings, only writes the time: the id moves when its old place is met.
    public mutating func arm(_ id: Int, at deadline: Instant) {
        guard id >= 0, id < Int(Int32.max) else { return }
        while entries.count <= id { entries.append(Entry()) }
        // The largest value means "none", and the clock's last tick has no end.
        let nanoseconds = min(deadline.nanoseconds, UInt64.max - 1 << Self.tickBits)
        let old = entries[id].deadline
        entries[id].deadline = nanoseconds
        if old == .max {
            link(id)
        } else if nanoseconds < old {
            unlink(id)
            link(id)
        }
    }

    /// Takes an id's deadline away, if it has one.
    public mutating func cancel(_ id: Int) {
        guard entries.indices.contains(id), entries[id].deadline != .max else { return }
        unlink(id)
        entries[id].deadline = .max
    }

    /// The deadline of an id, if it has one.
    func deadline(of id: Int) -> Instant? {
        guard entries.indices.contains(id), entries[id].deadline != .max else { return nil }
        return Instant(nanoseconds: entries[id].deadline)
    }

    /// An id whose deadline has passed, which it then has no more; nil when there is none left.
    ///
    /// Called until nil. After a pause of any length it looks at each bucket at most once.
    public mutating func popExpired(now: Instant) -> Int? {
        // A clock that steps back changes nothing: what was looked at stays looked at.
        let current = max(now.nanoseconds >> Self.tickBits, cursor == 0 ? 0 : cursor - 1)
        while true {
            while heads[Self.pending] >= 0 {
                let id = Int(heads[Self.pending])
                unlink(id)
                if Self.tick(of: entries[id].deadline) <= current {
                    entries[id].deadline = .max
                    return id
                }
                link(id)
            }
            guard cursor <= current else { return nil }
            // One turn meets every bucket, however many turns have gone by.
            if current - cursor >= UInt64(Self.bucketCount) { cursor = current - UInt64(Self.bucketCount - 1) }
            guard let tick = nextOccupiedTick(), tick <= current else {
                cursor = current + 1
                return nil
            }
            detach(Self.bucket(of: tick))
            cursor = tick + 1
        }
    }

    /// When `popExpired` should be asked next; nil when there is no deadline.
    ///
    /// Often earlier than the first deadline, never later than a tick after it.
    public var nextDeadline: Instant? {
        let tick = heads[Self.pending] >= 0 ? cursor - min(cursor, 1) : nextOccupiedTick()
        return tick.map { Instant(nanoseconds: $0 << Self.tickBits) }
    }

    /// The first tick from the cursor on whose bucket is not empty.
    private func nextOccupiedTick() -> UInt64? {
        let start = Self.bucket(of: cursor)
        // The word of the cursor is met twice: first without the bits before the cursor, last with them alone.
        for step in 0...occupied.count {
            let word = (start / 64 + step) % occupied.count
            var bits = occupied[word]
            if step == 0 { bits &= UInt64.max << UInt64(start % 64) }
            guard bits != 0 else { continue }
            let bucket = word * 64 + bits.trailingZeroBitCount
            return cursor &+ UInt64((bucket - start) & (Self.bucketCount - 1))
        }
        return nil
    }

    /// The tick at whose start a deadline has passed.
    private static func tick(of nanoseconds: UInt64) -> UInt64 {
        // Rounded up, so that nothing is told before its time.
        (nanoseconds >> tickBits) + (nanoseconds & (1 << tickBits - 1) == 0 ? 0 : 1)
    }

    private static func bucket(of tick: UInt64) -> Int { Int(truncatingIfNeeded: tick) & (bucketCount - 1) }

    /// Puts an id first in the list that its deadline belongs to.
    private mutating func link(_ id: Int) {
        let tick = Self.tick(of: entries[id].deadline)
        let list = tick < cursor ? Self.pending : Self.bucket(of: tick)
        let head = heads[list]
        entries[id].next = head
        entries[id].previous = ~Int32(truncatingIfNeeded: list)
        heads[list] = Int32(truncatingIfNeeded: id)
        if head >= 0 { entries[Int(head)].previous = Int32(truncatingIfNeeded: id) }
        if list < Self.bucketCount { occupied[list / 64] |= 1 << UInt64(list % 64) }
    }

    /// Takes an id out of its list.
    private mutating func unlink(_ id: Int) {
        let (next, previous) = (entries[id].next, entries[id].previous)
        if next >= 0 { entries[Int(next)].previous = previous }
        guard previous < 0 else {
            entries[Int(previous)].next = next
            return
        }
        let list = Int(~previous)
        heads[list] = next
        if next < 0, list < Self.bucketCount { occupied[list / 64] &= ~(1 << UInt64(list % 64)) }
    }

    /// Makes a bucket's list the pending one, which is empty.
    private mutating func detach(_ bucket: Int) {
        let head = heads[bucket]
        heads[bucket] = -1
        occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64))
        heads[Self.pending] = head
        entries[Int(head)].previous = ~Int32(truncatingIfNeeded: Self.pending)
    }
}
