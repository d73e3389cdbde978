// Unsafe: fileExists tells whether something is a folder through a pointer.

import AccountStore
import Foundation
import Observability
import ServerSettings
import Synchronization

@testable import Administration

/// What of a running server matters for its settings: it reads them from a real file, again when told to, and logs.
final class RunningDouble: RunningServer {
    let sources: SettingsSources
    let told = Mutex<[String]>([])
    let reloads = Mutex(0)
    /// Whether the server refuses what it reads, as it does when a listening port cannot be opened, say.
    let refuses = Mutex(false)
    /// How it and the others of a fleet reach each other.
    let places = Mutex(FleetPlaces())
    /// What it has of statistics and sessions; nil: it is not asked.
    let sourceReport = Mutex<StatisticsReport?>(nil)
    let sessionReport = Mutex<SessionsReport?>(nil)
    /// Who had it drain, and how.
    let drains = Mutex<[String]>([])
    /// Whether it never answers for statistics.
    let isStuck = Mutex(false)
    private let loaded: Mutex<LoadedSettings>
    private let relayAddresses: [String]
    private let certificateNames: [String]

    init(_ sources: SettingsSources, relayAddresses: [String] = [], certificateNames: [String] = []) throws {
        self.sources = sources
        self.relayAddresses = relayAddresses
        self.certificateNames = certificateNames
        loaded = Mutex(try Settings.load(from: sources))
    }

    var settings: LoadedSettings { loaded.withLock { $0 } }

    func reload() async throws {
        // Whoever comes meanwhile must wait for its turn.
        await Task.yield()
        reloads.withLock { $0 += 1 }
        if refuses.withLock({ $0 }) { throw Refused() }
        let new = try Settings.load(from: sources)
        loaded.withLock { $0 = new }
    }

    func tell(_ code: MessageCode, _ text: String) { told.withLock { $0.append("\(code.rawValue) \(text)") } }

    func status() async throws -> ServerStatus {
        ServerStatus(
            version: "1",
            pid: 1,
            uptime: 1,
            settingsFile: sources.file,
            stateFolder: "/",
            listeners: [],
            workers: 1,
            certificate: certificateNames.isEmpty ? nil : certificate,
            relay: ServerStatus.Relay(
                addresses: relayAddresses.map { .init(address: $0, portsFree: 1, portsTotal: 1) },
                realms: ["stund"],
                users: 0,
                secrets: 0,
                sessions: 0
            ),
            counters: [],
            warnings: []
        )
    }

    private var certificate: ServerStatus.Certificate {
        .init(
            file: "/c.pem",
            names: certificateNames,
            notBefore: 0,
            notAfter: 1,
            expires: "",
            fingerprint: "",
            isValid: true
        )
    }

    struct Refused: Error, CustomStringConvertible {
        let description = "the port is taken"
    }

    struct NotAsked: Error {}

    func overview() async throws -> OverviewReport { throw NotAsked() }
    func log(_ query: LogQuery) async throws -> LogReport { throw NotAsked() }

    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        while isStuck.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
        guard var report = sourceReport.withLock({ $0 }) else { throw NotAsked() }
        report.rows = Array(report.rows.prefix(query.limit ?? .max))
        return report
    }

    func sessions(_ query: SessionsQuery) async throws -> SessionsReport {
        guard let report = sessionReport.withLock({ $0 }) else { throw NotAsked() }
        return report
    }

    var fleetPlaces: FleetPlaces { places.withLock { $0 } }
    func clearLog() async throws { throw NotAsked() }
    func clearStatistics() async throws { throw NotAsked() }
    func disconnect(_ subject: SessionSubject) async throws -> Int { throw NotAsked() }

    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport {
        drains.withLock { $0.append("drain \(order.seconds.map(String.init) ?? "-") \(order.stays) by \(person)") }
        if refuses.withLock({ $0 }) { throw Refused() }
        return DrainReport(state: .draining, since: "2026-11-30T00:00:00Z", allocations: 3, stays: order.stays)
    }

    func undrain(by person: String) async throws -> DrainReport {
        drains.withLock { $0.append("undrain by \(person)") }
        return DrainReport(state: .serving, allocations: 3)
    }

    func explain(_ subject: String) async throws -> Explanation { throw NotAsked() }
    func explain(user: String?, peer: String) async throws -> Explanation { throw NotAsked() }
    func readiness() async -> ReadinessReport { ReadinessReport([]) }
    func selfTest() async -> [Check] { [] }
    func settingsChanges() -> AsyncStream<LoadedSettings> { AsyncStream { $0.finish() } }
    func metrics() async throws -> [MetricFamily] { throw NotAsked() }
}

/// A server with a settings file and a store in a folder of its own, and who administers it.
struct AdministeredServer {
    let folder: TemporaryFolder
    let server: RunningDouble
    let administrator: Administrator
    static let admin = Operator(name: "admin", role: .admin, way: .console)

    init(
        _ text: String = "",
        flags: [String: String] = [:],
        environment: [String: String] = [:],
        spellings: [String: String] = [:],
        relayAddresses: [String] = [],
        certificateNames: [String] = []
    ) throws {
        folder = try TemporaryFolder()
        try text.write(toFile: folder.path + "/stund.yaml", atomically: false, encoding: .utf8)
        let sources = SettingsSources(
            file: folder.path + "/stund.yaml",
            environment: environment,
            flags: flags,
            flagSpellings: spellings
        )
        server = try RunningDouble(sources, relayAddresses: relayAddresses, certificateNames: certificateNames)
        administrator = try Administrator(server, settingsFrom: sources, database: folder.path + "/state/stund.sqlite")
    }

    var database: String { folder.path + "/state/stund.sqlite" }
    var file: String { folder.path + "/stund.yaml" }
    var told: [String] { server.told.withLock { $0 } }

    func content() throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

    func edit(_ text: String) throws { try text.write(toFile: file, atomically: false, encoding: .utf8) }

    /// Whether a text stands in any file of the server but `except`.
    func holds(_ text: String, except: String? = nil) throws -> Bool {
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try files.contains { name in
            let path = folder.path + "/" + name
            var isFolder: ObjCBool = false
            _ = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            guard !isFolder.boolValue, name != except else { return false }
            return try Data(contentsOf: URL(fileURLWithPath: path)).range(of: Data(text.utf8)) != nil
        }
    }
}
