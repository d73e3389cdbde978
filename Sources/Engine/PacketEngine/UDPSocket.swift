// Unsafe: system calls on sockets take pointers to addresses and options.

public import Addresses
import CLinux
import Glibc

/// What a worker's packet path needs of a socket: a plain value, so that handing it around counts no references.
///
/// It is valid while its `UDPSocket` lives, or until `RelaySocket.close`.
public struct SocketHandle: Sendable {
    /// The address that the socket is bound to.
    public let local: SocketAddress
    /// Whether it is bound to all addresses of its family, so that each datagram must tell which one it came to.
    public let isWildcard: Bool
    let descriptor: Int32
    /// Whether it is told of ICMP errors, so that a call may fail for what an earlier one did (`PendingError`).
    var hasErrorQueue = false
}

/// A bound UDP socket; closed when the last reference goes.
public final class UDPSocket: Sendable {
    /// The address that it is bound to; 0.0.0.0 or `::` stands for all.
    public let local: SocketAddress
    /// The size of the receive buffer that the system granted, in bytes of payload.
    public let receiveBuffer: Int
    let descriptor: Int32

    /// The value by which a worker uses this socket; the worker keeps the socket as well.
    public var handle: SocketHandle {
        SocketHandle(local: local, isWildcard: local.address.isUnspecified, descriptor: descriptor)
    }

    /// Opens and binds a socket.
    ///
    /// It is not marked as one that never blocks: io_uring would then tell of every moment at which nothing waits. Each
    /// call says by itself that it does not wait.
    /// - `sharesPort`: SO_REUSEPORT, so that each worker can have a socket of its own on the same address.
    /// - `bufferSize`: wanted size of both socket buffers in bytes; the system may grant less.
    /// - `isRead`: false for a socket that only sends, which needs no room for what others may send to it.
    /// - `receivesTrains`: lets datagrams of one sender come as one (`DatagramBatch.train`), where the kernel can do that.
    public init(
        bindingTo local: SocketAddress,
        sharesPort: Bool,
        bufferSize: Int,
        isRead: Bool = true,
        receivesTrains: Bool = false
    ) throws(SocketError) {
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        descriptor = Glibc.socket(family, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        self.local = local
        guard descriptor >= 0 else {
            receiveBuffer = 0
            throw SocketError("socket", "\(local)", code: errno)
        }
        do throws(SocketError) {
            receiveBuffer = try Self.setUp(
                descriptor,
                local,
                sharesPort: sharesPort,
                buffers: (receive: isRead ? bufferSize : 4096, send: bufferSize)
            )
            if isRead { try Self.receiveTrafficClass(descriptor, local) }
            if receivesTrains { clinux_receive_trains(descriptor) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Takes a socket that the process was started with, and sets it up as one of its own.
    ///
    /// It is bound already: which families it serves, and whether others may share its port, is decided.
    public init(
        passed: PassedSocket,
        bufferSize: Int,
        isRead: Bool = true,
        receivesTrains: Bool = false
    ) throws(SocketError) {
        local = passed.local
        descriptor = try passed.copy()
        passed.setNonBlocking(false)
        do throws(SocketError) {
            // One that only answers may be read by another worker: the buffer belongs to both.
            try Self.setOptions(descriptor, local, buffers: (receive: isRead ? bufferSize : nil, send: bufferSize))
            receiveBuffer = Self.grantedBuffer(descriptor)
            if isRead { try Self.receiveTrafficClass(descriptor, local) }
            if receivesTrains { clinux_receive_trains(descriptor) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Fails when anybody holds the address: SO_REUSEPORT would else let a second server of the same user join in
    /// and take half of the first one's clients.
    public static func probe(_ local: SocketAddress) throws(SocketError) {
        _ = try UDPSocket(bindingTo: local, sharesPort: false, bufferSize: 65_536)
    }

    /// The port that the system chose, when it was asked for port 0.
    public func boundPort() -> UInt16 { SystemAddress.local(of: descriptor)?.port ?? 0 }

    private static func setUp(
        _ descriptor: Int32,
        _ local: SocketAddress,
        sharesPort: Bool,
        buffers: (receive: Int, send: Int)
    ) throws(SocketError) -> Int {
        if local.address.family == .v6 {
            // One family a socket: an IPv4 client must never show up as ::ffff:a.b.c.d.
            try setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", local)
        }
        if sharesPort { try setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", local) }
        try setOptions(descriptor, local, buffers: (receive: buffers.receive, send: buffers.send))
        let bound = unsafe SystemAddress.with(local) { unsafe bind(descriptor, $0, $1) }
        guard bound == 0 else { throw SocketError("bind", "\(local)", code: errno) }
        return grantedBuffer(descriptor)
    }

    /// What can be set whether a socket is bound or not; a buffer that is nil stays as it is.
    private static func setOptions(
        _ descriptor: Int32,
        _ local: SocketAddress,
        buffers: (receive: Int?, send: Int)
    ) throws(SocketError) {
        if local.address.family == .v4 {
            // No DF bit on what is relayed to a client: it came without one as far as anybody can tell (RFC 8656 section 14).
            try setOption(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, "IP_MTU_DISCOVER", local)
        }
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        if local.address.isUnspecified, clinux_enable_packet_info(descriptor, family) != 0 {
            throw SocketError("packet info", "\(local)", code: errno)
        }
        if let size = buffers.receive { growBuffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, to: size) }
        growBuffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, to: buffers.send)
    }

    /// Asks for the TOS byte or traffic class of each datagram to come with it, so that relaying can keep it.
    static func receiveTrafficClass(_ descriptor: Int32, _ local: SocketAddress) throws(SocketError) {
        switch local.address.family {
        case .v4: try setOption(descriptor, IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS", local)
        case .v6: try setOption(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS", local)
        }
    }

    static func setOption(
        _ descriptor: Int32,
        _ level: some BinaryInteger,
        _ option: Int32,
        _ value: Int32,
        _ name: String,
        _ local: SocketAddress
    ) throws(SocketError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(descriptor, Int32(level), option, &value, size) == 0 else {
            throw SocketError(name, "\(local)", code: errno)
        }
    }

    /// Sets a buffer size past the system's limit where we may, else up to it.
    ///
    /// What was granted is read back.
    private static func growBuffer(_ descriptor: Int32, _ forced: Int32, _ plain: Int32, to size: Int) {
        var value = Int32(clamping: size)
        let length = socklen_t(MemoryLayout<Int32>.size)
        if unsafe setsockopt(descriptor, SOL_SOCKET, forced, &value, length) != 0 {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, plain, &value, length)
        }
    }

    private static func grantedBuffer(_ descriptor: Int32) -> Int {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &value, &length) == 0 else { return 0 }
        // Linux reports twice what it grants: the other half is its own bookkeeping (socket(7)).
        return Int(value) / 2
    }
}
