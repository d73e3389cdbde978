// Unsafe: a piece of memory that is lent as spans, whose length is looked at each time.

/// The memory into which a worker reads its streams, one after another.
///
/// What of a connection's last bytes was no whole frame yet, and behind it what has come. What is encrypted and decrypted lies in
/// such memory too.
@safe
public struct StreamInput: ~Copyable {
    /// How many bytes there is room for.
    public let capacity: Int
    /// How many bytes there are.
    public private(set) var count = 0
    /// How many of them have been taken.
    public private(set) var taken = 0
    private let memory: UnsafeMutableRawPointer

    /// Reserves the memory, of which the host gives only what is used.
    public init(capacity: Int) {
        self.capacity = capacity
        unsafe memory = LazyMemory.map(capacity)
    }

    deinit { unsafe LazyMemory.unmap(memory, capacity) }

    /// Forgets what there is.
    public mutating func removeAll() {
        count = 0
        taken = 0
    }

    /// What has not been taken yet; `mutating` lest it be copied.
    @_lifetime(&self)
    public mutating func rest() -> RawSpan {
        let span = unsafe RawSpan(_unsafeStart: memory + taken, byteCount: count - taken)
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    /// Takes so many bytes off the beginning of the rest.
    public mutating func take(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count - taken, "no more than there is")
        taken += bytes
    }

    /// Takes over the rest of another one, which must fit.
    public mutating func take(_ other: inout StreamInput) {
        let bytes = other.count - other.taken
        precondition(bytes <= capacity - count, "no more than there is room for")
        unsafe (memory + count).copyMemory(from: other.memory + other.taken, byteCount: bytes)
        count += bytes
        other.taken = other.count
    }

    /// Puts what has waited in a pool behind what there is.
    public mutating func take(_ waiting: inout StreamBuffer, from buffers: inout StreamBuffers) {
        var room = room()
        let moved = buffers.take(&waiting, into: &room)
        count += moved
    }

    /// Has the rest wait in a pool; false, and it is lost, where `limit` would be passed or the pool has no more.
    public mutating func keepRest(
        in buffers: inout StreamBuffers,
        as waiting: inout StreamBuffer,
        limit: Int
    ) -> Bool {
        buffers.append(rest(), to: &waiting, limit: limit)
    }

    /// Puts what has come to a stream behind what there is, at most so many bytes of it.
    public mutating func read(from stream: StreamHandle, most: Int = .max) -> StreamOutcome {
        var room = room(most)
        let outcome = StreamSocket.read(stream, into: &room)
        if case .bytes(let new) = outcome { count += new }
        return outcome
    }

    /// Writes the rest to a stream, as far as the system has room for it, and takes off what was written.
    public mutating func write(to stream: StreamHandle) -> StreamOutcome {
        let outcome = StreamSocket.write(stream, rest())
        if case .bytes(let written) = outcome { take(written) }
        return outcome
    }

    /// Takes in so many bytes that were written at the beginning of `room`.
    public mutating func fill(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= capacity - count, "no more than there is room for")
        count += bytes
    }

    /// Puts the first bytes that have come to a stream behind what there is, and leaves them where they are.
    public mutating func peek(at stream: StreamHandle) -> StreamOutcome {
        var room = room()
        let outcome = StreamSocket.peek(stream, into: &room)
        if case .bytes(let new) = outcome { count += new }
        return outcome
    }

    /// The room behind what there is; who has written there says so by `fill`.
    @_lifetime(&self)
    public mutating func room(_ most: Int = .max) -> MutableRawSpan {
        let span = unsafe MutableRawSpan(_unsafeStart: memory + count, byteCount: min(most, capacity - count))
        return unsafe _overrideLifetime(span, mutating: &self)
    }
}
