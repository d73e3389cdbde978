import Addresses
import Observability
import PacketEngine
import ServerCore
import ServerSettings

/// Opens the sockets of a plan, one set for each worker.
enum Listeners {
    /// One open socket with its role.
    struct Listener: Sendable {
        let socket: UDPSocket
        let role: SocketRole
        let isRead: Bool
        /// Whether it stands beside a socket on all addresses only to spare work.
        let isShortcut: Bool
    }

    /// Probes every address, then opens `workers` sets of sockets; a family that this host lacks is left out when it was
    /// not asked for.
    static func open(_ plan: ListenPlan, workers: Int, bufferSize: Int) throws(StartError) -> [[Listener]] {
        var planned: [ListenPlan.Socket] = []
        for socket in plan.sockets {
            // The probe of all addresses has told already whether anybody holds the port of one of them.
            if socket.isShortcut {
                planned.append(socket)
                continue
            }
            do throws(SocketError) {
                try probe(socket.local)
                planned.append(socket)
            } catch {
                if socket.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                throw refusal(socket, error)
            }
        }
        var sets: [[Listener]] = []
        for _ in 0..<workers {
            var set: [Listener] = []
            for socket in planned {
                do throws(SocketError) {
                    let opened = try UDPSocket(
                        bindingTo: socket.local,
                        sharesPort: true,
                        bufferSize: bufferSize,
                        isRead: socket.isRead,
                        receivesTrains: socket.isRead
                    )
                    set.append(
                        Listener(
                            socket: opened,
                            role: socket.role,
                            isRead: socket.isRead,
                            isShortcut: socket.isShortcut
                        )
                    )
                } catch {
                    // The address went away meanwhile, or another program of this user shares its port.
                    if socket.isShortcut, error.isAddressMissing || error.isAddressInUse { continue }
                    throw refusal(socket, error)
                }
            }
            sets.append(set)
        }
        return sets
    }

    /// Fails when anybody holds the address.
    ///
    /// The system closes the sockets of a process that was killed while it used io_uring some moments after its end, so one
    /// that is taken is tried again for a while.
    private static func probe(_ local: SocketAddress) throws(SocketError) {
        for _ in 0..<20 {
            do throws(SocketError) {
                return try UDPSocket.probe(local)
            } catch {
                guard error.isAddressInUse else { throw error }
                SystemClock.sleep(nanoseconds: 25_000_000)
            }
        }
        try UDPSocket.probe(local)
    }

    private static func refusal(_ socket: ListenPlan.Socket, _ error: SocketError) -> StartError {
        let isSecond = socket.role.isOnAlternatePort
        let key = isSecond ? "stun-port-2" : "stun-port-1"
        let code: MessageCode = isSecond ? .secondaryPortNotOpened : .primaryPortNotOpened
        guard error.isAddressInUse else {
            return .portNotOpened(code, "STUN port \(isSecond ? 2 : 1) not opened: \(error)")
        }
        let holder = PortHolder.describe(socket.local).map { "held by \($0)" } ?? "another socket holds it"
        return .portNotOpened(
            code,
            "STUN port \(isSecond ? 2 : 1) not opened: \(socket.local): \(holder); stop it or set \(key) to another port"
        )
    }
}
