import Foundation
import Glibc
import Observability
import ServerSettings
import Synchronization
import Testing

@testable import Administration

/// A folder that lives as long as the value.
final class TemporaryFolder: Sendable {
    let path: String
    var socket: String { path + "/control.sock" }

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/administration-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open(_ server: any RunningServer, limits: ControlSocket.Limits) throws -> ControlSocket {
        try ControlSocket(path: socket, server: server, limits: limits, isPermitted: { $0.user == geteuid() })
    }
}

/// A server with fixed reports that notes what it was told.
final class FakeServer: RunningServer {
    let calls = Mutex<[String]>([])
    let atOnce = Mutex(0)
    let mostAtOnce = Mutex(0)

    static let status = ServerStatus(
        version: "1.0",
        pid: 7,
        uptime: 3,
        settingsFile: "/etc/stund.yaml",
        stateFolder: "/var/lib/stund",
        listeners: ["udp 127.0.0.1:3478"],
        workers: 2,
        relay: ServerStatus.Relay(
            addresses: [.init(address: "198.51.100.1", localAddress: "10.0.0.4", portsFree: 9, portsTotal: 10)],
            realms: ["stund"],
            users: 1,
            secrets: 2,
            sessions: 3
        ),
        counters: [.init(name: "binding responses", value: .max)],
        warnings: ["no password is set"]
    )
    static let statistics = StatisticsReport(
        rows: [.init(source: "192.0.2.1:5", lastAccess: 4, noChange: 662, changeIP: 2)],
        totalSources: 1
    )

    static func log(rows: Int) -> LogReport {
        let line = "[8] Tue Aug 13 15:30:48 2002: Received pdu \"\u{e9}/\u{1B}\"\n00 01 00 08"
        let entry = LogReport.Entry(level: 8, code: 1006, time: "2002-08-13T15:30:48Z", text: "Received pdu")
        return LogReport(
            lines: Array(repeating: line, count: rows),
            entries: Array(repeating: entry, count: rows)
        )
    }

    func status() async throws -> ServerStatus { Self.status }
    func log(_ query: LogQuery) async throws -> LogReport { Self.log(rows: query.limit ?? 3) }

    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        let now = atOnce.withLock { count in
            count += 1
            return count
        }
        mostAtOnce.withLock { $0 = max($0, now) }
        // Long enough for others to come in if they were let in.
        try await Task.sleep(for: .milliseconds(5))
        atOnce.withLock { $0 -= 1 }
        return Self.statistics
    }

    func clearLog() async throws { calls.withLock { $0.append("clearLog") } }
    func clearStatistics() async throws { calls.withLock { $0.append("clearStatistics") } }
    func reload() async throws { throw Refused() }
    func sessions(_ query: SessionsQuery) async throws -> SessionsReport { Self.sessions(rows: query.limit ?? 2) }
    func disconnect(_ subject: SessionSubject) async throws -> Int {
        if case .any(let text) = subject { text.utf8.count } else { 0 }
    }
    func explain(_ subject: String) async throws -> Explanation { Self.explanation(of: subject) }

    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport {
        calls.withLock { $0.append("drain by \(person)") }
        return Self.drain(order)
    }

    func undrain(by person: String) async throws -> DrainReport { throw AdministrationError("the server got SIGTERM") }

    static func drain(_ order: DrainOrder) -> DrainReport {
        DrainReport(
            state: .draining,
            since: "2026-11-29T21:00:00Z",
            until: order.seconds.map { "in \($0) s" },
            allocations: 3,
            stays: order.stays
        )
    }

    static func sessions(rows: Int) -> SessionsReport {
        SessionsReport(rows: Array(repeating: session(), count: rows), totalSessions: 2)
    }

    static func session(
        _ id: String = "0-15",
        user: String = "1764000000:alice",
        realm: String = "stund",
        client: String = "203.0.113.250:49152",
        relays: [String] = ["198.51.100.1:50123"]
    ) -> SessionsReport.Row {
        SessionsReport.Row(
            id: id,
            user: user,
            realm: realm,
            client: client,
            listener: "198.51.100.1:3478",
            relays: relays,
            permissions: [.init(address: "192.0.2.7", expiresIn: 240)],
            channels: [.init(number: "0x4000", peer: "192.0.2.7:5000", expiresIn: 540)],
            toPeers: .init(packets: 1204, bytes: 1_234_567),
            toClient: .init(packets: 1, bytes: 812),
            age: 182,
            expiresIn: 418
        )
    }

    static func explanation(of subject: String) -> Explanation {
        Explanation(
            subject: subject,
            findings: [.init("user", "unknown", cure: "add it")],
            sessions: [session()],
            refusals: [refusal()]
        )
    }

    static func refusal(
        at time: String = "2026-11-24T12:00:02.000Z",
        cause: String = "expired 5 s ago"
    )
        -> Explanation.Refusal
    {
        Explanation.Refusal(
            time: time,
            client: "203.0.113.9:5000",
            user: "1764000000:alice",
            realm: "stund",
            method: "Allocate",
            code: 401,
            cause: cause,
            cure: "ask for a new credential"
        )
    }

    struct Refused: Error, CustomStringConvertible {
        let description = "stund.yaml:3: unknown setting"
    }
}

