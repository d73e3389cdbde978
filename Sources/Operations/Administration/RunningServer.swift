public import Addresses
public import Observability
public import ServerSettings

/// What the control socket and the console ask of a server that runs; the runtime implements it.
///
/// Workers answer by mailbox within a batch, so every call returns soon. An error is told to the person who asked.
public protocol RunningServer: Sendable {
    /// The state of the whole process.
    func status() async throws -> ServerStatus
    /// The last hour and day, who asks how, and what is refused.
    func overview() async throws -> OverviewReport
    /// The log messages that the query means, oldest first.
    func log(_ query: LogQuery) async throws -> LogReport
    /// The sources that the query means.
    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport
    /// The allocations that the query means.
    func sessions(_ query: SessionsQuery) async throws -> SessionsReport
    /// Forgets the log messages that are kept in memory.
    func clearLog() async throws
    /// Forgets all sources and their counts.
    func clearStatistics() async throws
    /// Ends the sessions that `subject` means; answers how many those were.
    func disconnect(_ subject: SessionSubject) async throws -> Int
    /// Takes no new allocations from now on, as `person` wants it; a second order replaces the first.
    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport
    /// Takes new allocations again.
    func undrain(by person: String) async throws -> DrainReport
    /// What is known of a user name or an address, and why requests of it were refused.
    func explain(_ subject: String) async throws -> Explanation
    /// Whether a user (nil: any) can reach a peer, an IP address with or without a port, and what keeps them apart.
    func explain(user: String?, peer: String) async throws -> Explanation
    /// Whether the server is ready for clients.
    func readiness() async -> ReadinessReport
    /// Sends requests to itself and looks at what comes back.
    func selfTest() async -> [Check]
    /// All figures for Prometheus.
    func metrics() async throws -> [MetricFamily]
    /// The servers of the fleet, this one first.
    func fleet() async throws -> FleetReport
    /// How this server and the others of the fleet reach each other.
    var fleetPlaces: FleetPlaces { get }
    /// Has `handler` answer other servers that connect to a port which clients connect to as well; nil for nobody. It gets a
    /// descriptor, which it closes, of a connection from `source` of which nothing has been read.
    func takeFleetConnections(by handler: (@Sendable (_ descriptor: Int32, _ source: SocketAddress) -> Void)?)
    /// Where connections go that come to a port of clients and are for the console.
    var consoleDoor: ConsoleDoor { get }
    /// The settings that are in force, and where each came from.
    var settings: LoadedSettings { get }
    /// The settings that are put into force from now on.
    func settingsChanges() -> AsyncStream<LoadedSettings>
    /// Rereads the settings file; throws when it is refused, and then the running settings stay.
    func reload() async throws
    /// Says something in the server's log.
    func tell(_ code: MessageCode, _ text: String)
}

extension RunningServer {
    /// A server alone.
    public func fleet() async throws -> FleetReport { FleetReport(servers: [], hasKey: false) }
    /// A server alone.
    public var fleetPlaces: FleetPlaces { FleetPlaces() }
    /// Nobody connects.
    public var consoleDoor: ConsoleDoor { ConsoleDoor() }
    /// Nobody connects.
    public func takeFleetConnections(
        by handler: (@Sendable (_ descriptor: Int32, _ source: SocketAddress) -> Void)?
    ) {}
}
