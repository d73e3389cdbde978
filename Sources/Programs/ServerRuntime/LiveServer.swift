import AccountStore
import Addresses
public import Administration
import Foundation
public import Observability
import PacketEngine
import ServerCore
public import ServerSettings
import Synchronization

/// A server that runs: its workers, its log, its settings.
///
/// What `RunningServer` promises to the control socket.
public final class LiveServer: RunningServer {
    private let version: String
    private let paths: StatePaths
    private let sources: SettingsSources
    private let isDetached: Bool
    let log: EventLog
    let pump: LogPump
    let pool: WorkerPool
    private let plan: ListenPlan
    /// nil when TURN is off.
    let relay: RelayService?
    let teller = RelayTeller(RefusalContext())
    private let usageSaver = PeriodicTask(every: 60)
    /// What the workers go by.
    let policy: Mutex<Policy>
    private let listening: [String]
    private let startWarnings: [String]
    private let startedAt = SystemClock.monotonic()
    private let loaded: Mutex<LoadedSettings>
    private let feed = SettingsFeed()
    private let consoleURL = Mutex<String?>(nil)
    private let reloading = Mutex(())
    /// The settings that the server started with: what needs a restart is compared with them.
    let started: Settings

    /// Opens the log and all ports and starts serving.
    ///
    /// - `sources`: where `loaded` came from, for rereading.
    /// - `isDetached`: the log goes to syslog or the log file instead of the terminal.
    public init(
        _ loaded: LoadedSettings,
        from sources: SettingsSources,
        paths: StatePaths,
        version: String,
        isDetached: Bool
    ) throws(StartError) {
        let settings = loaded.settings
        self.version = version
        self.paths = paths
        self.sources = sources
        self.isDetached = isDetached
        self.loaded = Mutex(loaded)
        started = settings
        log = try Self.openLog(settings, isDetached: isDetached)
        pump = LogPump(into: log, clock: SystemClock.realtime)

        do throws(StartError) {
            // First, since listening sockets count too.
            let files = FileLimit.raise()
            plan = try ListenPlan(settings, host: HostAddresses.all())
            let sets = try Listeners.open(plan, workers: settings.workerCount, bufferSize: settings.socketBuffer)
            listening = (sets.first ?? []).filter { !$0.isShortcut }.map(\.text)
            relay = try RelayService(settings, database: paths.database)
            try RelayTable.probe(relay?.plan.addresses ?? [])
            var policy = try Policy(settings, plan: plan, workers: settings.workerCount)
            if let relay { policy.turn = relay.policy(settings, relay.credentials, listening: plan) }
            self.policy = Mutex(policy)
            startWarnings =
                Self.warnings(of: sets.first ?? [], settings: settings)
                + Self.warnings(ofFileLimit: files, for: relay?.plan, settings: settings)
            let shared = WorkerPool.Shared(
                relays: relay?.table ?? RelayTable([], ports: settings.relayPorts),
                ledger: relay?.ledger ?? AccountLedger(capacity: 1),
                teller: teller,
                pump: pump,
                log: log
            )
            pool = try WorkerPool(policy: policy, listeners: sets, sharing: shared)
        } catch {
            // The person at the terminal reads the error itself; whoever looks for it later finds it in the log.
            if isDetached || settings.logFile != nil {
                log.log(error.code, error.description, at: SystemClock.realtime())
            }
            throw error
        }
        pump.start()
        announce(loaded)
        usageSaver.start { [weak self] in self?.saveUsage() }
    }

    private static func openLog(_ settings: Settings, isDetached: Bool) throws(StartError) -> EventLog {
        let level = LogLevelSwitch(LogLevel(settings.logLevel))
        let log = EventLog(level: level, history: LogHistory(capacity: settings.logRows))
        do throws(LogDestinationError) {
            try log.write(to: LogDestination.all(for: settings, isDetached: isDetached), format: settings.lineFormat)
        } catch {
            throw .logNotOpened(error.description)
        }
        return log
    }

    /// Writes down what users have relayed, so that a restart forgets at most a minute of it.
    private func saveUsage() {
        do throws(AccountStoreError) {
            try relay?.saveUsage()
        } catch {
            log.log(
                .startWarning,
                "What users have relayed this month is not saved: \(error)",
                at: SystemClock.realtime()
            )
        }
    }

    /// Where a server with these settings would answer on this host, and which two addresses it would use for NAT
    /// discovery; opens nothing.
    public static func preview(_ settings: Settings) throws(StartError) -> [String] {
        let plan = try ListenPlan(settings, host: HostAddresses.all())
        _ = try Policy(settings, plan: plan, workers: settings.workerCount)
        return plan.sockets.filter { !$0.isShortcut }.map { "udp \($0.local)" + ($0.isRead ? "" : " (answers only)") }
            + addressPairs(of: plan)
            + relaying(RelayPlan(settings, outgoing: HostAddresses.outgoing), settings).map { "relays \($0)" }
    }

