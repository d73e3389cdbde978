import Addresses
import ServerSettings
import Synchronization

/// How many connections clients have, of all workers together: in all, and each client.
///
/// Asked when a connection begins and ends, never for a packet.
final class ConnectionLimits: Sendable {
    /// Why a connection is refused.
    enum Refusal: Equatable, Sendable {
        /// So many is all that there may be (`max-connections`).
        case total(Int)
        /// So many is all that one client may have (`connections-per-client`).
        case client(Int)
        /// No file is left for it.
        case openFiles(Int)
    }

    private struct State {
        var total: Int
        var perClient: Int
        var exempt: [IPPrefix]
        var count = 0
        /// Those of each client that has any: an IPv4 address, an IPv6 /64.
        var counts: [IPAddress: Int] = [:]
    }

    private let state: Mutex<State>
    private let files: FileBudget

    init(_ settings: Settings, files: FileBudget) {
        state = Mutex(
            State(
                total: settings.maxConnections,
                perClient: settings.connectionsPerClient,
                exempt: settings.rateLimitExempt
            )
        )
        self.files = files
    }

    /// How many there are.
    var count: Int { state.withLock { $0.count } }

    /// Takes over changed limits; connections that are there go on.
    func adopt(_ settings: Settings) {
        state.withLock { state in
            state.total = settings.maxConnections
            state.perClient = settings.connectionsPerClient
            state.exempt = settings.rateLimitExempt
        }
    }

    /// Counts a connection of a client, or says why it is refused; one that counts must `leave`.
    ///
    /// - `takesFile`: whether it is an open file, which a session of DTLS is not.
    func enter(_ client: IPAddress, takesFile: Bool = true) -> Refusal? {
        state.withLock { state in
            guard state.count < state.total else { return .total(state.total) }
            let key = Self.key(client)
            let own = state.counts[key] ?? 0
            let isExempt = state.exempt.contains { $0.contains(client) }
            guard isExempt || own < state.perClient else { return .client(state.perClient) }
            guard !takesFile || files.takeConnection() else { return .openFiles(files.limit) }
            state.count += 1
            state.counts[key] = own + 1
            return nil
        }
    }

    /// Counts a connection of a client that has ended.
    func leave(_ client: IPAddress, takesFile: Bool = true) {
        state.withLock { state in
            let key = Self.key(client)
            let own = (state.counts[key] ?? 1) - 1
            state.counts[key] = own > 0 ? own : nil
            state.count -= 1
        }
        if takesFile { files.giveConnection() }
    }

    private static func key(_ client: IPAddress) -> IPAddress { client.family == .v4 ? client : client.masked(to: 64) }
}

/// How many open files relay sockets and connections take together, of all workers.
final class FileBudget: Sendable {
    /// The limit of open files of the process.
    let limit: Int
    private let room: Int
    private let relays = Atomic<Int>(0)
    private let connections = Atomic<Int>(0)

    init(_ plan: FilePlan? = nil) {
        limit = plan?.limit ?? 0
        room = plan?.room ?? .max
    }

    /// Whether there may be so many relay sockets in all.
    func hasRoom(forRelays count: Int) -> Bool { count <= room - connections.load(ordering: .relaxed) }

    /// Says how many relay sockets there are.
    func setRelays(_ count: Int) { relays.store(count, ordering: .relaxed) }

    /// Counts a connection; false when no file is left for it.
    func takeConnection() -> Bool {
        let used = relays.load(ordering: .relaxed) + connections.load(ordering: .relaxed)
        guard used < room else { return false }
        connections.wrappingAdd(1, ordering: .relaxed)
        return true
    }

    /// Counts a connection that has ended.
    func giveConnection() { connections.wrappingSubtract(1, ordering: .relaxed) }
}
