// Unsafe: a piece of memory that is lent as spans, whose ends are looked at each time.

/// Bytes of fixed number, into which the connections of a load are read and from which they are written, one after another.
///
/// A class, so that spans over one piece and another do not both hold whoever has the two: who asks for room to write uses
/// no other span over the same piece meanwhile.
@safe
final class LoadMemory {
    /// How many there are.
    let capacity: Int
    private let memory: UnsafeMutableRawPointer

    init(capacity: Int) {
        self.capacity = capacity
        unsafe memory = .allocate(byteCount: max(capacity, 1), alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: max(capacity, 1))
    }

    deinit { unsafe memory.deallocate() }

    /// Some of the bytes.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> RawSpan {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity, "only what there is")
        let span = unsafe RawSpan(_unsafeStart: memory + range.lowerBound, byteCount: range.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// All bytes from `offset` on, to be written.
    @_lifetime(borrow self)
    func room(from offset: Int) -> MutableRawSpan {
        precondition(offset >= 0 && offset <= capacity, "only what there is")
        let span = unsafe MutableRawSpan(_unsafeStart: memory + offset, byteCount: capacity - offset)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Copies bytes to `offset`; there must be room.
    func write(_ bytes: RawSpan, at offset: Int) {
        precondition(offset >= 0 && bytes.byteCount <= capacity - offset, "only where there is room")
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + offset).copyMemory(from: start, byteCount: source.count)
        }
    }
}
