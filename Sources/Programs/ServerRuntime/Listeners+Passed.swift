import Addresses
import PacketEngine
import ServerSettings

extension Listeners {
    /// Opens what the settings ask for (`open(_:workers:bufferSize:passed:)`).
    static func open(_ plan: ListenPlan, _ settings: Settings, _ passed: PassedSockets) throws(StartError) -> [Group] {
        try open(plan, workers: settings.workerCount, bufferSize: settings.socketBuffer, passed: passed)
    }

    /// How many workers there are when systemd has passed sockets of UDP.
    ///
    /// A client's datagrams must always come to the same worker, and only the system can see to that, by a socket for each
    /// worker at one address. So of sockets that were passed there are never more workers than of an address that has most of
    /// them.
    static func workers(_ plan: ListenPlan, wanted: Int, passed: PassedSockets) -> Int {
        let counts = plan.sockets.filter { $0.isRead && !$0.isShortcut }.map { passed.count(.datagrams, $0.local) }
        guard let most = counts.max(), most > 0 else { return wanted }
        return min(wanted, most)
    }

    /// Whether a socket only spares work beside one that was passed: its port belongs to systemd then, and may be one that the
    /// server could not open.
    static func isBesidePassed(_ socket: ListenPlan.Socket, _ passed: PassedSockets) -> Bool {
        let everywhere = SocketAddress(.unspecified(socket.local.address.family), port: socket.local.port)
        return socket.isShortcut && passed.has(.datagrams, everywhere)
    }

    /// What a worker has of the sockets that were passed for an address.
    ///
    /// Each is read by one worker: one that nobody read would still get its share of the clients, as it stays open where it came
    /// from. A worker without one of its own answers by another's.
    static func listeners(
        _ socket: ListenPlan.Socket,
        of all: [PassedSocket],
        worker: Int,
        workers: Int,
        bufferSize: Int
    ) throws(SocketError) -> [Listener] {
        var listeners: [Listener] = []
        let own = share(of: all, worker: worker, workers: workers)
        for passed in own.sockets {
            let isRead = socket.isRead && own.isOwn
            listeners.append(
                Listener(
                    socket: try UDPSocket(
                        passed: passed,
                        bufferSize: bufferSize,
                        isRead: isRead,
                        receivesTrains: isRead
                    ),
                    role: socket.role,
                    isRead: isRead,
                    isShortcut: false,
                    isSecure: socket.isSecure
                )
            )
        }
        return listeners
    }

    /// The same for TCP, where many workers may accept at one socket.
    static func listeners(of all: [PassedSocket], worker: Int, workers: Int) throws(SocketError) -> [TCPListener] {
        var listeners: [TCPListener] = []
        for passed in share(of: all, worker: worker, workers: workers).sockets {
            listeners.append(try TCPListener(passed: passed))
        }
        return listeners
    }

    private static func share(
        of all: [PassedSocket],
        worker: Int,
        workers: Int
    ) -> (sockets: [PassedSocket], isOwn: Bool) {
        guard !all.isEmpty else { return ([], true) }
        let own = all.indices.filter { $0 % workers == worker }.map { all[$0] }
        return own.isEmpty ? ([all[worker % all.count]], false) : (own, true)
    }
}
