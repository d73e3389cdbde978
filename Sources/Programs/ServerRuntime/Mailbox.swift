import ClusterCore
import PacketEngine
import ServerCore
import Synchronization

/// What is asked of a worker between two batches of packets; nil answers for one that has ended.
enum WorkerMessage: Sendable {
    /// Take over a new policy.
    case adopt(Policy)
    /// Take over what is known of the other servers now; nil when none are configured.
    case cluster(ClusterView?, ClusterTrust?)
    /// Hand out a copy of what was counted.
    case report(@Sendable (WorkerReport?) -> Void)
    /// Hand out a copy of the statistics' rows.
    case sources(@Sendable (WorkerSources?) -> Void)
    /// Forget the statistics' sources.
    case clearSources
    /// Hand out the list of sessions, with the addresses that have a permission when asked for.
    case sessionList(withPeers: Bool, @Sendable (SessionList?) -> Void)
    /// Hand out some sessions with all that belongs to them.
    case sessions([SessionList.Entry], @Sendable ([SessionDetail]?) -> Void)
    /// End the allocations that are meant, and say how many.
    case disconnect(@Sendable (Session) -> Bool, @Sendable (Int?) -> Void)
    /// Refuse new allocations, or take them again.
    case drain(Bool)
    /// Begin sessions of TLS and DTLS by another certificate; nil when there is none. Those that there are go on.
    case secure(SecureContexts?)
    /// Serve a client's connection whose ConnectionBind request names a connection of this worker (RFC 6062).
    case take(HandedStream)
    /// End.
    case stop
}

/// A copy of what one worker has counted: small, whatever it serves.
struct WorkerReport: Sendable {
    let counters: Counters
    /// How long clients' datagrams took.
    let requestTimes: RequestTimes
    /// What packets have waited for others.
    let gathering: GatheringDelay
    /// Datagrams that could not be sent.
    let sendFailures: SendFailures
    /// What happened to TCP connections.
    let streams: StreamCounters
    /// How many TCP connections of clients there are.
    let connectionCount: Int
    /// How many of them have TLS.
    let tlsCount: Int
    /// What happened to connections with peers, and how many there are.
    let peers: PeerStreamCounters
    let peerConnectionCount: Int
    /// What happened to DTLS sessions.
    let dtls: DTLSCounters
    /// How many DTLS sessions there are.
    let dtlsCount: Int
    /// How many allocations there are.
    let sessionCount: Int
    /// How many sources the statistics remember.
    let sourceCount: Int
}

/// A copy of one worker's statistics.
struct WorkerSources: Sendable {
    /// The rows, newest access first.
    let rows: [SourceTable.Row]
    /// The clock to which their last access belongs.
    let now: Instant
}

/// The list of one worker's sessions.
struct WorkerSessions: Sendable {
    let worker: Int
    let list: SessionList
}

/// Messages to a worker: the only way to change or ask it anything while it runs.
final class Mailbox: Sendable {
    let wakeUp: WakeUp
    private let state = Mutex(State())

    private struct State {
        var messages: [WorkerMessage] = []
        var isClosed = false
    }

    init() throws(SocketError) {
        wakeUp = try WakeUp()
    }

    /// Puts in a message and wakes the worker; after `close` a request for a report or the like is answered with nil.
    func send(_ message: WorkerMessage) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.messages.append(message) }
            return state.isClosed
        }
        if isClosed { Self.decline(message) } else { wakeUp.signal() }
    }

    /// Takes out all messages.
    func takeAll() -> [WorkerMessage] {
        wakeUp.clear()
        return state.withLock { state in
            defer { state.messages.removeAll() }
            return state.messages
        }
    }

    /// The worker has ended: nobody may wait for it any longer.
    func close() {
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.messages.removeAll() }
            return state.messages
        }
        for message in left { Self.decline(message) }
    }

    private static func decline(_ message: WorkerMessage) {
        switch message {
        case .report(let reply): reply(nil)
        case .sources(let reply): reply(nil)
        case .sessionList(_, let reply): reply(nil)
        case .sessions(_, let reply): reply(nil)
        case .disconnect(_, let reply): reply(nil)
        // A connection that nobody has taken closes by itself.
        case .adopt, .cluster, .clearSources, .drain, .secure, .take, .stop: break
        }
    }
}
