// Unsafe: plain system calls, independent of the code under test.

public import Addresses
import CLinux
import Foundation
import Glibc
import Synchronization

@testable public import PacketEngine

/// A TCP client of a test, whose calls wait for at most five seconds.
public final class TestStream: Sendable {
    /// Its own address.
    public let local: SocketAddress
    let descriptor: Int32

    /// Connects to a server.
    /// - `buffers`: the size of both buffers, nil for what the system likes.
    public init(
        connectingTo server: SocketAddress,
        from local: SocketAddress? = nil,
        buffers: Int32? = nil
    ) throws {
        descriptor = socket(server.address.family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        Self.set(descriptor, SO_REUSEADDR, 1)
        if let buffers { for option in [SO_SNDBUF, SO_RCVBUF] { Self.set(descriptor, option, buffers) } }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var result: Int32 = 0
        let own = descriptor
        if let local { result = unsafe SystemAddress.with(local) { unsafe bind(own, $0, $1) } }
        if result == 0 {
            // A ring of this thread that had work to finish interrupts the wait; the next call goes on waiting.
            repeat {
                result = unsafe SystemAddress.with(server) { unsafe connect(own, $0, $1) }
            } while result < 0 && errno == EINTR
            if result < 0, errno == EISCONN { result = 0 }
        }
        let code = errno
        self.local = SystemAddress.local(of: descriptor) ?? server
        guard result == 0 else { throw TestClient.Failure(code: code) }
    }

    /// Takes over a connection that was accepted.
    public init(_ accepted: StreamHandle) {
        descriptor = StreamSocket.handOver(accepted)
        local = accepted.local
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    /// Sends all of it.
    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor,
                    $0.baseAddress.map { unsafe $0 + sent },
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw TestClient.Failure(code: errno) }
            sent += count
        }
    }

    /// Sends what there is room for now; returns how much that was.
    public func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
        guard count >= 0 || errno == EAGAIN else { throw TestClient.Failure(code: errno) }
        return max(0, count)
    }

    /// What comes next, at most so many bytes; empty at the end.
    public func receive(_ most: Int = 65_536, waits: Bool = true) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: most)
        while true {
            let count = unsafe recv(descriptor, &buffer, most, waits ? 0 : Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw TestClient.Failure(code: errno) }
            return Array(buffer.prefix(count))
        }
    }

    /// Exactly so many bytes, or fewer when the end comes before.
    public func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try receive(min(65_536, count - bytes.count))
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    /// Everything until the end.
    public func receiveAll() throws -> [UInt8] { try receive(exactly: .max) }

    /// Says that it sends no more.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection by a reset.
    public func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        // The descriptor stays, and its number with it, but the socket becomes one that is not connected.
        var none = sockaddr()
        none.sa_family = sa_family_t(AF_UNSPEC)
        unsafe connect(descriptor, &none, socklen_t(MemoryLayout<sockaddr>.size))
    }

    private static func set(_ descriptor: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// Work of a test in a thread of its own: an io_uring belongs to the thread that opened it, so this is no task.
public final class Background<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)

    /// Begins the work.
    public init(_ work: @escaping @Sendable () throws -> Value) {
        Thread {
            let outcome = Result<Value, any Error> { try work() }
            self.result.withLock { $0 = outcome }
        }.start()
    }

    /// Waits for its end.
    public func value() throws -> Value {
        while true {
            if let outcome = result.withLock({ $0 }) { return try outcome.get() }
            usleep(500)
        }
    }
}

extension StreamHandle {
    /// An option of a stream whose value is a number.
    public func option(_ level: some BinaryInteger, _ name: Int32) -> Int32 {
        SocketHandle(local: local, isWildcard: false, descriptor: descriptor).option(level, name)
    }

    /// Sets such an option.
    public func setOption(_ level: some BinaryInteger, _ name: Int32, _ value: Int32) {
        SocketHandle(local: local, isWildcard: false, descriptor: descriptor).setOption(level, name, value)
    }

