// Unsafe: plain system calls, independent of the code under test.

public import Addresses
import CLinux
import Glibc

@testable import PacketEngine

/// A UDP socket of a test that waits for at most five seconds.
public final class TestClient {
    /// Its own address; the port is of the system's choice.
    public let local: SocketAddress
    let descriptor: Int32

    /// A system call that failed.
    public struct Failure: Error {
        /// The system's error number.
        public let code: Int32

        /// A failure with this number.
        public init(code: Int32) { self.code = code }
    }

    /// Connects to a server: the socket then hears only what comes from that address and port.
    public convenience init(connectingTo server: SocketAddress) throws {
        try unsafe self.init(server, using: Glibc.connect)
    }

    /// Binds to an address: the socket hears everybody.
    public convenience init(bindingTo local: SocketAddress) throws {
        try unsafe self.init(local, using: Glibc.bind)
    }

    private init(
        _ address: SocketAddress,
        using call: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
    ) throws {
        let descriptor = socket(address.address.family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &on, socklen_t(MemoryLayout<Int32>.size))
        var (name, length) = SystemAddress.make(address)
        let result = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call(descriptor, $0, length) }
        }
        let code = errno
        var own = sockaddr_in6()
        var ownLength = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = unsafe withUnsafeMutablePointer(to: &own) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &ownLength)
            }
        }
        local = unsafe withUnsafePointer(to: own) { unsafe SystemAddress.load($0) }
        guard result == 0 else { throw Failure(code: code) }
    }

    deinit { close(descriptor) }

    /// Asks the system to hand out trains of datagrams whole, as they came through the loopback.
    public func receiveTrains() {
        var on: Int32 = 1
        unsafe setsockopt(
            descriptor,
            Int32(IPPROTO_UDP),
            Int32(CLINUX_UDP_GRO),
            &on,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    /// Sets the TTL of what an IPv4 socket sends.
    public func setTimeToLive(_ hops: Int32) {
        var hops = hops
        unsafe setsockopt(descriptor, Int32(IPPROTO_IP), IP_TTL, &hops, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends to the server that it is connected to.
    public func send(_ bytes: [UInt8]) throws {
        let sent = unsafe Glibc.send(descriptor, bytes, bytes.count, 0)
        guard sent == bytes.count else { throw Failure(code: errno) }
    }

    /// Sends to anybody.
    public func send(_ bytes: [UInt8], to address: SocketAddress) throws {
        var (name, length) = SystemAddress.make(address)
        let sent = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(descriptor, bytes, bytes.count, 0, $0, length)
            }
        }
        guard sent == bytes.count else { throw Failure(code: errno) }
    }

    /// Whether no datagram waits.
    public var hasNothing: Bool {
        var byte: UInt8 = 0
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)
        return unsafe recv(descriptor, &byte, 1, flags) < 0
    }

    /// The next datagram.
    public func receive() throws -> [UInt8] { try receiveFrom().bytes }

    /// The next datagram and who sent it.
    public func receiveFrom() throws -> (bytes: [UInt8], source: SocketAddress) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        var count = -1
        // A wait with a time limit is not gone on with by the kernel after a ring of this thread had work to finish.
        repeat {
            count = unsafe withUnsafeMutablePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw Failure(code: errno) }
        let source = unsafe withUnsafePointer(to: name) { unsafe SystemAddress.load($0) }
        return (Array(buffer.prefix(count)), source)
    }
}

extension SocketAddress {
    /// The loopback address of a family with a port.
    public static func loopback(_ family: IPAddress.Family, _ port: UInt16 = 0) -> SocketAddress {
        family == .v4 ? .loopback(port) : SocketAddress(IPAddress(v6High: 0, low: 1), port: port)
    }

    /// An address at which nobody listens.
    public static func closed(_ family: IPAddress.Family) throws -> SocketAddress {
        try TestClient(bindingTo: .loopback(family)).local
    }

    /// 127.0.0.1 with a port.
    public static func loopback(_ port: UInt16) -> SocketAddress {
        SocketAddress(IPAddress(v4: 0x7F00_0001), port: port)
    }
}
