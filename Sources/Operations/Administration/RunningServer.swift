/// What the control socket and the console ask of a server that runs; the runtime implements it.
///
/// Workers answer by mailbox within a batch, so every call returns soon. An error is told to the person who asked.
public protocol RunningServer: Sendable {
    /// The state of the whole process.
    func status() async throws -> ServerStatus
    /// The newest log messages, oldest first; at most `limit` when given.
    func log(limit: Int?) async throws -> LogReport
    /// The sources, newest access first; at most `limit` when given.
    func statistics(limit: Int?) async throws -> StatisticsReport
    /// Forgets the log messages that are kept in memory.
    func clearLog() async throws
    /// Forgets all sources and their counts.
    func clearStatistics() async throws
    /// Rereads the settings file; throws when it is refused, and then the running settings stay.
    func reload() async throws
    /// The allocations, newest first; at most `limit` when given.
    func sessions(limit: Int?) async throws -> SessionsReport
    /// Ends the sessions whose id, user or client address `subject` is; answers how many those were.
    func disconnect(_ subject: String) async throws -> Int
    /// What is known of a user name or an address, and why requests of it were refused.
    func explain(_ subject: String) async throws -> Explanation
}
