// Unsafe: plain system calls, independent of the code under test.

public import Addresses
import CLinux
import Glibc

@testable import PacketEngine

/// A TCP connection of a test that waits for at most ten seconds.
public final class TestStream {
    /// Its own address.
    public let local: SocketAddress
    private let descriptor: Int32

    /// Connects to a server.
    /// - `receiveBuffer`: how many bytes the system keeps for it while nothing is read; nil for the usual number.
    public init(connectingTo server: SocketAddress, receiveBuffer: Int32? = nil) throws {
        let descriptor = socket(server.address.family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        if var receiveBuffer {
            unsafe setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_RCVBUF,
                &receiveBuffer,
                socklen_t(MemoryLayout<Int32>.size)
            )
        }
        let result = unsafe SystemAddress.with(server) { unsafe Glibc.connect(descriptor, $0, $1) }
        let code = errno
        local = SystemAddress.local(of: descriptor) ?? server
        guard result == 0 else { throw TestClient.Failure(code: code) }
    }

    deinit { close(descriptor) }

    /// Sends all of it.
    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw TestClient.Failure(code: errno) }
            sent += count
        }
    }

    /// Sends as much as goes without waiting; returns how much that was.
    public func sendSome(_ bytes: [UInt8]) -> Int {
        max(0, unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
    }

    /// The next so many bytes; fails with code 0 when the connection ends before.
    public func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var received = 0
        while received < count {
            let part = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress! + received, count - received, 0) }
            if part < 0, errno == EINTR { continue }
            guard part > 0 else { throw TestClient.Failure(code: part == 0 ? 0 : errno) }
            received += part
        }
        return bytes
    }

    /// The next STUN message, or ChannelData without its padding, which must be zeros.
    public func receiveFrame() throws -> [UInt8] {
        var frame = try receive(4)
        let length = Int(frame[2]) << 8 | Int(frame[3])
        if frame[0] & 0xC0 == 0 { return frame + (try receive(16 + length)) }
        frame += try receive(length)
        let padding = try receive((4 - length % 4) % 4)
        guard padding.allSatisfy({ $0 == 0 }) else { throw TestClient.Failure(code: EBADMSG) }
        return frame
    }

    /// Whether the other end closes the connection, by an end or a reset, before it sends anything more.
    public func ends() -> Bool {
        var byte: UInt8 = 0
        while true {
            let count = unsafe recv(descriptor, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            return count == 0 || count < 0 && errno == ECONNRESET
        }
    }

    /// Says that nothing more comes.
    public func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }
}
