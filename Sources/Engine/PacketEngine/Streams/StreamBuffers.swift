// Unsafe: memory that is mapped once, cut into chunks, and read and written by the kernel.

import CLinux
import Glibc

/// Bytes that wait in `StreamBuffers`: what a connection's socket had no room for yet, or a frame that is not whole yet.
///
/// Empty it takes no memory of the pool. It is handled by the pool that it came from alone, and moved rather than copied: of
/// two copies only one may be used any more. Who drops it gives its memory back first (`StreamBuffers.discard`).
public struct StreamBuffer: Sendable {
    /// Its chunks are a list; -1 where there is none.
    fileprivate var first: Int32 = -1
    fileprivate var last: Int32 = -1
    /// Where the bytes begin in the first chunk.
    fileprivate var start: UInt32 = 0
    fileprivate var bytes: UInt32 = 0

    /// An empty one.
    public init() {}

    /// How many bytes wait.
    public var count: Int { Int(bytes) }
    /// Whether none waits.
    public var isEmpty: Bool { bytes == 0 }
}

/// A worker's memory for bytes that wait, in chunks of 4 KiB that all its connections share.
///
/// The whole is bounded, and so is what one connection may have. Memory is taken from the host when it is used first, and
/// given back when no connection has any more of it. After that first use nothing is allocated.
@safe
public struct StreamBuffers: ~Copyable {
    /// The size of a chunk: a page of memory.
    public static let chunkSize = 4096
    /// How much one connection may have waiting, unless its owner says otherwise.
    public static let usualLimit = 65_536
    /// How many chunks one system call writes at most.
    private static let vectorCount = 32
    /// How many chunks are kept when none is used.
    private static let keptChunks = 256

    private let memory: UnsafeMutableRawPointer
    /// The chunk behind each in its list.
    private let next: UnsafeMutablePointer<Int32>
    private let vectors: UnsafeMutablePointer<iovec>
    /// How many chunks there are.
    private let chunks: Int
    /// The list of chunks that were given back.
    private var free: Int32 = -1
    /// How many chunks were ever taken, since none was in use.
    private var touched = 0
    /// How many chunks are in use.
    public private(set) var chunksInUse = 0

    /// A pool of so many bytes at most.
    public init(capacity: Int) {
        chunks = min(max(1, capacity / Self.chunkSize), Int(Int32.max))
        unsafe memory = LazyMemory.map(chunks * Self.chunkSize)
        unsafe next = LazyMemory.map(chunks, of: Int32.self)
        unsafe vectors = .allocate(capacity: Self.vectorCount)
        unsafe vectors.initialize(repeating: iovec(), count: Self.vectorCount)
    }

    deinit {
        unsafe LazyMemory.unmap(memory, chunks * Self.chunkSize)
        unsafe LazyMemory.unmap(next, chunks)
        unsafe vectors.deallocate()
    }

    /// Where its memory begins.
    var start: UnsafeMutableRawPointer { unsafe memory }

    /// How many bytes it can hold in all.
    public var capacity: Int { chunks * Self.chunkSize }

    /// Puts bytes behind those that wait; false, and nothing is put, where `limit` bytes would be passed or the pool has no more.
    ///
    /// All or nothing, because a part of a frame would make nonsense of all that follows.
    public mutating func append(
        _ bytes: RawSpan,
        to buffer: inout StreamBuffer,
        limit: Int = usualLimit
    ) -> Bool {
        let count = bytes.byteCount
        guard count <= limit, buffer.count <= limit &- count else { return false }
        let end = Int(buffer.start) &+ buffer.count
        // Behind the bytes in the last chunk.
        let room = buffer.isEmpty ? 0 : (Self.chunkSize &- end % Self.chunkSize) % Self.chunkSize
        let needed = (max(0, count &- room) &+ Self.chunkSize &- 1) / Self.chunkSize
        guard needed <= chunks &- chunksInUse else { return false }
        unsafe bytes.withUnsafeBytes { unsafe copy($0, behind: &buffer, room) }
        return true
    }

    /// The same of bytes that lie in an array.
    public mutating func append(_ bytes: [UInt8], to buffer: inout StreamBuffer, limit: Int = usualLimit) -> Bool {
        append(unsafe bytes.span.bytes, to: &buffer, limit: limit)
    }

    private mutating func copy(_ bytes: UnsafeRawBufferPointer, behind buffer: inout StreamBuffer, _ room: Int) {
        guard var source = bytes.baseAddress else { return }
        var left = bytes.count
        var room = room
        while left > 0 {
            if room == 0 {
                take(for: &buffer)
                room = Self.chunkSize
            }
            let part = min(left, room)
            let place = unsafe chunk(buffer.last) + (Self.chunkSize &- room)
            unsafe place.copyMemory(from: source, byteCount: part)
            unsafe source += part
            left &-= part
            room &-= part
            buffer.bytes &+= UInt32(truncatingIfNeeded: part)
        }
    }