    /// The flags of its descriptor: those of the file, and those of the descriptor itself.
    public var flags: (file: Int32, own: Int32) { (fcntl(descriptor, F_GETFL), fcntl(descriptor, F_GETFD)) }

    /// The number of its descriptor.
    public var number: Int32 { descriptor }

    /// One more descriptor of the same connection.
    public func duplicate() -> StreamHandle { StreamHandle(local: local, remote: remote, descriptor: dup(descriptor)) }

    /// Sends bytes as the code under test does.
    public func write(_ bytes: [UInt8]) -> StreamOutcome {
        unsafe StreamSocket.write(self, bytes.span.bytes)
    }

    /// Reads bytes as the code under test does.
    public func read(_ most: Int = 65_536) -> (outcome: StreamOutcome, bytes: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: most)
        var span = buffer.mutableSpan
        var bytes = unsafe span.mutableBytes
        let outcome = StreamSocket.read(self, into: &bytes)
        guard case .bytes(let count) = outcome else { return (outcome, []) }
        return (outcome, Array(buffer.prefix(count)))
    }

    /// Looks at the first bytes as the code under test does.
    public func peek(into buffer: inout [UInt8]) -> StreamOutcome {
        var span = buffer.mutableSpan
        var bytes = unsafe span.mutableBytes
        return StreamSocket.peek(self, into: &bytes)
    }

    /// Reads bytes behind others as the code under test does.
    public func read(into buffer: inout [UInt8], from offset: Int) -> StreamOutcome {
        var span = buffer.mutableSpan
        var bytes = unsafe span.mutableBytes
        return StreamSocket.read(self, into: &bytes, from: offset)
    }

    /// Reads until the end, as the code under test does, waiting for what comes.
    public func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        var loop = try EventLoop()
        try loop.watcher.watch(self, token: 0, for: .input)
        defer { loop.watcher.unwatch(self) }
        while true {
            let (outcome, bytes) = read()
            switch outcome {
            case .bytes: all += bytes
            case .ended: return all
            case .blocked:
                guard try loop.wait(timeoutNanoseconds: 5_000_000_000) > 0 else {
                    throw TestClient.Failure(code: ETIMEDOUT)
                }
            case .failed(let code): throw TestClient.Failure(code: code)
            }
        }
    }
}

extension EventLoop {
    /// What is ready, after a wait of at most so long.
    public mutating func next(within nanoseconds: UInt64 = 5_000_000_000) throws -> [Ready] {
        let end = SystemClock.monotonic() + nanoseconds
        // A signal ends a wait early.
        repeat {
            let now = SystemClock.monotonic()
            if try wait(timeoutNanoseconds: end > now ? end - now : 0) > 0 { return (0..<readyCount).map { ready($0) } }
        } while SystemClock.monotonic() < end
        return []
    }
}

/// A client and the stream of the server that it is connected to.
public struct StreamPair {
    /// The client's end.
    public let client: TestStream
    /// The server's end, which who made the pair closes.
    public let server: StreamHandle

    /// Connects a client to a listener.
    public init(at listener: SocketHandle, from local: SocketAddress? = nil, buffers: Int32? = nil) throws {
        client = try TestStream(connectingTo: listener.local, from: local, buffers: buffers)
        server = try Self.accept(at: listener)
    }

    /// Connects a client to a listener of its own on the loopback.
    public init(_ family: IPAddress.Family = .v4, buffers: Int32? = nil) throws {
        let listener = try TCPListener(bindingTo: .loopback(family))
        try self.init(at: listener.handle, buffers: buffers)
    }

    /// Takes the connection that is about to come.
    public static func accept(at listener: SocketHandle) throws -> StreamHandle {
        var loop = try EventLoop()
        try loop.watcher.watchConnections(to: listener, token: 0)
        defer { loop.watcher.unwatchConnections(to: listener) }
        while try !loop.next().isEmpty { if let stream = try StreamSocket.accept(at: listener) { return stream } }
        throw TestClient.Failure(code: ETIMEDOUT)
    }
}
