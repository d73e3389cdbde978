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
        /// Whether it is there for DTLS alone.
        let isSecure: Bool
    }

    /// What one worker listens at.
    struct Group: Sendable {
        var sockets: [Listener] = []
        var streams: [TCPListener] = []
    }

    /// Probes every address, then opens `workers` sets of sockets; a family that this host lacks is left out when it was
    /// not asked for.
    static func open(_ plan: ListenPlan, workers: Int, bufferSize: Int) throws(StartError) -> [Group] {
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
        let streams = try probe(plan.streams)
        var groups: [Group] = []
        for _ in 0..<workers {
            var group = Group()
            for socket in planned {
                if let listener = try open(socket, bufferSize: bufferSize) { group.sockets.append(listener) }
            }
            for stream in streams {
                do throws(SocketError) {
                    group.streams.append(try TCPListener(bindingTo: stream.local))
                } catch {
                    throw refusal(stream, error)
                }
            }
            groups.append(group)
        }
        return groups
    }

    /// Why sockets of a plan could not be opened now, one for each; nothing stays open.
    static func obstacles(_ plan: ListenPlan) -> [StartError] {
        var obstacles: [StartError] = []
        for socket in plan.sockets where !socket.isShortcut {
            do throws(SocketError) {
                try UDPSocket.probe(socket.local)
            } catch {
                if socket.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                obstacles.append(refusal(socket, error))
            }
        }
        for stream in plan.streams {
            do throws(SocketError) {
                try TCPListener.probe(stream.local)
            } catch {
                if stream.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                obstacles.append(refusal(stream, error))
            }
        }
        return obstacles
    }

    /// Opens a socket; nil for one that only spares work and cannot be had.
    private static func open(_ socket: ListenPlan.Socket, bufferSize: Int) throws(StartError) -> Listener? {
        do throws(SocketError) {
            let opened = try UDPSocket(
                bindingTo: socket.local,
                sharesPort: true,
                bufferSize: bufferSize,
                isRead: socket.isRead,
                receivesTrains: socket.isRead
            )
            return Listener(
                socket: opened,
                role: socket.role,
                isRead: socket.isRead,
                isShortcut: socket.isShortcut,
                isSecure: socket.isSecure
            )
        } catch {
            // The address went away meanwhile, or another program of this user shares its port.
            if socket.isShortcut, error.isAddressMissing || error.isAddressInUse { return nil }
            throw refusal(socket, error)
        }
    }

    /// The streams of a plan that this host can have.
    private static func probe(_ streams: [ListenPlan.Stream]) throws(StartError) -> [ListenPlan.Stream] {
        var found: [ListenPlan.Stream] = []
        for stream in streams {
            do throws(SocketError) {
                try TCPListener.probe(stream.local)
                found.append(stream)
            } catch {
                if stream.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                throw refusal(stream, error)
            }
        }
        return found
    }

    private static func refusal(_ stream: ListenPlan.Stream, _ error: SocketError) -> StartError {
        guard error.isAddressInUse else {
            return .portNotOpened(.primaryPortNotOpened, "TCP port \(stream.local.port) not opened: \(error)")
        }
        let holder = PortHolder.describe(stream.local, tcp: true).map { "held by \($0)" } ?? "another socket holds it"
        return .portNotOpened(
            .primaryPortNotOpened,
            """
            TCP port \(stream.local.port) not opened: \(stream.local): \(holder); stop it, or set \(stream.key) to another port\
            \(stream.key == "stun-port-1" ? ", or tcp to off" : "")
            """
        )
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
        guard !socket.isSecure else { return refusalOfSecure(socket, error) }
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

    private static func refusalOfSecure(_ socket: ListenPlan.Socket, _ error: SocketError) -> StartError {
        guard error.isAddressInUse else {
            return .portNotOpened(.primaryPortNotOpened, "DTLS port not opened: \(error)")
        }
        let holder = PortHolder.describe(socket.local).map { "held by \($0)" } ?? "another socket holds it"
        return .portNotOpened(
            .primaryPortNotOpened,
            "DTLS port not opened: \(socket.local): \(holder); stop it, set tls-port to another port, or dtls to off"
        )
    }
}