/// A server whose workers never answer.
struct StuckServer: RunningServer {
    func status() async throws -> ServerStatus {
        try await Task.sleep(for: .seconds(3600))
        return FakeServer.status
    }
    func log(_ query: LogQuery) async throws -> LogReport { FakeServer.log(rows: 0) }
    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport { FakeServer.statistics }
    func clearLog() async throws {}
    func clearStatistics() async throws {}
    func reload() async throws {}
    func sessions(_ query: SessionsQuery) async throws -> SessionsReport { FakeServer.sessions(rows: 0) }
    func disconnect(_ subject: SessionSubject) async throws -> Int { 0 }
    func explain(_ subject: String) async throws -> Explanation { FakeServer.explanation(of: subject) }
}

/// What the fakes of these tests are never asked.
extension RunningServer {
    func overview() async throws -> OverviewReport {
        OverviewReport(history: TrafficHistory(), dialects: [], natKinds: [], refusals: [])
    }
    func explain(user: String?, peer: String) async throws -> Explanation {
        Explanation(subject: "\(user ?? "") -> \(peer)", findings: [], sessions: [], refusals: [])
    }
    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport { FakeServer.drain(order) }
    func undrain(by person: String) async throws -> DrainReport { DrainReport(state: .serving, allocations: 0) }
    func readiness() async -> ReadinessReport { ReadinessReport([]) }
    func selfTest() async -> [Check] { [] }
    func metrics() async throws -> [MetricFamily] { [] }
    var settings: LoadedSettings {
        guard let defaults = try? Settings.load(from: SettingsSources(file: "/nonexistent/stund.yaml")) else {
            preconditionFailure("defaults are refused")
        }
        return defaults
    }
    func settingsChanges() -> AsyncStream<LoadedSettings> { AsyncStream { $0.finish() } }
    func tell(_ code: MessageCode, _ text: String) {}
}

/// Asks on a thread of its own.
func ask(_ request: ControlRequest, at path: String) async throws -> ControlAnswer {
    try await onThread { try ControlClient.send(request, to: path) }
}

/// Reads an answer line on a thread of its own.
func readLine(from client: Descriptor) async throws -> String {
    try await onThread {
        let line = try UnixSocket.readLine(from: client, atMost: 1 << 20, until: .now + .seconds(20))
        return String(decoding: line, as: UTF8.self)
    }
}

/// Sends raw bytes, closes the writing side and gives the answer line; nil when there is none.
func exchange(_ bytes: [UInt8], at path: String) async throws -> String? {
    let client = try UnixSocket.connected(to: path, waitsAtMost: 5)
    return try await onThread {
        // The server may answer and close before it has read everything.
        try? UnixSocket.write(bytes, to: client, until: .now + .seconds(20))
        shutdown(client.number, Int32(SHUT_WR))
        let line = try? UnixSocket.readLine(from: client, atMost: 1 << 20, until: .now + .seconds(20))
        return line.map { String(decoding: $0, as: UTF8.self) }
    }
}

func mode(of path: String) throws -> UInt16 {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? NSNumber).uint16Value
}

/// Runs blocking work on a thread of its own, so that the tests' few threads stay free.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try work() }) }.start()
    }
}
