import Synchronization

/// Remembers which sealed datagrams were taken, so that none is taken twice: fixed memory, no lock, shared by all workers.
///
/// A datagram can be taken within 5 s before and after its own time, so a tag is remembered for the 10 s in which its
/// datagram could come again. Tags are remembered by 40 bits in one of 8192 groups of 16, and a sender cannot choose them
/// without the key. When a group has no room the datagram is refused: a few thousand a second fit.
///
/// Ages are those of a clock that never goes back, so a wall clock that is set back empties nothing.
public final class ReplayFilter: Sendable {
    /// What the filter says of a tag.
    public enum Answer: Sendable {
        /// It was not seen within the time, and is remembered now.
        case new
        /// It was seen.
        case known
        /// There is no room to remember it, so it must not be taken.
        case full
    }

    /// How long a tag is remembered at least, in seconds.
    static let memorySeconds: UInt64 = 10
    private static let rowCount = 128
    private static let groupsPerRow = 64
    static let groupSize = 16

    /// A part of the memory: 8 KB.
    private final class Row: Sendable {
        /// A slot: 40 bits of the tag, then 24 of the second in which it came; 0 when it was never used.
        let slots: InlineArray<1024, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    }

    private let rows: [Row]

    /// Takes its memory, 1 MB.
    public init() { rows = (0..<Self.rowCount).map { _ in Row() } }

    /// Remembers a tag, or says that it is known; `now` is the monotonic clock in nanoseconds.
    ///
    /// Of several workers that ask for one tag at once at most one is told that it is new.
    public func admit(_ high: UInt64, _ low: UInt64, at now: UInt64) -> Answer {
        let row = rows[Int(truncatingIfNeeded: high) & (Self.rowCount &- 1)]
        let first = (Int(truncatingIfNeeded: high >> 7) & (Self.groupsPerRow &- 1)) &* Self.groupSize
        // Never 0, which marks a slot that was never used.
        let print = max(low >> 24, 1)
        let second = now / 1_000_000_000
        let entry = print << 24 | second & 0xFF_FFFF
        // A slot that another worker took meanwhile is looked for again; each time one more of the group is taken.
        for _ in 0...Self.groupSize {
            var free: (slot: Int, old: UInt64)?
            for slot in first..<(first &+ Self.groupSize) {
                let old = row.slots[slot].load(ordering: .sequentiallyConsistent)
                let isLive = Self.isLive(old, at: second)
                if isLive, old >> 24 == print { return .known }
                if !isLive, free == nil { free = (slot, old) }
            }
            guard let free else { return .full }
            let exchange = row.slots[free.slot].compareExchange(
                expected: free.old,
                desired: entry,
                ordering: .sequentiallyConsistent
            )
            if exchange.exchanged { return isAlone(entry, at: free.slot, in: row, first) ? .new : .known }
        }
        return .full
    }

    /// Whether no other slot of the group holds the same tag.
    ///
    /// Two workers may have chosen different slots, when one ran out between their looks. Each then sees the other's, or one
    /// does: at most one is told that the tag is new, and perhaps none.
    private func isAlone(_ entry: UInt64, at own: Int, in row: Row, _ first: Int) -> Bool {
        for slot in first..<(first &+ Self.groupSize) where slot != own {
            let other = row.slots[slot].load(ordering: .sequentiallyConsistent)
            if other >> 24 == entry >> 24, Self.isLive(other, at: entry & 0xFF_FFFF) { return false }
        }
        return true
    }

    /// Whether an entry must be kept; seconds are compared in their 24 bits, and workers' clocks may differ a little.
    private static func isLive(_ entry: UInt64, at second: UInt64) -> Bool {
        guard entry != 0 else { return false }
        let age = (second &- entry) & 0xFF_FFFF
        // A second more on both sides: a worker may have looked at the clock earlier than the one before it.
        return age <= memorySeconds || age >= 0xFF_FFFF
    }
}
