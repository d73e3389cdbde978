// Unsafe: slots of fixed memory that one thread fills and another one empties; `RingPositions` tells which of the two may
// touch a slot.

/// What one packet worker tells of more than packets, as values whose words are made by the thread of the log.
///
/// `append` and `signal` belong to the worker, `drain` to the thread of the log. The memory is taken once.
@safe public final class FactRing<Fact: Sendable>: @unchecked Sendable {
    private let positions: RingPositions
    private let facts: UnsafeMutablePointer<Fact>
    private let threadSignal: LogThreadSignal?

    /// Makes a ring whose `signal` wakes the thread that waits for `threadSignal`.
    init(slots: Int, threadSignal: LogThreadSignal? = nil) {
        positions = RingPositions(slots: slots)
        unsafe facts = .allocate(capacity: positions.slots)
        self.threadSignal = threadSignal
    }

    deinit {
        drain { _ in }
        unsafe facts.deallocate()
    }

    /// How many facts did not fit since the ring was made.
    public var dropped: UInt64 { positions.dropped }

    /// Puts in a fact; false when the ring is full and the fact is lost.
    ///
    /// Only for the producer.
    @discardableResult
    public func append(_ fact: Fact) -> Bool {
        guard let slot = positions.free() else { return false }
        unsafe (facts + slot).initialize(to: fact)
        positions.fill()
        return true
    }

    /// Wakes the thread of the log when facts wait for it.
    ///
    /// Only for the producer, at most once a batch of packets.
    public func signal() {
        if !positions.isEmpty { threadSignal?.signal() }
    }

    /// Takes out the facts that are there now, in their order.
    ///
    /// Only for the consumer.
    func drain(_ body: (Fact) -> Void) {
        for position in positions.filled {
            let fact = unsafe (facts + positions.slot(at: position)).move()
            positions.release(position)
            body(fact)
        }
    }
}
