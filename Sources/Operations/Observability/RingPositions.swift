import Synchronization

/// Where one thread puts values into a ring of slots while another one takes them out, without a lock.
///
/// Slot memory is touched by the producer only between `free` and `fill`, by the consumer only for positions in `filled`
/// that it has not released.
struct RingPositions: ~Copyable {
    let capacity: UInt64
    /// The number of values ever taken out; written by the consumer.
    private let head = Atomic<UInt64>(0)
    /// The number of values ever put in; written by the producer.
    private let tail = Atomic<UInt64>(0)
    private let lost = Atomic<UInt64>(0)

    /// Rounds the number of slots up to a power of two (1...65,536).
    init(slots: Int) {
        var rounded: UInt64 = 1
        while rounded < min(slots, 65_536) { rounded *= 2 }
        capacity = rounded
    }

    var slots: Int { Int(truncatingIfNeeded: capacity) }

    /// How many values did not fit.
    var dropped: UInt64 { lost.load(ordering: .relaxed) }

    /// The producer's next slot; nil, and the value is counted as lost, when all are filled.
    func free() -> Int? {
        let tail = tail.load(ordering: .relaxed)
        guard tail &- head.load(ordering: .acquiring) < capacity else {
            lost.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        return slot(at: tail)
    }

    /// The producer has filled the slot of `free`.
    func fill() {
        tail.store(tail.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }

    /// Whether nothing waits for the consumer, as the producer sees it.
    var isEmpty: Bool { tail.load(ordering: .relaxed) == head.load(ordering: .relaxed) }

    /// The positions that the consumer may read now, in the order in which they were filled.
    var filled: Range<UInt64> {
        let end = tail.load(ordering: .acquiring)
        let start = head.load(ordering: .relaxed)
        return start..<end
    }

    func slot(at position: UInt64) -> Int { Int(truncatingIfNeeded: position & (capacity &- 1)) }

    /// The consumer has read everything up to and with this position.
    func release(_ position: UInt64) {
        head.store(position &+ 1, ordering: .releasing)
    }
}