    private static func addressPairs(of plan: ListenPlan) -> [String] {
        [plan.v4, plan.v6].compactMap { endpoints in
            endpoints.primary.flatMap { first in endpoints.alternate.map { "first address \(first), second \($0)" } }
        }
    }

    /// Where requests are answered, a line each.
    public var listeners: [String] { listening }

    /// Which two addresses of a family are used for NAT discovery, a line each; none without a second address.
    public var addressPairs: [String] { Self.addressPairs(of: plan) }

    /// Stops serving; the log says so.
    public func stop() {
        log.log(.stopping, at: SystemClock.realtime())
        usageSaver.stop()
        pool.stop()
        saveUsage()
        pump.stop()
    }

    /// Opens log files again by name, after they were renamed.
    public func reopenLog() {
        log.reopen(now: SystemClock.realtime())
    }

    /// Says something in the server's log.
    public func tell(_ code: MessageCode, _ text: String) {
        log.log(code, text, at: SystemClock.realtime())
    }

    /// What would keep a server with these settings from starting on this host as it is now, as far as it can be told
    /// without opening anything.
    public static func obstacles(_ settings: Settings) -> [String] {
        let host = HostAddresses.all()
        let relays = settings.turn ? settings.relayAddress : []
        return (settings.address + settings.secondAddress + relays).compactMap { address in
            let isHere = host.contains { $0.address == address || $0.isLoopbackNetwork(of: address) }
            return isHere || address.isUnspecified
                ? nil : "\(address) is no address of this host now: the server would not start (see `ip address`)"
        }
    }

    private func announce(_ loaded: LoadedSettings) {
        let now = SystemClock.realtime()
        log.log(.settingsRead, "Settings read: \(loaded.file): \(loaded.content)", at: now)
        log.log(.started, "stund \(version) started: \(listening.joined(separator: ", "))", at: now)
        for warning in startWarnings { log.log(.startWarning, warning, at: now) }
        for warning in relay?.plan.warnings ?? [] { log.log(.privateRelayAddress, warning, at: now) }
        if relay?.madeFirstSecret == true { log.log(.secretMade, at: now) }
        warn(of: loaded, now: now)
        tellAccounts(now: now)
    }

    /// Tells what is allowed but unwise in the settings, at start and after each reload.
    private func warn(of loaded: LoadedSettings, now: Int64) {
        for warning in loaded.warnings { log.log(.startWarning, warning, at: now) }
        if !loaded.settings.otherStunServers.isEmpty { log.log(.otherServersUnused, at: now) }
    }

    /// Each allocation takes a socket, and a few dozen files are the server's own.
    private static func warnings(ofFileLimit limit: Int, for plan: RelayPlan?, settings: Settings) -> [String] {
        guard let plan, limit < settings.relayPorts.count * plan.addresses.count + 64 else { return [] }
        return [
            """
            the limit of open files is \(limit), so there can be fewer allocations than relay-ports has room for \
            (\(settings.relayPorts.count) a relay address): raise it (`ulimit -n`, or LimitNOFILE of systemd), or nothing if \
            so many never come
            """
        ]
    }

    private static func warnings(of set: [Listeners.Listener], settings: Settings) -> [String] {
        guard let smallest = set.filter(\.isRead).map(\.socket.receiveBuffer).min(), smallest < settings.socketBuffer
        else {
            return []
        }
        return [
            """
            the system grants a receive buffer of \(smallest) bytes instead of \(settings.socketBuffer) (socket-buffer): \
            raise net.core.rmem_max, or lower socket-buffer
            """
        ]
    }
}

// MARK: What the control socket asks

extension LiveServer {
    /// The state of the whole process.
    public func status() async throws -> ServerStatus {
        let reports = await pool.reports()
        var total = Counters()
        for report in reports { total.add(report.counters) }
        let failures = reports.reduce(UInt64(0)) { $0 &+ $1.sendFailures }
        let relayFailures = reports.reduce(UInt64(0)) { $0 &+ $1.relaySendFailures }
        let counters = total.named + [("send-failures", failures), ("relay-send-failures", relayFailures)]
        let current = loaded.withLock { $0 }
        let pending = pendingRestart(current.settings).map { "\($0) has changed and takes effect at the next start" }
        return ServerStatus(
            version: version,
            pid: ProcessInfo.processInfo.processIdentifier,
            uptime: Int(clamping: (SystemClock.monotonic() &- startedAt) / 1_000_000_000),
            // Whoever asks is perhaps in another folder.
            settingsFile: URL(fileURLWithPath: current.file).path,
            stateFolder: URL(fileURLWithPath: paths.stateFolder).path,
            listeners: listening,
            workers: pool.count,
            consoleURL: consoleURL.withLock { $0 },
            relay: relayStatus(sessions: reports.reduce(0) { $0 + $1.sessionCount }),
            counters: counters.map { ServerStatus.Counter(name: $0.name, value: $0.value) },
            warnings: current.warnings + startWarnings + (relay?.plan.warnings ?? [])
                + (relay?.credentials.warnings ?? []) + pending
        )
    }

