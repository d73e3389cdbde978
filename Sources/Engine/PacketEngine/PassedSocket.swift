// Unsafe: options of a socket are asked for through pointers.

public import Addresses
import CLinux
import Glibc

/// A bound socket that this process was started with, such as systemd passes (sd_listen_fds(3)); closed when the last
/// reference goes.
///
/// Whoever uses it takes a copy of the descriptor: the socket is one, and stays open as long as anybody holds it.
public final class PassedSocket: Sendable {
    /// What it is for.
    public enum Kind: Sendable {
        /// UDP.
        case datagrams
        /// TCP, where clients connect.
        case connections
    }

    /// What it is for.
    public let kind: Kind
    /// The address that it is bound to; 0.0.0.0 or `::` stands for all.
    public let local: SocketAddress
    /// Whether it is one of IPv6 to which clients of IPv4 come too.
    public let isOfBothFamilies: Bool
    let descriptor: Int32

    /// Takes over a descriptor; nil, and it is closed, when it is no bound socket of UDP or TCP.
    public init?(adopting descriptor: Int32) {
        guard let kind = Self.kind(of: descriptor), let local = SystemAddress.local(of: descriptor), local.port != 0,
            let domain = Self.option(descriptor, SOL_SOCKET, SO_DOMAIN), domain == AF_INET || domain == AF_INET6
        else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.kind = kind
        self.local = local
        isOfBothFamilies =
            domain == AF_INET6 && local.address.isUnspecified
            && Self.option(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 0
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Another descriptor of the same socket, for who closes it by themselves.
    public func copy() throws(SocketError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SocketError("dup", "\(local)", code: errno) }
        return copy
    }

    /// The same of a socket at which clients connect; it is asked to listen, where it does not yet.
    public func listeningCopy() throws(SocketError) -> Int32 {
        guard listen(descriptor, TCPListener.backlog) == 0 else { throw SocketError("listen", "\(local)", code: errno) }
        return try copy()
    }

    /// Says whether calls wait by themselves: of all copies, as it belongs to the socket and not to the descriptor.
    func setNonBlocking(_ isNonBlocking: Bool) {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0 else { return }
        _ = fcntl(descriptor, F_SETFL, isNonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)
    }

    private static func kind(of descriptor: Int32) -> Kind? {
        switch option(descriptor, SOL_SOCKET, SO_PROTOCOL) {
        case Int32(IPPROTO_UDP): .datagrams
        case Int32(IPPROTO_TCP): .connections
        default: nil
        }
    }

    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }
}
