/// One datagram in memory: the buffer it arrived in, and how much of that buffer is the datagram.
///
/// An answer is written over the request, so the buffer is larger than the datagram; the bytes behind `count` are
/// leftovers of earlier datagrams and are written before they are sent (attacks row 44).
public struct Packet: ~Copyable, ~Escapable {
    @usableFromInline
    var storage: MutableRawSpan
    /// The length of the datagram in bytes.
    public private(set) var count: Int

    /// Wraps a buffer of which the first `count` bytes are the datagram; `count` is cut to the buffer's size.
    @_lifetime(copy storage)
    public init(_ storage: consuming MutableRawSpan, count: Int) {
        self.count = min(max(count, 0), storage.byteCount)
        self.storage = storage
    }

    /// The largest datagram that fits the buffer, in bytes.
    @inlinable
    public var capacity: Int { storage.byteCount }

    /// The bytes of the datagram.
    @inlinable
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { storage.bytes.extracting(first: count) }
    }

    /// Writes an integer in network byte order at `offset`, anywhere in the buffer.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func write<I: FixedWidthInteger & BitwiseCopyable>(_ value: I, at offset: Int) {
        storage.write(value, at: offset)
    }

    /// Sets bytes to zero.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func clear(_ range: Range<Int>) {
        for offset in range { storage.write(UInt8(0), at: offset) }
    }

    /// Makes the datagram `count` bytes long; the caller has written them all and they fit the buffer.
    @_lifetime(self: copy self)
    public mutating func resize(to count: Int) {
        precondition(count <= storage.byteCount, "a packet cannot outgrow its buffer")
        self.count = count
    }
}
