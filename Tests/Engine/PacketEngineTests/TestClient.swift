// Unsafe: plain system calls, independent of the code under test.

import Addresses
import CLinux
import Glibc

@testable import PacketEngine

/// A connected UDP socket that blocks for at most five seconds.
final class TestClient {
    let local: SocketAddress
    private let descriptor: Int32

    struct Failure: Error {
        let code: Int32
    }

    init(connectingTo server: SocketAddress) throws {
        let family = server.address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        var (name, length) = SystemAddress.make(server)
        let connected = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, length) }
        }
        guard connected == 0 else { throw Failure(code: errno) }
        var own = sockaddr_in6()
        var ownLength = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = unsafe withUnsafeMutablePointer(to: &own) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &ownLength)
            }
        }
        local = unsafe withUnsafePointer(to: own) { unsafe SystemAddress.load($0) }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        let sent = unsafe Glibc.send(descriptor, bytes, bytes.count, 0)
        guard sent == bytes.count else { throw Failure(code: errno) }
    }

    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure(code: errno) }
        return Array(buffer.prefix(count))
    }
}
