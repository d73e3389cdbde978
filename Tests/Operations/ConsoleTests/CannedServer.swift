import Administration
import Observability
import ServerSettings
import Synchronization

/// A running server whose answers are set by a test: what a console shows of a real one, the system tests look at.
final class CannedServer: RunningServer {
    /// What it answers and what it was told.
    struct State: Sendable {
        var status = ServerStatus(
            version: "0.0.0",
            pid: 1,
            uptime: 90061,
            settingsFile: "/tmp/stund.yaml",
            stateFolder: "/tmp/stund.yaml.d",
            listeners: ["udp 192.0.2.1:3478"],
            workers: 2,
            relay: ServerStatus.Relay(
                addresses: [.init(address: "192.0.2.1", portsFree: 16000, portsTotal: 16384)],
                realms: ["stund"],
                users: 1,
                secrets: 1,
                sessions: 2
            ),
            counters: [.init(name: "requests-rfc8489", value: 12), .init(name: "drops-not-stun", value: 3)],
            warnings: []
        )
        var overview = OverviewReport(history: TrafficHistory(), dialects: [], natKinds: [], refusals: [])
        var log: [LogReport.Entry] = []
        var rows: [StatisticsReport.Row] = []
        var sessions: [SessionsReport.Row] = []
        var fleet = FleetReport(servers: [], hasKey: false)
        var places = FleetPlaces()
        var explanation = Explanation(subject: "", findings: [], sessions: [], refusals: [])
        var checks = [Check("sockets", isGood: true, "2 of 2 workers answer")]
        var metrics: [MetricFamily] = []
        /// Names of calls that change something, such as `clearLog` or `disconnect alice`.
        var calls: [String] = []
        var told: [String] = []
        var loaded: LoadedSettings
        /// What the overview fails with, as by a fault of the program.
        var trouble: (any Error)?
        /// What happens before a reload is answered.
        var afterReload: (@Sendable () async -> Void)?
    }

    let state: Mutex<State>
    let consoleDoor = ConsoleDoor()
    private let sources: SettingsSources
    private let feed = SettingsFeed()

    init(settingsFrom sources: SettingsSources) throws {
        self.sources = sources
        state = Mutex(State(loaded: try Settings.load(from: sources)))
    }

    /// Changes what it answers.
    func set(_ change: @Sendable (inout sending State) -> Void) { state.withLock { change(&$0) } }

    /// What it was asked to change.
    var calls: [String] { state.withLock { $0.calls } }
    /// What it was told for the log.
    var told: [String] { state.withLock { $0.told } }

    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }

    func status() async throws -> ServerStatus { state.withLock { $0.status } }
    func overview() async throws -> OverviewReport {
        try state.withLock { state throws in
            if let trouble = state.trouble { throw trouble }
            return state.overview
        }
    }

    func log(_ query: LogQuery) async throws -> LogReport {
        let entries = state.withLock { $0.log }.filter { entry in
            entry.level <= query.level ?? 9 && (query.code == nil || query.code == entry.code)
                && (query.search.isEmpty || entry.text.contains(query.search))
        }
        let newest = Array(entries.suffix(query.limit ?? .max))
        return LogReport(lines: newest.map(\.text), entries: newest)
    }

    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        let all = state.withLock { $0.rows }
        let found = all.filter { query.search.isEmpty || $0.source.contains(query.search) }
        let page = found.dropFirst(query.offset).prefix(query.limit ?? .max)
        return StatisticsReport(rows: Array(page), totalSources: all.count, foundSources: found.count)
    }

    func sessions(_ query: SessionsQuery) async throws -> SessionsReport {
        let all = state.withLock { $0.sessions }
        let found = all.filter { query.search.isEmpty || "\($0)".contains(query.search) }
        let page = found.dropFirst(query.offset).prefix(query.limit ?? .max)
        return SessionsReport(rows: Array(page), totalSessions: all.count, foundSessions: found.count)
    }

    func fleet() async throws -> FleetReport { state.withLock { $0.fleet } }
    var fleetPlaces: FleetPlaces { state.withLock { $0.places } }

    func clearLog() async throws { note("clearLog") }
    func clearStatistics() async throws { note("clearStatistics") }

    func disconnect(_ subject: SessionSubject) async throws -> Int {
        note("disconnect \(subject)")
        return subject == .session("9-9") ? 0 : 1
    }

    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport {
        note("drain \(order.seconds.map(String.init) ?? "-") \(order.stays) by \(person)")
        let report = DrainReport(
            state: .draining,
            since: "2026-11-29T21:00:00Z",
            until: order.seconds.map { _ in "2026-11-29T22:00:00Z" },
            allocations: 2,
            stays: order.stays
        )
        state.withLock { $0.status.drain = report }
        return report
    }

    func undrain(by person: String) async throws -> DrainReport {
        note("undrain by \(person)")
        state.withLock { $0.status.drain = nil }
        return DrainReport(state: .serving, allocations: 2)
    }

    func explain(_ subject: String) async throws -> Explanation {
        var explanation = state.withLock { $0.explanation }
        explanation.subject = subject
        return explanation
    }

    func explain(user: String?, peer: String) async throws -> Explanation {
        try await explain("\(user ?? "anybody") -> \(peer)")
    }

    func readiness() async -> ReadinessReport { ReadinessReport(state.withLock { $0.checks }) }
    func selfTest() async -> [Check] { state.withLock { $0.checks } }
    func metrics() async throws -> [MetricFamily] { state.withLock { $0.metrics } }
    var settings: LoadedSettings { state.withLock { $0.loaded } }
    func settingsChanges() -> AsyncStream<LoadedSettings> { feed.follow() }

    func reload() async throws {
        let loaded = try Settings.load(from: sources)
        state.withLock { $0.loaded = loaded }
        feed.publish(loaded)
        if let afterReload = state.withLock({ $0.afterReload }) { await afterReload() }
    }

    func tell(_ code: MessageCode, _ text: String) { state.withLock { $0.told.append("\(code.rawValue) \(text)") } }
}
