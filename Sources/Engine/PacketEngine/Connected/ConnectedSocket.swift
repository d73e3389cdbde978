// Unsafe: system calls on sockets take pointers to addresses and options.

public import Addresses
import CLinux
import Glibc

/// A UDP socket that talks to one address, as clients and peers have it: a plain value, which who opened it closes.
public struct ConnectedSocket: Sendable {
    /// The address that it is bound to.
    public let local: SocketAddress
    let descriptor: Int32

    /// Opens and binds a socket with receive and send buffers of so many bytes, or what the system grants.
    public static func open(_ local: SocketAddress, bufferSize: Int) throws(SocketError) -> ConnectedSocket {
        let family = local.address.family == .v4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw SocketError("socket", "\(local)", code: errno) }
        for (forced, plain) in [(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)] {
            let size = Int32(clamping: bufferSize)
            if !setOption(descriptor, SOL_SOCKET, forced, size) { _ = setOption(descriptor, SOL_SOCKET, plain, size) }
        }
        let bound = unsafe SystemAddress.with(local) { unsafe bind(descriptor, $0, $1) }
        guard bound == 0 else {
            let code = errno
            _ = Glibc.close(descriptor)
            throw SocketError("bind", "\(local)", code: code)
        }
        let address = local.port == 0 ? SystemAddress.local(of: descriptor) ?? local : local
        return ConnectedSocket(local: address, descriptor: descriptor)
    }

    /// Sends to this address from now on, and receives from it alone.
    public func connect(to remote: SocketAddress) throws(SocketError) {
        let result = unsafe SystemAddress.with(remote) { unsafe Glibc.connect(descriptor, $0, $1) }
        guard result == 0 else { throw SocketError("connect", "\(remote)", code: errno) }
    }

    /// Has the system join datagrams of one length that come together (UDP_GRO), which a batch made for trains reads.
    public func receiveTrains() throws(SocketError) {
        guard Self.setOption(descriptor, Int32(IPPROTO_UDP), Int32(CLINUX_UDP_GRO), 1) else {
            throw SocketError("UDP_GRO", "\(local)", code: errno)
        }
    }

    /// Closes the socket; who waits for it in a `PrecisePoll` does so no longer.
    public func close() { _ = Glibc.close(descriptor) }

    private static func setOption(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }
}