    /// The newest log messages, oldest first.
    public func log(_ query: LogQuery) async throws -> LogReport {
        // What workers have told but the log's thread has not yet read belongs to the answer.
        pump.pump(now: SystemClock.realtime())
        let entries = log.history.entries.suffix(query.limit ?? .max)
        return LogReport(lines: entries.map { $0.formatted(.text) }, entries: entries.map(LogReport.Entry.init))
    }

    /// The sources, newest access first.
    public func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        let reports = await pool.reports()
        // A source that asked both ports may be with two workers.
        let rows = Dictionary(reports.flatMap(\.sources).map { ($0.source, $0) }) { $0.adding($1) }
        let now = reports.map(\.now).max() ?? Instant(nanoseconds: 0)
        let remembered = loaded.withLock { $0.settings.statisticsRows }
        let newest = rows.values.sorted { $0.lastAccess > $1.lastAccess }.prefix(remembered)
        return StatisticsReport(
            rows: newest.prefix(query.limit ?? .max).map { StatisticsReport.Row($0, now: now) },
            totalSources: newest.count
        )
    }

    /// The settings that are in force, and where each came from.
    public var settings: LoadedSettings { loaded.withLock { $0 } }

    /// The settings that are put into force from now on.
    public func settingsChanges() -> AsyncStream<LoadedSettings> { feed.follow() }

    /// The web console is there now, or nowhere.
    public func consoleMoved(to url: String?) { consoleURL.withLock { $0 = url } }

    /// The last hour and day, who asks how, and what is refused.
    public func overview() async throws -> OverviewReport {
        OverviewReport(history: TrafficHistory(), dialects: [], natKinds: [], refusals: [])
    }

    /// Whether the server is ready for clients.
    public func readiness() async -> ReadinessReport { ReadinessReport([]) }

    /// Sends requests to itself and looks at what comes back.
    public func selfTest() async -> [Check] { [] }

    /// All figures for Prometheus.
    public func metrics() async throws -> [MetricFamily] { [] }

    /// Forgets the log messages that are kept in memory.
    public func clearLog() async throws { log.history.clear() }

    /// Forgets all sources and their counts.
    public func clearStatistics() async throws { pool.clearSources() }

    /// Rereads the settings; what is refused leaves the running ones in force.
    public func reload() async throws {
        // SIGHUP and the control socket may ask at once; what the workers, the log and `status` have must be one file.
        try reloading.withLock { _ in try reloadNow() }
    }

    private func reloadNow() throws {
        let now = SystemClock.realtime()
        do {
            let new = try Settings.load(from: sources)
            if !new.fileExists, loaded.withLock({ $0.fileExists }) { throw ReloadError.fileIsGone(new.file) }
            var policy = try Policy(new.settings, plan: plan, workers: pool.count)
            let credentials = try relay?.read(new.settings)
            if let relay, let credentials {
                policy.turn = relay.policy(new.settings, credentials, listening: plan)
            }
            let destinations = LogDestination.all(for: new.settings, isDetached: isDetached)
            try log.write(to: destinations, format: new.settings.lineFormat)
            // Nothing can be refused from here on.
            pool.adopt(policy)
            self.policy.withLock { $0 = policy }
            if let credentials { relay?.adopt(credentials) }
            adopt(new, now: now)
        } catch {
            // One entry a fault: a log line is one line.
            let faults = (error as? SettingsError)?.problems.map { "\($0)" } ?? ["\(error)"]
            for fault in faults {
                log.log(.settingsRefused, "Settings refused, the running ones stay: \(fault)", at: now)
            }
            throw error
        }
    }

    private func adopt(_ new: LoadedSettings, now: Int64) {
        loaded.withLock { $0 = new }
        log.levelSwitch.level = LogLevel(new.settings.logLevel)
        log.history.capacity = new.settings.logRows
        log.log(.settingsReloaded, "Settings reloaded: \(new.file): \(new.content)", at: now)
        warn(of: new, now: now)
        tellAccounts(now: now)
        for name in pendingRestart(new.settings) {
            log.log(.restartNeeded, "Setting \(name) takes effect at the next start", at: now)
        }
        feed.publish(new)
    }

    /// The settings that differ from those the server started with and cannot change while it runs.
    private func pendingRestart(_ settings: Settings) -> [String] {
        Settings.keys.filter { $0.needsRestart && $0.text(in: settings) != $0.text(in: started) }.map(\.name)
    }
}

extension LoadedSettings {
    /// How much the settings file says.
    fileprivate var content: String {
        guard fileExists else { return "no such file, all defaults" }
        return keysInFile == 1 ? "1 key" : "\(keysInFile) keys"
    }
}

/// Why a reload was refused although every setting that was read is right.
enum ReloadError: Error, CustomStringConvertible {
    /// The file was there before: taking its absence for "all defaults" would silently undo everything it said.
    case fileIsGone(String)

    var description: String {
        switch self {
        case .fileIsGone(let file): "\(file) is gone; put it back, or an empty file for all defaults"
        }
    }
}
