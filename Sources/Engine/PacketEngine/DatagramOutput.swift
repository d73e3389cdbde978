// Unsafe: a piece of memory that is lent as spans, whose length is looked at each time.

/// Where datagrams are made that have no slot of their own: encrypted ones, several of which may come of one that was received.
///
/// They lie one behind the other until the batch by which they are queued has sent them.
@safe
public struct DatagramOutput: ~Copyable {
    /// How many bytes there is room for.
    public let capacity: Int
    /// How many of them are taken.
    public private(set) var used = 0
    private let memory: UnsafeMutableRawPointer
    /// How often the batch had sent when the last of these datagrams was queued.
    var round: UInt64 = 0

    /// Reserves the memory, of which the host gives only what is used.
    public init(capacity: Int) {
        self.capacity = capacity
        unsafe memory = LazyMemory.map(capacity)
    }

    deinit { unsafe LazyMemory.unmap(memory, capacity) }

    /// Sees to it that so many bytes are free.
    ///
    /// What the batch has sent is forgotten, and what it has not is sent where room is short; all that was kept must be queued.
    public mutating func makeRoom(_ count: Int, in batch: inout DatagramBatch) {
        precondition(count <= capacity, "no more than all of it can be free")
        if round != batch.round { used = 0 }
        if capacity &- used < count {
            batch.sendQueued()
            used = 0
        }
    }

    /// What is free.
    @_lifetime(&self)
    public mutating func room() -> MutableRawSpan {
        let span = unsafe MutableRawSpan(_unsafeStart: memory + used, byteCount: capacity &- used)
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    /// Keeps the first bytes of what was free, and says where they lie.
    public mutating func keep(_ count: Int) -> Range<Int> {
        precondition(count >= 0 && count <= capacity &- used, "no more than was free")
        used &+= count
        return (used &- count)..<used
    }

    /// Bytes that were written, kept or not; `mutating` lest they be copied.
    @_lifetime(&self)
    public mutating func bytes(_ range: Range<Int>) -> RawSpan {
        let span = unsafe RawSpan(_unsafeStart: start(of: range), byteCount: range.count)
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    func start(of range: Range<Int>) -> UnsafeMutableRawPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity, "nothing beyond the memory")
        return unsafe memory + range.lowerBound
    }
}
