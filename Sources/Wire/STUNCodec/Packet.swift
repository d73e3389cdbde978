/// One datagram in memory: the buffer it arrived in, and how much of that buffer is the datagram.
///
/// ```
/// | headroom ... | the datagram: count bytes | tailroom ... |
///                ^ start                     capacity counts from start to the buffer's end
/// ```
/// An answer is written over the request, so the buffer is larger than the datagram; a relayed datagram gains or loses a
/// header in place, so there is room before it too. The bytes around the datagram are leftovers of earlier ones and are
/// written before they are sent (attacks row 44).
public struct Packet: ~Copyable, ~Escapable {
    /// The room before a datagram that a Data indication needs at most: 20 bytes of header, 24 of an IPv6
    /// XOR-PEER-ADDRESS and 4 before the DATA (RFC 8656 section 11.3), rounded up to a cache line.
    public static var headroom: Int { 64 }

    @usableFromInline
    var storage: MutableRawSpan
    /// Where in the buffer the datagram begins, in bytes.
    public private(set) var start: Int
    /// The length of the datagram in bytes.
    public private(set) var count: Int

    /// Wraps a buffer in which `count` bytes from `headroom` on are the datagram; both are cut to the buffer's size.
    @_lifetime(copy storage)
    public init(_ storage: consuming MutableRawSpan, headroom: Int = 0, count: Int) {
        let size = storage.byteCount
        start = min(max(headroom, 0), size)
        self.count = min(max(count, 0), size - start)
        self.storage = storage
    }

    /// The largest datagram that fits the buffer from `start` on, in bytes.
    @inlinable
    public var capacity: Int { storage.byteCount &- start }

    /// The bytes of the datagram.
    @inlinable
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { storage.bytes.extracting(start..<(start &+ count)) }
    }

    /// Writes an integer in network byte order at `offset` of the datagram, anywhere in its capacity.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func write<I: FixedWidthInteger & BitwiseCopyable>(_ value: I, at offset: Int) {
        storage.write(value, at: start &+ offset)
    }

    /// Sets bytes to zero.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func clear(_ range: Range<Int>) {
        for offset in range { storage.write(UInt8(0), at: start &+ offset) }
    }

    /// Makes the datagram `count` bytes long; the caller has written them all and they fit the buffer.
    @_lifetime(self: copy self)
    public mutating func resize(to count: Int) {
        precondition(count >= 0 && count <= capacity, "a packet cannot outgrow its buffer")
        self.count = count
    }

    /// Takes the first `count` bytes off the datagram, which has at least so many.
    @_lifetime(self: copy self)
    public mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "a packet cannot lose more than it has")
        start &+= count
        self.count &-= count
    }

    /// Puts `count` bytes before the datagram, to be written at once; false, and nothing done, when there is no room.
    @_lifetime(self: copy self)
    public mutating func prepend(_ count: Int) -> Bool {
        guard count >= 0, count <= start else { return false }
        start &-= count
        self.count &+= count
        return true
    }
}
