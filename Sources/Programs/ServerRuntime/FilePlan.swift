import Administration
import PacketEngine
import ServerCore
import ServerSettings

/// How many files the process may have open, and how many of them may be relay sockets.
struct FilePlan: Equatable {
    /// The limit; 0 where the system does not tell.
    let limit: Int
    /// How many relay sockets there may be: the rest is for listeners, log, store, and whoever looks at console and control
    /// socket while all of them are in use.
    let room: Int
    /// How many the server needs by itself, before anybody asks for a relay socket or a connection.
    let needed: Int

    /// - `listeners`: the sockets of all workers that requests are read from or answered by.
    /// - `relaysTCP`: whether workers have pipes too, through which the system moves bytes between connections.
    init(limit: Int, listeners: Int, workers: Int, relaysTCP: Bool = false) {
        self.limit = limit
        let pipes = relaysTCP ? 2 * PeerStreams.pipeLimit : 0
        // Each worker has its event loop and its mailbox; 32 are log, store, console and what the libraries open.
        needed = listeners + (4 + pipes) * workers + 32
        guard limit > 0 else {
            room = .max
            return
        }
        let spare = min(256, limit / 16)
        room = max(1, limit - needed - spare)
    }

    /// The plan of a server with these settings on this host.
    init(_ settings: Settings, _ plan: ListenPlan, limit: Int) {
        let workers = settings.workerCount
        self.init(
            limit: limit,
            listeners: (plan.sockets.count + plan.streams.count) * workers,
            workers: workers,
            relaysTCP: settings.turn && settings.tcpRelay
        )
    }

    /// Why the server does not start: with fewer files than it needs some part of it would fail sooner or later.
    var refusal: String? {
        guard limit > 0, limit < needed else { return nil }
        return """
            Too many open files: the server needs \(needed) for its workers, sockets and console, and the limit is \(limit); raise \
            it (LimitNOFILE of systemd, or `ulimit -n`), or set workers lower
            """
    }

    /// What is to be said when more ports may relay than files may be open; nil when there are files enough.
    func warning(of relay: RelayPlan?, _ settings: Settings) -> String? {
        guard let relay else { return nil }
        let wanted = settings.relayPorts.count * relay.addresses.count
        guard room < wanted, room < settings.maxAllocations ?? .max else { return nil }
        return """
            the limit of open files is \(limit), which leaves room for \(room) relay sockets, but relay-ports has \(wanted) \
            in all: the rest is refused with error 508; raise the limit (LimitNOFILE of systemd, or `ulimit -n`), or narrow \
            relay-ports or max-allocations to say so
            """
    }

    /// What is to be said when memory-limit has room for fewer allocations than there may be; nil when it is enough.
    static func memoryWarning(_ relay: RelayPlan?, _ settings: Settings, ceiling: Int) -> String? {
        guard let relay, ceiling < .max else { return nil }
        let room = ceiling / (MemoryCost.allocation + MemoryCost.relaySocket)
        guard room < settings.relayPorts.count * relay.addresses.count, room < settings.maxAllocations ?? .max else {
            return nil
        }
        let words = settings.memoryLimit == .auto ? "half of what this host or container has" : "memory-limit"
        return """
            allocations may take \(HumanText.bytes(UInt64(ceiling))) (\(words)), which has room for \(room) of them, fewer \
            than relay-ports has: the rest is refused with error 508; raise memory-limit, or narrow relay-ports or \
            max-allocations to say so
            """
    }
}
