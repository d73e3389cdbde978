// Unsafe: bind takes a pointer to an address.

public import Addresses
import CLinux
import Glibc

/// The sockets of relayed transport addresses: plain values, since a server has one for each allocation.
///
/// Who opens one closes it.
public enum RelaySocket {
    /// Opens and binds a socket, by six system calls for IPv4 and five for IPv6 (one more for port 0).
    ///
    /// It shares its port with nobody, hears of ICMP errors (`ErrorQueue`), tells the traffic class of what
    /// it receives, takes trains (`DatagramBatch.train`), and sends with the system's default TTL and, on IPv4, without the DF bit (the alternate behavior of
    /// RFC 8656 sections 13 and 14).
    public static func open(_ local: SocketAddress) throws(SocketError) -> SocketHandle {
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SocketError("socket", "\(local)", code: errno) }
        do throws(SocketError) {
            try setUp(descriptor, local)
        } catch {
            _ = Glibc.close(descriptor)
            throw error
        }
        let bound = local.port == 0 ? SystemAddress.local(of: descriptor) ?? local : local
        return SocketHandle(
            local: bound,
            isWildcard: local.address.isUnspecified,
            descriptor: descriptor,
            hasErrorQueue: true
        )
    }

    /// Closes a socket; epoll stops watching it by itself, and on io_uring it is unwatched first (`EventLoop.Watcher`).
    public static func close(_ socket: SocketHandle) {
        _ = Glibc.close(socket.descriptor)
    }

    private static func setUp(_ descriptor: Int32, _ local: SocketAddress) throws(SocketError) {
        if local.address.family == .v6, local.address.isUnspecified {
            // Else a peer ::ffff:a.b.c.d would be reached by IPv4, past the rules for peers. A socket on one address is
            // for IPv6 only by itself.
            try UDPSocket.setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", local)
        }
        // Before the other options, because it is what fails where the port is taken.
        let bound = unsafe SystemAddress.with(local) { unsafe bind(descriptor, $0, $1) }
        guard bound == 0 else { throw SocketError("bind", "\(local)", code: errno) }
        switch local.address.family {
        case .v4:
            try UDPSocket.setOption(descriptor, IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR", local)
            let value = IP_PMTUDISC_OMIT
            try UDPSocket.setOption(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, value, "IP_MTU_DISCOVER", local)
        case .v6:
            // IPV6_MTU_DISCOVER is right from the start: IPV6_PMTUDISC_WANT sends fragments where the path needs them.
            try UDPSocket.setOption(descriptor, IPPROTO_IPV6, IPV6_RECVERR, 1, "IPV6_RECVERR", local)
        }
        try UDPSocket.receiveTrafficClass(descriptor, local)
        clinux_receive_trains(descriptor)
    }

    /// Forbids or allows that what a relay socket sends is fragmented.
    ///
    /// Forbidden: IP_PMTUDISC_PROBE sets the DF bit and does not go by what this host knows of the path, since finding
    /// that out is what the client is doing (RFC 8656 section 3.7). Allowed on IPv4: IP_PMTUDISC_OMIT sets no DF bit, lets no forged
    /// ICMP message shrink the path's MTU, and, unlike IP_PMTUDISC_DONT, still tells "fragmentation needed".
    static func setFragmentation(_ descriptor: Int32, _ family: Int32, forbidden: Bool) {
        let isV4 = family == AF_INET
        let level = Int32(isV4 ? IPPROTO_IP : IPPROTO_IPV6)
        let option = isV4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER
        var value = isV4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_WANT
        if forbidden { value = isV4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE }
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
