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
    let version: String
    let paths: StatePaths
    let sources: SettingsSources
    let isDetached: Bool
    let log: EventLog
    let pump: LogPump
    let pool: WorkerPool
    let plan: ListenPlan
    /// How the workers ask the system for packets.
    let engine: WorkerEngine
    /// How many files there may be open, and relay sockets among them.
    let files: FilePlan
    /// How many connections clients may have, and have.
    let connections: ConnectionLimits
    /// What TLS and DTLS are served with.
    let certificates: CertificateStore
    /// Where connections of the fleet's other servers go.
    let fleetDoor = FleetDoor()
    /// Where connections go that are for the console.
    public let consoleDoor = ConsoleDoor()
    /// nil when TURN is off.
    let relay: RelayService?
    /// The other servers.
    let cluster: ClusterService
    let teller = RelayTeller(RefusalContext())
    private let usageSaver = PeriodicTask(every: 60)
    /// What the workers go by.
    let policy: Mutex<Policy>
    let listening: [String]
    /// The sockets that plain requests are read from; 0.0.0.0 and `::` stand for all addresses of a family.
    let readSockets: [SocketAddress]
    let startWarnings: [String]
    /// The sockets that the server was started with.
    let passed: PassedSockets
    /// Those that nobody wanted, a sentence each.
    let unusedSockets = Mutex<[String]>([])
    let sandbox = Mutex(SandboxState())
    let startedAt = SystemClock.monotonic()
    /// The wall clock at the start, in Unix seconds.
    let startTime = Double(SystemClock.realtime()) / 1_000_000_000
    /// The last hour and day.
    let traffic = Mutex(TrafficRecorder(at: Instant(nanoseconds: SystemClock.monotonic())))
    private let trafficSampler = PeriodicTask(every: TrafficRecorder.tick)
    /// nil without redis.
    let fleetStore: FleetStoreLink?
    let drainState = Mutex(DrainState())
    let drainEnds = AsyncStream<Void>.makeStream()
    private let stopping = Atomic<Bool>(false)
    let loaded: Mutex<LoadedSettings>
    let feed = SettingsFeed()
    let consoleURL = Mutex<String?>(nil)
    let reloading = Mutex(())
    /// Why the settings file was refused when a signal last asked to reread it; nil when it was taken.
    let refusedReload = Mutex<String?>(nil)
    /// What the licence key is worth.
    let license: Mutex<LicenseState>
    private let licenseWatch = PeriodicTask(every: 60)
    /// The settings that the server started with: what needs a restart is compared with them.
    let started: Settings

    /// Opens the log and all ports and starts serving.
    ///
    /// - `sources`: where `loaded` came from, for rereading.
    /// - `isDetached`: the log goes to syslog or the log file instead of the terminal.
    /// - `passed`: sockets that are open already; the rest is for the console, and `closeUnusedSockets` closes what is left.
    public init(
        _ loaded: LoadedSettings,
        from sources: SettingsSources,
        paths: StatePaths,
        version: String,
        isDetached: Bool,
        passed: PassedSockets = PassedSockets()
    ) throws(StartError) {
        let settings = loaded.settings
        (self.version, self.paths, self.sources) = (version, paths, sources)
        (self.isDetached, self.passed) = (isDetached, passed)
        self.loaded = Mutex(loaded)
        started = settings
        license = Mutex(Self.license(settings))
        log = try Self.openLog(settings, isDetached: isDetached)
        pump = LogPump(into: log, clock: SystemClock.realtime)
        do throws(StartError) {
            certificates = try Self.makeCertificates(settings, log)
            engine = try WorkerEngine(settings)
            plan = try ListenPlan(settings, host: HostAddresses.all())
            files = try Self.makeFilePlan(settings, plan)
            let sets = try Listeners.open(plan, settings, passed)
            let own = sets.first ?? Listeners.Group()
            listening = own.texts
            readSockets = own.sockets.filter { $0.isRead && !$0.isShortcut && !$0.isSecure }.map(\.socket.local)
            let budget = FileBudget(files)
            connections = ConnectionLimits(settings, files: budget)
            relay = try RelayService(settings, database: paths.database, files: budget)
            try RelayTable.probe(relay?.plan.addresses ?? [])
            let policy = try Self.makePolicy(settings, plan, relay, workers: sets.count)
            self.policy = Mutex(policy)
            startWarnings =
                Self.warnings(of: own.sockets, settings: settings)
                + Self.limitWarnings(settings, files, relay?.plan)
            let rules = StreamRules(settings)
            let streams = StreamsShared(limits: connections, fleet: fleetDoor, rules: rules, console: consoleDoor)
            let shared = Self.share(settings, relay, teller, pump, log, engine, streams)
            pool = try WorkerPool(policy: policy, listeners: sets, sharing: shared)
            cluster = try Self.makeCluster(version, plan, relay, shared, pool)
            fleetStore = Self.makeFleetStore(settings, plan, relay, log)
        } catch {
            // The person at the terminal reads the error itself; whoever looks for it later finds it in the log.
            if isDetached || settings.logFile != nil {
                log.log(error.code, error.description, at: SystemClock.realtime())
            }
            throw error
        }
        begin()
    }

    /// What goes on beside the workers from now on.
    private func begin() {
        pump.start()
        announce(settings)
        beginCertificates()
        usageSaver.start { [weak self] in self?.saveUsage() }
        licenseWatch.start { [weak self] in self?.lookAtLicense() }
        trafficSampler.start { [weak self] in await self?.recordTraffic() }
        cluster.adopt(started)
        beginFleetStore()
        // Whoever asks right after a restart is told of the other servers too.
        if started.clusterKey != nil, !started.otherStunServers.isEmpty { cluster.waitForAnswers() }
        pool.open()
    }

    private static func share(
        _ settings: Settings,
        _ relay: RelayService?,
        _ teller: RelayTeller,
        _ pump: LogPump,
        _ log: EventLog,
        _ engine: WorkerEngine,
        _ streams: StreamsShared
    ) -> WorkerPool.Shared {
        WorkerPool.Shared(
            relay,
            settings,
            teller: teller,
            pump: pump,
            log: log,
            engine: engine,
            streams: streams
        )
    }

    private static func makeCluster(
        _ version: String,
        _ plan: ListenPlan,
        _ relay: RelayService?,
        _ shared: WorkerPool.Shared,
        _ pool: WorkerPool
    ) throws(StartError) -> ClusterService {
        let (teller, log) = (shared.teller, shared.log)
        do throws(SocketError) {
            return try ClusterService(
                ClusterService.Surroundings(
                    version: version,
                    plan: plan,
                    relay: relay?.table,
                    publish: { pool.adopt($0, trust: $1) },
                    name: { teller.adopt(peerNames: $0) },
                    tell: { log.log($0, $1, at: SystemClock.realtime()) }
                )
            )
        } catch {
            pool.stop()
            throw .system("\(error)")
        }
    }

    /// Raises the limit of open files, before sockets are opened, which count too.
    private static func makeFilePlan(_ settings: Settings, _ plan: ListenPlan) throws(StartError) -> FilePlan {
        let files = FilePlan(settings, plan, limit: FileLimit.raise())
        if let refusal = files.refusal { throw .system(refusal) }
        return files
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
        return plan.sockets.filter { !$0.isShortcut }.map(\.text)
            + plan.streams.map { "tcp \($0.local)" } + addressPairs(of: plan)
            + relaying(RelayPlan(settings, outgoing: HostAddresses.outgoing), settings).map { "relays \($0)" }
    }

    private static func addressPairs(of plan: ListenPlan) -> [String] {
        [plan.v4, plan.v6].compactMap { endpoints in
            guard let first = endpoints.primary, let second = endpoints.alternate else { return nil }
            func text(_ local: IPAddress, _ external: IPAddress?) -> String {
                external.map { "\($0) (here \(local))" } ?? "\(local)"
            }
            return "first address \(text(first, endpoints.primaryExternal)), second "
                + text(second, endpoints.alternateExternal)
        }
    }

    /// Where requests are answered, a line each.
    public var listeners: [String] { listening }

    /// Which two addresses of a family are used for NAT discovery, a line each; none without a second address.
    public var addressPairs: [String] { Self.addressPairs(of: plan) }

    /// Stops serving; the log says so.
    public func stop() {
        log.log(.stopping, at: SystemClock.realtime())
        stopping.store(true, ordering: .relaxed)
        usageSaver.stop()
        licenseWatch.stop()
        trafficSampler.stop()
        certificates.stop()
        fleetStore?.stop()
        cluster.stop()
        pool.stop()
        saveUsage()
        fleetStore?.waitForFarewell()
        pump.stop()
    }

    /// Whether the server is being stopped, or has been.
    var isStopping: Bool { stopping.load(ordering: .relaxed) }

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
        guard case .bad(let fault) = CertificatePreview(settings) else { return addressObstacles(settings) }
        return addressObstacles(settings) + ["\(fault): the server would not start"]
    }

    /// The addresses of the settings that this host does not have.
    static func addressObstacles(_ settings: Settings) -> [String] {
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
        tellLicense(license.withLock { $0 })
    }

    /// Tells what is allowed but unwise in the settings, at start and after each reload.
    func warn(of loaded: LoadedSettings, now: Int64) {
        for warning in loaded.warnings { log.log(.startWarning, warning, at: now) }
        if loaded.settings.clusterKey == nil, loaded.settings.otherStunServers.contains(where: { !$0.isClassic }) {
            log.log(.otherServersUnused, at: now)
        }
    }

    /// What there can be fewer of than the settings ask for, on this host.
    static func limitWarnings(_ settings: Settings, _ files: FilePlan, _ relay: RelayPlan?) -> [String] {
        let memory = HostMemory.ceiling(settings.memoryLimit)
        var warnings = [files.warning(of: relay, settings), FilePlan.memoryWarning(relay, settings, ceiling: memory)]
        let processors = Processors.count
        if settings.pinWorkers, settings.workerCount > processors {
            warnings.append(
                "pin-workers: \(settings.workerCount) workers share \(processors) processors, so that some wait for others; "
                    + "set workers to \(processors), or to auto"
            )
        }
        return warnings.compactMap(\.self)
    }

    /// The same, before anything is opened: with the limit of open files that a server started from here would have.
    public static func limitWarnings(_ settings: Settings) throws(StartError) -> [String] {
        let plan = try ListenPlan(settings, host: HostAddresses.all())
        let relay = settings.turn ? RelayPlan(settings, outgoing: HostAddresses.outgoing) : nil
        return limitWarnings(settings, FilePlan(settings, plan, limit: FileLimit.raise()), relay)
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
