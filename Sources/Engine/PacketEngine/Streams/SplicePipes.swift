// Unsafe: scratch memory, and pipes whose two descriptors the system writes through a pointer.

import CLinux
import Glibc

/// What a worker's splices move bytes by: pipes, through which they go without being copied to the program.
///
/// splice(2) costs half of what reading and writing do for long streams, and as much for short messages: CPU for 64 KiB on the
/// loopback 12 us against 22 to 24, for 200 bytes 12 to 13 us either way (Linux 6.18, 2026-11-30). A pipe costs two
/// descriptors, so there is none for each connection: it is used for the moment of a move, and kept by a direction only while bytes
/// are in it that the receiver has no room for. When all are kept, or no more can be had, bytes are copied instead: looked at, written as far
/// as there is room, and only then taken from where they came. Nothing is held in that way, so it always works.
@safe
public struct SplicePipes: ~Copyable {
    /// How much one move takes: what a pipe holds.
    static let moveSize = 65_536

    /// The two ends of a pipe.
    struct Pipe: Sendable {
        let output: Int32
        let input: Int32
    }

    private let scratch: UnsafeMutableRawBufferPointer
    private var free: [Pipe] = []
    private var opened = 0
    private let limit: Int
    /// How many pipes hold bytes of a direction.
    public var pipesInUse: Int { opened &- free.count }

    /// At most `limit` pipes, each opened when it is needed first and then kept.
    ///
    /// The process ignores SIGPIPE from now on: splice(2) has no flag against it.
    public init(limit: Int = 64) {
        signal(SIGPIPE, SIG_IGN)
        self.limit = limit
        free.reserveCapacity(max(0, limit))
        unsafe scratch = .allocate(byteCount: Self.moveSize, alignment: 64)
    }

    deinit {
        for pipe in free { Self.close(pipe) }
        unsafe scratch.deallocate()
    }

    /// Takes an empty pipe; nil when there is none.
    mutating func take() -> Pipe? {
        if let pipe = free.popLast() { return pipe }
        guard opened < limit else { return nil }
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe clinux_pipe(bytes.bindMemory(to: Int32.self).baseAddress)
        }
        guard result == 0 else { return nil }
        opened &+= 1
        return Pipe(output: ends.0, input: ends.1)
    }

    /// Gives a pipe back; one that still holds bytes is closed.
    mutating func giveBack(_ pipe: Pipe, isEmpty: Bool) {
        if isEmpty { return free.append(pipe) }
        Self.close(pipe)
        opened &-= 1
    }

    private static func close(_ pipe: Pipe) {
        _ = Glibc.close(pipe.output)
        _ = Glibc.close(pipe.input)
    }

    /// Moves bytes from one descriptor to the other, one of them a pipe.
    static func move(_ from: Int32, _ to: Int32, _ count: Int) -> StreamOutcome {
        while true {
            let moved = clinux_splice(from, to, count)
            if moved > 0 { return .bytes(moved) }
            if moved == 0 { return .ended }
            if errno != EINTR { return StreamSocket.failure(errno) }
        }
    }

    /// Copies bytes that wait at one stream to another, as many as that has room for.
    ///
    /// `blocked` says that the second has no room; `ended`, `failed` and that nothing waits (`bytes(0)`) are the first's.
    mutating func copy(
        from: StreamHandle,
        to: StreamHandle,
        _ count: Int
    ) -> (outcome: StreamOutcome, isOfReceiver: Bool) {
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(count))
        let seen = unsafe StreamSocket.receive(from, room, Int32(MSG_PEEK))
        guard case .bytes(let waiting) = seen else { return (seen == .blocked ? .bytes(0) : seen, false) }
        let sent = unsafe StreamSocket.send(to, UnsafeRawBufferPointer(rebasing: room.prefix(waiting)))
        guard case .bytes(let moved) = sent, moved > 0 else { return (sent == .bytes(0) ? .blocked : sent, true) }
        let taken = StreamSocket.discard(from, moved)
        guard taken == .bytes(moved) else { return (taken == .blocked ? .failed(EIO) : taken, false) }
        return (.bytes(moved), false)
    }
}
