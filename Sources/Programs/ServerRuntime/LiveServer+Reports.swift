import AccountStore
public import Administration
import Foundation
import Observability
import PacketEngine
import ServerCore
public import ServerSettings
import Synchronization

// What the control socket and the console ask.

extension LiveServer {
    /// The state of the whole process.
    public func status() async throws -> ServerStatus {
        let total = PoolTotals(await pool.reports())
        let counters =
            total.counters.named
            + [
                ("send-failures", total.sendFailures.byListeners),
                ("relay-send-failures", total.sendFailures.byRelaySockets),
            ]
        let current = loaded.withLock { $0 }
        let certificate = certificates.report
        let process = ProcessFigures.now()
        let pending =
            pendingRestart(current.settings).map { "\($0) has changed and takes effect at the next start" }
            + [current.settings.securePortNotice(since: started), refusedReload.withLock { $0 }].compactMap(\.self)
        return ServerStatus(
            version: version,
            pid: ProcessInfo.processInfo.processIdentifier,
            uptime: Int(clamping: (SystemClock.monotonic() &- startedAt) / 1_000_000_000),
            // Whoever asks is perhaps in another folder.
            settingsFile: URL(fileURLWithPath: current.file).path,
            stateFolder: URL(fileURLWithPath: paths.stateFolder).path,
            listeners: listening,
            workers: pool.count,
            engine: engine.status(on: pool.processors),
            sandbox: sandbox.withLock { $0.sentence },
            connections: .init(
                tcp: total.connections,
                tls: total.tlsConnections,
                dtls: total.dtlsSessions,
                peers: total.peerConnections
            ),
            files: process.flatMap(fileStatus),
            residentBytes: process.flatMap { Int(exactly: $0.residentBytes) },
            consoleURL: consoleURL.withLock { $0 },
            certificate: certificate.status(now: RelayService.unixSeconds),
            relay: relayStatus(sessions: total.sessions),
            fleetStore: fleetStore?.status,
            license: license.withLock { $0 },
            drain: isDraining ? drainReport : nil,
            counters: counters.map { ServerStatus.Counter(name: $0.name, value: $0.value) },
            warnings: current.warnings + startWarnings + passedWarnings + sandboxWarnings
                + (relay?.plan.warnings ?? []) + (relay?.credentials.warnings ?? []) + pending
                + certificate.warnings(now: RelayService.unixSeconds)
                + (fleetStore?.status.trouble.map { [$0] } ?? []) + (license.withLock { $0.trouble }.map { [$0] } ?? [])
        )
    }

    private func fileStatus(_ process: ProcessFigures) -> ServerStatus.Files? {
        guard files.limit > 0 else { return nil }
        return ServerStatus.Files(open: process.openFiles, limit: files.limit, relaySockets: files.room)
    }

    /// The log messages that the query means, oldest first.
    public func log(_ query: LogQuery) async throws -> LogReport {
        // What workers have told but the log's thread has not yet read belongs to the answer.
        pump.pump(now: SystemClock.realtime())
        let entries = query.choose(from: log.history.entries)
        return LogReport(lines: entries.map { $0.formatted(.text) }, entries: entries.map(LogReport.Entry.init))
    }

    /// The sources that the query means.
    public func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        StatisticsReport(await pool.sources(), query, remembered: rememberedSources)
    }

    /// How many sources the server remembers, however many its workers do.
    var rememberedSources: Int { policy.withLock { $0.statisticsRows } }

    /// The settings that are in force, and where each came from.
    public var settings: LoadedSettings { loaded.withLock { $0 } }

    /// The settings that are put into force from now on.
    public func settingsChanges() -> AsyncStream<LoadedSettings> { feed.follow() }

    /// The last hour and day, who asks how, and what is refused.
    public func overview() async throws -> OverviewReport {
        // What workers have refused but the log's thread has not yet read belongs to the answer.
        pump.pump(now: SystemClock.realtime())
        let counters = PoolTotals(await pool.reports()).counters
        let now = Instant(nanoseconds: SystemClock.monotonic())
        let rows = StatisticsReport.newestFirst(await pool.sources(), remembered: rememberedSources)
        return OverviewReport(
            history: traffic.withLock { $0.history(at: now, unixSeconds: RelayService.unixSeconds) },
            dialects: OverviewReport.dialects(counters),
            natKinds: OverviewReport.natKinds(rows, now: now),
            refusals: OverviewReport.topRefusals(teller.refusals.newestFirst)
        )
    }

    /// Asks the workers for their counts, for the last hour and day.
    func recordTraffic() async {
        let total = PoolTotals(await pool.reports())
        let now = Instant(nanoseconds: SystemClock.monotonic())
        traffic.withLock { $0.record(TrafficTotals(total.counters, sessions: total.sessions), at: now) }
    }

    /// Forgets the log messages that are kept in memory.
    public func clearLog() async throws { log.history.clear() }

    /// Forgets all sources and their counts.
    public func clearStatistics() async throws { pool.clearSources() }
}

/// What all workers have counted together.
struct PoolTotals {
    private(set) var counters = Counters()
    private(set) var requestTimes = RequestTimes()
    private(set) var gathering = GatheringDelay()
    private(set) var sendFailures = SendFailures()
    private(set) var streams = StreamCounters()
    private(set) var connections = 0
    private(set) var tlsConnections = 0
    private(set) var peers = PeerStreamCounters()
    private(set) var peerConnections = 0
    private(set) var dtls = DTLSCounters()
    private(set) var dtlsSessions = 0
    private(set) var sessions = 0
    /// Sources that workers remember; one that asked two sockets may count twice.
    private(set) var sources = 0

    init(_ reports: [WorkerReport]) {
        for report in reports {
            counters.add(report.counters)
            requestTimes.add(report.requestTimes)
            gathering.add(report.gathering)
            sendFailures.add(report.sendFailures)
            streams.add(report.streams)
            connections += report.connectionCount
            tlsConnections += report.tlsCount
            peers.add(report.peers)
            peerConnections += report.peerConnectionCount
            dtls.add(report.dtls)
            dtlsSessions += report.dtlsCount
            sessions += report.sessionCount
            sources += report.sourceCount
        }
    }
}

extension LogQuery {
    /// The entries that the query means, in their order.
    func choose(from entries: [LogEntry]) -> [LogEntry] {
        let search = TextSearch(search)
        let meant = entries.filter { entry in
            if let level, Int(entry.level.rawValue) > level { return false }
            if let code, Int(entry.code.rawValue) != code { return false }
            return search.isEmpty || search.finds(entry.text) || entry.addressText.map(search.finds) == true
                || entry.remark.map(search.finds) == true
        }
        return Array(meant.suffix(max(0, limit ?? .max)))
    }
}
