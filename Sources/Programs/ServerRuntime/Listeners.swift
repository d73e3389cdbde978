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

    /// Probes every address, then opens a set of sockets for each worker; a family that this host lacks is left out when it was
    /// not asked for.
    /// - `workers`: how many there may be (`workers(_:wanted:passed:)`).
    /// - `passed`: sockets that are open already.
    static func open(
        _ plan: ListenPlan,
        workers wanted: Int,
        bufferSize: Int,
        passed: PassedSockets = PassedSockets()
    ) throws(StartError) -> [Group] {
        let sockets = try probe(plan.sockets, passed)
        let streams = try probe(plan.streams, passed)
        let workers = workers(plan, wanted: wanted, passed: passed)
        let (given, givenStreams) = (
            sockets.map { passed.take(.datagrams, $0.local) }, streams.map { passed.take(.connections, $0.local) }
        )
        var groups: [Group] = []
        for worker in 0..<workers {
            var group = Group()
            for (socket, given) in zip(sockets, given) {
                do throws(SocketError) {
                    if let listener = given.isEmpty ? try open(socket, bufferSize: bufferSize) : nil {
                        group.sockets.append(listener)
                    }
                    group.sockets += try listeners(
                        socket,
                        of: given,
                        worker: worker,
                        workers: workers,
                        bufferSize: bufferSize
                    )
                } catch {
                    throw refusal(socket, error, passed)
                }
            }
            for (stream, given) in zip(streams, givenStreams) {
                do throws(SocketError) {
                    if given.isEmpty { group.streams.append(try TCPListener(bindingTo: stream.local)) }
                    group.streams += try listeners(of: given, worker: worker, workers: workers)
                } catch {
                    throw refusal(stream, error, passed)
                }
            }
            groups.append(group)
        }
        return groups
    }

    /// The sockets of a plan that this host can have.
    private static func probe(
        _ sockets: [ListenPlan.Socket],
        _ passed: PassedSockets
    ) throws(StartError) -> [ListenPlan.Socket] {
        var found: [ListenPlan.Socket] = []
        for socket in sockets where !isBesidePassed(socket, passed) {
            // The probe of all addresses has told already whether anybody holds the port of one of them.
            if socket.isShortcut || passed.has(.datagrams, socket.local) {
                found.append(socket)
                continue
            }
            do throws(SocketError) {
                try probe(socket.local)
                found.append(socket)
            } catch {
                if socket.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                throw refusal(socket, error, passed)
            }
        }
        return found
    }

    /// What keeps sockets of a plan from being opened now; nothing stays open.
    struct Obstacles {
        /// Why, one for each.
        var errors: [StartError] = []
        /// The ports that systemd holds for a .socket unit, and passes to what that starts.
        var ofSystemd: [String] = []
    }

    static func obstacles(_ plan: ListenPlan) -> Obstacles {
        var obstacles = Obstacles()
        for socket in plan.sockets where !socket.isShortcut {
            do throws(SocketError) {
                try UDPSocket.probe(socket.local)
            } catch {
                if socket.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                if error.isAddressInUse, PortHolder.isSystemd(socket.local) {
                    obstacles.ofSystemd.append("UDP \(socket.local)")
                } else {
                    obstacles.errors.append(refusal(socket, error))
                }
            }
        }
        for stream in plan.streams {
            do throws(SocketError) {
                try TCPListener.probe(stream.local)
            } catch {
                if stream.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                if error.isAddressInUse, PortHolder.isSystemd(stream.local, tcp: true) {
                    obstacles.ofSystemd.append("TCP \(stream.local)")
                } else {
                    obstacles.errors.append(refusal(stream, error))
                }
            }
        }
        return obstacles
    }

    /// Opens a socket; nil for one that only spares work and cannot be had.
    private static func open(_ socket: ListenPlan.Socket, bufferSize: Int) throws(SocketError) -> Listener? {
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
            throw error
        }
    }

    /// The streams of a plan that this host can have.
    private static func probe(
        _ streams: [ListenPlan.Stream],
        _ passed: PassedSockets
    ) throws(StartError) -> [ListenPlan.Stream] {
        var found: [ListenPlan.Stream] = []
        for stream in streams {
            if passed.has(.connections, stream.local) {
                found.append(stream)
                continue
            }
            do throws(SocketError) {
                try TCPListener.probe(stream.local)
                found.append(stream)
            } catch {
                if stream.isOptional, error.isFamilyMissing || error.isAddressMissing { continue }
                throw refusal(stream, error, passed)
            }
        }
        return found
    }

    private static func refusal(
        _ stream: ListenPlan.Stream,
        _ error: SocketError,
        _ passed: PassedSockets = PassedSockets()
    ) -> StartError {
        guard error.isAddressInUse else {
            return .portNotOpened(.primaryPortNotOpened, "TCP port \(stream.local.port) not opened: \(error)")
        }
        if let obstacle = passed.obstacle(.connections, stream.local) {
            return .portNotOpened(.primaryPortNotOpened, "TCP \(stream.local) not opened: \(obstacle)")
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

    private static func refusal(
        _ socket: ListenPlan.Socket,
        _ error: SocketError,
        _ passed: PassedSockets = PassedSockets()
    ) -> StartError {
        if error.isAddressInUse, let obstacle = passed.obstacle(.datagrams, socket.local) {
            let code: MessageCode = socket.role.isOnAlternatePort ? .secondaryPortNotOpened : .primaryPortNotOpened
            return .portNotOpened(code, "UDP \(socket.local) not opened: \(obstacle)")
        }
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
