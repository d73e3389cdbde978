// Unsafe: bind takes a pointer to an address.

public import Addresses
import CLinux
import Glibc

/// A TCP socket at which clients connect; closed when the last reference goes.
public final class TCPListener: Sendable {
    /// How many connections may wait to be accepted; the system's own limit (net.core.somaxconn) may be lower.
    static let backlog: Int32 = 4096

    /// The address that it is bound to; 0.0.0.0 or `::` stands for all, and a port that was 0 is the one the system chose.
    public let local: SocketAddress
    let descriptor: Int32

    /// The value by which a worker watches it and accepts (`StreamSocket.accept`); the worker keeps the listener as well.
    public var handle: SocketHandle {
        SocketHandle(local: local, isWildcard: local.address.isUnspecified, descriptor: descriptor)
    }

    /// Opens, binds, and lets clients connect from now on.
    ///
    /// The port is shared (SO_REUSEPORT), so that each worker has a listener of its own at the same address: the system spreads
    /// new connections over them. Since that lets a second server of the same user in, `probe` is asked first. Connections that
    /// an ended server has left do not hold the port (SO_REUSEADDR).
    public init(bindingTo local: SocketAddress) throws(SocketError) {
        descriptor = try Self.bound(to: local, sharesPort: true)
        self.local = local.port == 0 ? SystemAddress.local(of: descriptor) ?? local : local
        guard listen(descriptor, Self.backlog) == 0 else {
            let code = errno
            close(descriptor)
            throw SocketError("listen", "\(local)", code: code)
        }
    }

    /// Takes a socket that the process was started with, and sets it up as one of its own.
    public init(passed: PassedSocket) throws(SocketError) {
        local = passed.local
        descriptor = try passed.copy()
        passed.setNonBlocking(true)
        do throws(SocketError) {
            try StreamOptions.setOfConnections(descriptor, local)
            // Where it listens already, this says only how many may wait.
            guard listen(descriptor, Self.backlog) == 0 else { throw SocketError("listen", "\(local)", code: errno) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Fails when anybody listens at the address.
    public static func probe(_ local: SocketAddress) throws(SocketError) {
        close(try bound(to: local, sharesPort: false))
    }

    /// The port that the system chose, when it was asked for port 0.
    public func boundPort() -> UInt16 { local.port }

    /// Takes the next connection; nil when none waits (`StreamSocket.accept`).
    public func accept() throws(SocketError) -> StreamHandle? { try StreamSocket.accept(at: handle) }

    /// Opens and binds a socket that does not listen yet.
    static func bound(to local: SocketAddress, sharesPort: Bool) throws(SocketError) -> Int32 {
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw SocketError("socket", "\(local)", code: errno) }
        do throws(SocketError) {
            try StreamOptions.set(descriptor, local)
            try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", local)
            if sharesPort { try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", local) }
            let bound = unsafe SystemAddress.with(local) { unsafe bind(descriptor, $0, $1) }
            guard bound == 0 else { throw SocketError("bind", "\(local)", code: errno) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