    /// Writes what waits, as far as the system has room for it: `bytes` says that all is written, `blocked` that the rest waits on.
    public mutating func write(_ buffer: inout StreamBuffer, to stream: StreamHandle) -> StreamOutcome {
        var written = 0
        while !buffer.isEmpty {
            var header = unsafe msghdr()
            unsafe header.msg_iov = vectors
            unsafe header.msg_iovlen = fillVectors(buffer)
            let count = unsafe sendmsg(stream.descriptor, &header, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            guard count >= 0 else {
                if errno == EINTR { continue }
                return StreamSocket.failure(errno)
            }
            remove(count, from: &buffer)
            written &+= count
        }
        return .bytes(written)
    }

    /// Lists the first chunks' bytes; returns how many chunks.
    private func fillVectors(_ buffer: StreamBuffer) -> Int {
        var (number, offset, left, used) = (buffer.first, Int(buffer.start), buffer.count, 0)
        while left > 0, used < Self.vectorCount {
            let part = min(left, Self.chunkSize &- offset)
            unsafe vectors[used] = iovec(iov_base: chunk(number) + offset, iov_len: part)
            left &-= part
            used &+= 1
            offset = 0
            number = unsafe next[Int(number)]
        }
        return used
    }

    /// Copies the first bytes that wait to `offset`, as many as there is room for, and forgets them; returns how many.
    ///
    /// So a frame that is not whole yet comes back in front of what is read next.
    public mutating func take(
        _ buffer: inout StreamBuffer,
        into bytes: inout MutableRawSpan,
        from offset: Int = 0
    ) -> Int {
        unsafe bytes.withUnsafeMutableBytes { room in
            guard offset >= 0, offset < room.count, let base = room.baseAddress else { return 0 }
            var taken = 0
            while !buffer.isEmpty, offset &+ taken < room.count {
                let here = min(buffer.count, Self.chunkSize &- Int(buffer.start))
                let part = min(here, room.count &- offset &- taken)
                let source = unsafe chunk(buffer.first) + Int(buffer.start)
                let place = unsafe base + (offset &+ taken)
                unsafe place.copyMemory(from: source, byteCount: part)
                remove(part, from: &buffer)
                taken &+= part
            }
            return taken
        }
    }

    /// Throws away what waits.
    public mutating func discard(_ buffer: inout StreamBuffer) { remove(buffer.count, from: &buffer) }

    // MARK: Chunks

    private func chunk(_ number: Int32) -> UnsafeMutableRawPointer {
        precondition(number >= 0 && number < chunks, "a buffer is used by the pool that it came from")
        return unsafe memory + Int(number) &* Self.chunkSize
    }

    /// Puts an empty chunk at the end of a buffer's list; there is one.
    private mutating func take(for buffer: inout StreamBuffer) {
        var number = free
        if number >= 0 {
            free = unsafe next[Int(number)]
        } else {
            precondition(touched < chunks, "who takes a chunk has asked whether there is one")
            number = Int32(truncatingIfNeeded: touched)
            touched &+= 1
        }
        chunksInUse &+= 1
        unsafe next[Int(number)] = -1
        if buffer.last >= 0 { unsafe next[Int(buffer.last)] = number } else { buffer.first = number }
        buffer.last = number
    }

    private mutating func remove(_ count: Int, from buffer: inout StreamBuffer) {
        var left = min(count, buffer.count)
        buffer.bytes &-= UInt32(truncatingIfNeeded: left)
        while left > 0 {
            let here = Self.chunkSize &- Int(buffer.start)
            guard left >= here || buffer.bytes == 0 else {
                buffer.start &+= UInt32(truncatingIfNeeded: left)
                return
            }
            left &-= min(left, here)
            let number = buffer.first
            buffer.first = unsafe next[Int(number)]
            buffer.start = 0
            giveBack(number)
        }
        if buffer.bytes == 0 { buffer = StreamBuffer() }
    }

    private mutating func giveBack(_ number: Int32) {
        unsafe next[Int(number)] = free
        free = number
        chunksInUse &-= 1
        guard chunksInUse == 0 else { return }
        // Begin at the front again, and let the host have the rest.
        if touched > Self.keptChunks {
            let kept = Self.keptChunks &* Self.chunkSize
            _ = unsafe madvise(memory + kept, touched &* Self.chunkSize &- kept, MADV_DONTNEED)
        }
        free = -1
        touched = 0
    }
}
