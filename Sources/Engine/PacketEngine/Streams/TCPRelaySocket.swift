// Unsafe: bind takes a pointer to an address.

public import Addresses
import CLinux
import Glibc

/// The TCP sockets of relayed transport addresses (RFC 6062): peers connect to them, and connections to peers go out from the
/// same address and port.
///
/// Plain values like those of `RelaySocket`, which also closes them; who opened one closes it. Connections are taken by
/// `StreamSocket.accept`.
public enum TCPRelaySocket {
    /// Few at a time connect to one client.
    private static let backlog: Int32 = 64

    /// Opens a socket that shares its port with nobody, and lets peers connect.
    ///
    /// A port that another TCP socket listens at is refused (`isAddressInUse`); one of which only connections are left that
    /// have ended is not (SO_REUSEADDR).
    public static func open(_ local: SocketAddress) throws(SocketError) -> SocketHandle {
        let descriptor = try TCPListener.bound(to: local, sharesPort: false)
        guard listen(descriptor, backlog) == 0 else {
            let code = errno
            close(descriptor)
            throw SocketError("listen", "\(local)", code: code)
        }
        let bound = local.port == 0 ? SystemAddress.local(of: descriptor) ?? local : local
        return SocketHandle(local: bound, isWildcard: local.address.isUnspecified, descriptor: descriptor)
    }

    /// Begins to connect to a peer from the relayed transport address (RFC 6062 section 5.2); `StreamSocket.connectionError`
    /// tells how it ended, once the stream can be written to or has hung up.
    ///
    /// Linux binds a second socket to a port that one listens at only if both have SO_REUSEPORT, by which any program of the same
    /// user could listen there too. So they have it for this moment alone.
    public static func connect(from relay: SocketHandle, to peer: SocketAddress) throws(SocketError) -> StreamHandle {
        let local = relay.local
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw SocketError("socket", "\(local)", code: errno) }
        do throws(SocketError) {
            try StreamOptions.set(descriptor, local)
            // Towards the connections that have the port already.
            try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", local)
            try share(relay, with: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        return try StreamSocket.connect(descriptor, local, peer)
    }

    private static func share(_ relay: SocketHandle, with descriptor: Int32) throws(SocketError) {
        let local = relay.local
        try UDPSocket.setOption(relay.descriptor, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", local)
        try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", local)
        let bound = unsafe SystemAddress.with(local) { unsafe bind(descriptor, $0, $1) }
        let code = errno
        try UDPSocket.setOption(relay.descriptor, SOL_SOCKET, SO_REUSEPORT, 0, "SO_REUSEPORT", local)
        try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 0, "SO_REUSEPORT", local)
        guard bound == 0 else { throw SocketError("bind", "\(local)", code: code) }
        forget(local.port)
    }

    /// Makes the system forget that the port was shared: it keeps that for the port as a whole, and lets a sharing socket in
    /// without looking at those that are there, until a socket that does not share is bound to the same port at any address.
    private static func forget(_ port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // An address of the loopback network that nobody listens at; where somebody does nothing is lost but this.
        let elsewhere = SocketAddress(IPAddress(v4: 0x7F4D_0707), port: port)
        _ = unsafe SystemAddress.with(elsewhere) { unsafe bind(descriptor, $0, $1) }
    }
}
