import Addresses
import PacketEngine

/// Opens sockets on free ports one after another.
///
/// The ports lie below those that the kernel gives to clients and servers to relays, so that a load takes neither away.
struct PortSequence {
    /// The first port that is not used.
    static let end: UInt16 = 32_700
    private static let bufferSize = 4 << 20

    private let address: IPAddress
    private let first: UInt16
    private var next: UInt16

    init(_ target: LoadTarget) {
        address = target.local
        first = target.firstPort
        next = first
    }

    /// A socket on the next free port.
    mutating func open() throws(LoadFailure) -> ConnectedSocket {
        for _ in first..<Self.end {
            let port = next
            next = next + 1 < Self.end ? next + 1 : first
            do throws(SocketError) {
                return try ConnectedSocket.open(SocketAddress(address, port: port), bufferSize: Self.bufferSize)
            } catch {
                guard error.isAddressInUse else { throw LoadFailure(.system, "\(error)") }
            }
        }
        throw LoadFailure(.system, "no free UDP port from \(first) to \(Self.end - 1) of \(address)")
    }

    /// The same, connected.
    mutating func open(to server: SocketAddress) throws(LoadFailure) -> ConnectedSocket {
        let socket = try open()
        do throws(SocketError) {
            try socket.connect(to: server)
        } catch {
            socket.close()
            throw LoadFailure(.system, "\(error)")
        }
        return socket
    }

    /// So many sockets connected to the server, of which `poll` tells by their place.
    static func open(
        _ count: Int,
        for target: LoadTarget,
        watchedBy poll: inout PrecisePoll
    ) throws(LoadFailure) -> OpenSockets {
        FileLimit.raise()
        var ports = PortSequence(target)
        let sockets = OpenSockets()
        for index in 0..<count {
            let socket = try ports.open(to: target.server)
            sockets.list.append(socket)
            try poll.add(socket, token: UInt64(index))
        }
        return sockets
    }
}

/// Sockets that are closed when nobody needs them any longer; the loops use the plain values.
final class OpenSockets {
    var list: [ConnectedSocket] = []

    deinit { for socket in list { socket.close() } }
}

extension PrecisePoll {
    /// An epoll instance.
    static func make() throws(LoadFailure) -> PrecisePoll {
        do throws(SocketError) {
            return try PrecisePoll()
        } catch {
            throw LoadFailure(.system, "\(error)")
        }
    }

    /// Watches a socket.
    mutating func add(_ socket: ConnectedSocket, token: UInt64) throws(LoadFailure) {
        do throws(SocketError) {
            try watch(socket, token: token)
        } catch {
            throw LoadFailure(.system, "\(error)")
        }
    }
}
