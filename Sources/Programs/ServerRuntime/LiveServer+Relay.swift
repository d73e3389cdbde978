import AccountStore
import Addresses
public import Administration
import Observability
import PacketEngine
import STUNAuthentication
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// Tells how many users and secrets there are, and takes their names over for the words of refusals.
    func tellAccounts(now: Int64) {
        guard let turn = policy.withLock({ $0.turn }) else { return }
        teller.adopt(RefusalContext(turn))
        let secrets = turn.authenticator.book.secrets.filter { $0.state == .current }.count
        log.log(
            .accountsRead,
            "Users and secrets read: \(HumanText.count(turn.authenticator.book.userCount, "user")), "
                + HumanText.count(secrets, "secret"),
            at: now
        )
        for warning in relay?.credentials.warnings ?? [] { log.log(.startWarning, warning, at: now) }
    }

    /// What the relay is, a line each for the person who starts it; none when TURN is off.
    public var relaying: [String] { relay.map { Self.relaying($0.plan, started) } ?? [] }

    static func relaying(_ plan: RelayPlan, _ settings: Settings) -> [String] {
        let ports = settings.relayPorts
        return plan.addresses.map { address in
            let local = address.local == address.external ? "" : " (here \(address.local))"
            return "\(address.external)\(local), ports \(ports.lowerBound)-\(ports.upperBound)"
        }
    }

    /// What the person who starts the server should know of the relay.
    public var relayWarnings: [String] { relay?.plan.warnings ?? [] }

    func relayStatus(sessions: Int) -> ServerStatus.Relay? {
        guard let relay else { return nil }
        let credentials = relay.credentials
        return ServerStatus.Relay(
            addresses: relay.table.usage().map { usage in
                ServerStatus.Relay.Address(
                    address: "\(usage.address.external)",
                    localAddress: usage.address.local == usage.address.external ? nil : "\(usage.address.local)",
                    portsFree: usage.free,
                    portsTotal: usage.total
                )
            },
            realms: credentials.realms.map(\.name),
            users: credentials.users.count,
            secrets: credentials.secrets.count { !$0.isRetired },
            sessions: sessions,
            memory: ServerStatus.Memory(used: relay.ledger.memory.used, limit: memoryLimit)
        )
    }

    /// The bytes that allocations may take; nil when there is no limit.
    var memoryLimit: Int? {
        let limit = policy.withLock { $0.turn?.quotas.memory } ?? .max
        return limit == .max ? nil : limit
    }

    /// The allocations that the query means.
    ///
    /// Workers copy a line of each, and all of those only that are shown: none of them is held up by how many there are.
    public func sessions(_ query: SessionsQuery) async throws -> SessionsReport {
        let lists = await pool.sessionLists(withPeers: !query.search.isEmpty)
        let (shown, found, total) = query.choose(from: lists)
        return SessionsReport(await pool.details(of: shown), found: found, total: total)
    }

    /// Ends the sessions that `subject` means.
    public func disconnect(_ subject: SessionSubject) async throws -> Int {
        switch subject {
        case .session(let id): return await pool.disconnect { $1.id(worker: $0) == id }
        case .user(let name): return await pool.disconnect { $1.username == name }
        case .any(let text):
            let choice = SessionChoice(text)
            return await pool.disconnect { choice.means($1, worker: $0) }
        }
    }

    /// Whether a user can reach a peer, and what keeps them apart.
    public func explain(user: String?, peer: String) async throws -> Explanation {
        guard let address = AddressSubject(peer) else { throw UnreadablePeer(text: peer) }
        return Explanation(user: user, peer: address, as: peer, await facts(about: user, address.address))
    }

    /// What is known of a user or an address.
    public func explain(_ subject: String) async throws -> Explanation {
        Explanation(subject, await facts(about: subject, AddressSubject(subject)?.address))
    }

    private func facts(about subject: String?, _ peer: IPAddress?) async -> ExplanationFacts {
        // What workers have told but the log's thread has not yet read belongs to the answer.
        pump.pump(now: SystemClock.realtime())
        let sources = await pool.sources()
        return ExplanationFacts(
            policy: policy.withLock { $0 },
            users: relay?.credentials.users ?? [],
            usage: relay?.ledger.snapshot(month: RelayService.month) ?? [],
            sessions: await sessions(about: subject, peer),
            sources: sources.flatMap(\.rows),
            now: sources.map(\.now).max() ?? .start,
            unixSeconds: UInt64(clamping: RelayService.unixSeconds),
            refusals: teller.refusals,
            allowPeers: loaded.withLock { $0.settings.allowPeers },
            drain: isDraining ? drainReport : nil,
            memoryUsed: relay?.ledger.memory.used ?? 0
        )
    }

    /// The sessions of a user or a client, and those with a permission for a peer's address.
    private func sessions(about subject: String?, _ peer: IPAddress?) async -> [(worker: Int, session: SessionDetail)] {
        let choice = subject.map(SessionChoice.init)
        var wanted: [ListedSession] = []
        for list in await pool.sessionLists(withPeers: peer != nil) {
            let permitting = Set(list.list.peers.filter { $0.address == peer }.map(\.entry))
            for (index, entry) in list.list.entries.enumerated()
            where permitting.contains(Int32(truncatingIfNeeded: index))
                || choice?.means(entry.session, worker: list.worker) == true
            {
                wanted.append(ListedSession(worker: list.worker, entry: entry))
            }
        }
        let details = await pool.details(of: wanted)
        return details.sorted { $0.session.session.age < $1.session.session.age }
    }
}
