import Addresses
import CLinux
import Glibc

/// The options of all streams.
///
/// What is set on a listening socket holds for the connections that it accepts (tcp(7)), so an accept costs one call.
enum StreamOptions {
    /// How much the system keeps that it has not sent yet, beyond what is on its way.
    ///
    /// Without this limit it takes megabytes for one who does not read, and relayed media would grow old there.
    static let notSent: Int32 = 131_072
    /// Seconds without a word before the other end is asked whether it is still there; seconds between the questions; how
    /// many of them without an answer end the connection.
    private static let keepAlive: (idle: Int32, interval: Int32, count: Int32) = (120, 30, 4)

    /// Sets them.
    static func set(_ descriptor: Int32, _ local: SocketAddress) throws(SocketError) {
        if local.address.family == .v6 {
            // One family a socket: an IPv4 client must never show up as ::ffff:a.b.c.d.
            try UDPSocket.setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", local)
        }
        try setOfConnections(descriptor, local)
    }

    /// Sets those that a bound socket may be given too.
    static func setOfConnections(_ descriptor: Int32, _ local: SocketAddress) throws(SocketError) {
        // What is written is a whole turn's work already: waiting for more would only delay it.
        try UDPSocket.setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", local)
        try UDPSocket.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE", local)
        try UDPSocket.setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, keepAlive.idle, "TCP_KEEPIDLE", local)
        try UDPSocket.setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, keepAlive.interval, "TCP_KEEPINTVL", local)
        try UDPSocket.setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, keepAlive.count, "TCP_KEEPCNT", local)
        let name = Int32(CLINUX_TCP_NOTSENT_LOWAT)
        try UDPSocket.setOption(descriptor, IPPROTO_TCP, name, notSent, "TCP_NOTSENT_LOWAT", local)
    }
}
