import Addresses
import Administration
import Observability
import STUNAuthentication
import STUNCodec
import SecureTransport
import ServerCore
import Synchronization

/// What a worker tells the log of the relay; words are made of it on the thread of the log.
enum RelayFact: Sendable {
    /// A request was refused; `time` is in nanoseconds since 1970.
    case refused(RefusedRequest, client: SocketAddress, time: Int64)
    /// An allocation began or ended.
    case happened(Effect, time: Int64)
    /// A request was handed to another server, which the settings name.
    case handedOver(client: SocketAddress, to: SocketAddress, peer: UInt16, time: Int64)
    /// A client's connection has ended.
    case connectionEnded(client: SocketAddress, StreamConnection.End, SessionFailure?, time: Int64)
    /// A client's session of DTLS has ended.
    case sessionEnded(client: SocketAddress, DTLSClient.End, time: Int64)
    /// A client's connection was refused.
    case connectionRefused(client: SocketAddress, ConnectionLimits.Refusal, time: Int64)
}

/// Makes log entries of what workers tell of the relay, and remembers refusals for `stund explain`.
final class RelayTeller: Sendable {
    /// The refusals, whatever the log's level.
    let refusals = RefusalHistory()
    private let context: Mutex<RefusalContext>
    /// The other servers as the settings name them, by `ClusterPeer.id`.
    private let peerNames = Mutex<[UInt16: String]>([:])

    init(_ context: RefusalContext) {
        self.context = Mutex(context)
    }

    /// Takes over the realms and secrets of a new policy.
    func adopt(_ new: RefusalContext) { context.withLock { $0 = new } }

    /// Takes over how the other servers are named.
    func adopt(peerNames names: [UInt16: String]) { peerNames.withLock { $0 = names } }

    /// The entry for a fact; nil when the log need not know.
    func entry(_ fact: RelayFact) -> LogEntry? {
        let context = context.withLock { $0 }
        switch fact {
        case .refused(let request, let client, let time): return entry(request, client, time, context)
        case .happened(.allocated(let session), let time): return Self.entry(began: session, time)
        case .happened(.repeated(let session), let time): return Self.entry(repeated: session, time)
        case .happened(.locked(let session, let peer), let time): return Self.entry(locked: session, to: peer, time)
        case .handedOver(let client, let server, let peer, let time):
            return entry(handedOver: client, server, peer, time)
        case .happened(.ended(let session, let reason), let time): return Self.entry(ended: session, reason, time)
        case .sessionEnded(let client, let end, let time): return LogEntry(ended: end, client, time)
        case .connectionEnded(let client, let end, let failure, let time):
            return LogEntry(ended: end, client, failure: failure, time)
        case .connectionRefused(let client, let refusal, let time): return LogEntry(refused: refusal, client, time)
        }
    }

    private func entry(
        _ request: RefusedRequest,
        _ client: SocketAddress,
        _ time: Int64,
        _ context: RefusalContext
    ) -> LogEntry? {
        let record = RefusalRecord(request, client: client, time: time, context)
        // A client with an old nonce has done nothing wrong, and there are many of them.
        if request.refusal.isNews { refusals.append(record) }
        let user = record.username.map { ", user \"\($0.text)\"" } ?? ""
        return LogEntry(
            request.refusal.code,
            "\(request.refusal.code.definition.text): \(record.method) \(record.code)\(user)",
            level: request.refusal.level,
            address: client,
            remark: "\(record.cause). \(record.cure)",
            at: time
        )
    }

    private func entry(
        handedOver client: SocketAddress,
        _ server: SocketAddress,
        _ peer: UInt16,
        _ time: Int64
    ) -> LogEntry {
        // Named where the settings name it otherwise than by this address.
        let name = peerNames.withLock { $0[peer] }.flatMap { $0 == "\(server)" ? nil : $0 }
        let text = MessageCode.handedOver.definition.text
        return LogEntry(
            .handedOver,
            name.map { "\(text) (\($0))" } ?? text,
            address: server,
            remark: "from \(client)",
            at: time
        )
    }

    private static func entry(began session: Session, _ time: Int64) -> LogEntry {
        LogEntry(
            .portAllocated,
            "Port allocated: \(session.relays.joined(separator: " and ")), \(session.holder)",
            address: session.flow.source,
            at: time
        )
    }

    private static func entry(repeated session: Session, _ time: Int64) -> LogEntry {
        LogEntry(
            .allocationRepeated,
            "Allocation repeated: \(session.relays.joined(separator: " and ")), \(session.holder)",
            address: session.flow.source,
            at: time
        )
    }

    private static func entry(locked session: Session, to peer: SocketAddress, _ time: Int64) -> LogEntry {
        LogEntry(
            .mirrorDestinationSet,
            "Mirror destination set: \(session.relays.joined(separator: " and ")) to \(peer), \(session.holder)",
            address: session.flow.source,
            at: time
        )
    }

    private static func entry(ended session: Session, _ reason: EndReason, _ time: Int64) -> LogEntry {
        let (toPeers, toClient) = (session.traffic.toPeers, session.traffic.toClient)
        // The manual's own number for what nobody uses any more; with a user it stays 1021, as it always was.
        let code: MessageCode = session.mirror != nil && reason == .expired ? .bindingExpired : .mirrorRemoved
        return LogEntry(
            code,
            "\(code.definition.text): \(session.relays.joined(separator: " and ")), \(session.holder)",
            address: session.flow.source,
            remark:
                "\(reason.words), after \(session.age) s; \(toPeers.packets) packets (\(toPeers.bytes) bytes) to peers, "
                + "\(toClient.packets) packets (\(toClient.bytes) bytes) to the client",
            at: time
        )
    }
}

extension EndReason {
    fileprivate var words: String {
        switch self {
        case .expired: "not refreshed in time"
        case .deleted: "deleted by the client"
        case .disconnected: "ended by an operator"
        case .connectionClosed: "ended with the client's connection"
        case .forbidden: "no longer allowed by the settings"
        case .stopped: "ended as the server stopped"
        }
    }
}

extension Session {
    /// Whose it is: a user's, or of a draft without users.
    fileprivate var holder: String { mirror.map { "mirror of \($0.name)" } ?? "user \"\(username)\"" }
}

extension Refusal {
    /// Whether somebody may ask why: not for what happens to every client that does all right.
    fileprivate var isNews: Bool {
        if case .authentication(let refusal) = self { return !refusal.isPartOfEverySession }
        return true
    }
}

extension RefusalRecord {
    init(_ request: RefusedRequest, client: SocketAddress, time: Int64, _ context: RefusalContext) {
        let text = request.refusal.text(context)
        self.init(
            time: time,
            client: client,
            username: UserName(request.username),
            realm: request.realm,
            peer: request.refusal.peer?.address,
            method: request.method.words,
            code: request.refusal.errorCode.code,
            cause: text.cause,
            cure: text.cure
        )
    }
}

extension UserName {
    /// Nil when the request gave no name.
    init?(_ name: NameBytes) {
        guard name.count > 0 else { return nil }
        let span = name.span
        self.init(bytes: span.indices.map { span[$0] }, isCut: name.isCut)
    }
}
