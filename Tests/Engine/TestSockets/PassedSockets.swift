// Unsafe: socket options and addresses are given as pointers.

public import Addresses
import CLinux
import Glibc

@testable public import PacketEngine

extension PassedSocket {
    /// A socket of UDP as a process is started with one: bound, its port shared, and without any option of ours.
    public static func bound(at local: SocketAddress) throws -> PassedSocket {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var shares: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &shares, size)
        guard unsafe SystemAddress.with(local, { unsafe bind(descriptor, $0, $1) }) == 0,
            let passed = PassedSocket(adopting: descriptor)
        else { throw TestClient.Failure(code: errno) }
        return passed
    }
}
