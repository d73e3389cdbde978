import Administration
import Foundation
import Observability
import ServerRuntime
import ServerSettings
import Testing

@testable import stund

@Suite("Reports are readable")
struct ReportTests {
    @Test("check shows each setting with its origin, and no secret")
    func check() throws {
        let loaded = try Settings.load(
            from: SettingsSources(
                file: "/nonexistent/stund.yaml",
                environment: ["STUND_LOG_ROWS": "7"],
                flags: ["http-port": "5070", "http-password-hash": "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$AAAA"],
                flagSpellings: ["http-port": "--html-port"]
            )
        )
        let paths = try StatePaths(settingsFile: "/nonexistent/stund.yaml", environment: [:])
        let text = CheckReport(loaded, paths, listeners: ["udp 0.0.0.0:3478"]).text
        let rows = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(rows.contains(["http-port", "5070", "--html-port"]))
        #expect(rows.contains(["log-rows", "7", "STUND_LOG_ROWS"]))
        #expect(rows.contains(["stun-port-1", "3478", "default"]))
        #expect(rows.filter { $0.first == "http-password-hash" }.first?.dropFirst().first == "(set)")
        #expect(!text.contains("scrypt"))
        #expect(text.contains("/nonexistent/stund.yaml (not there: the defaults stand)"))
        #expect(text.contains("/nonexistent/stund.yaml.d/control.sock"))
        for key in Settings.keys { #expect(rows.contains { $0.first == Substring(key.name) }) }
    }

    @Test("check tells of the certificate, and what is to be said of it")
    func certificate() throws {
        let environment = ["STUND_LOG_LEVEL": "5"]
        let loaded = try Settings.load(from: SettingsSources(file: "/nonexistent/stund.yaml", environment: environment))
        let paths = try StatePaths(settingsFile: "/nonexistent/stund.yaml", environment: [:])
        func text(_ preview: CertificatePreview) -> String {
            CheckReport(loaded, paths, listeners: [], certificate: preview).text
        }
        let good = text(.good("a.example.org, until 2027-01-01T00:00:00Z", warning: nil))
        #expect(
            good.hasSuffix("\ncertificate     a.example.org, until 2027-01-01T00:00:00Z\nThe settings are right.\n")
        )
        let ended = text(.good("a.example.org", warning: "it has ended"))
        #expect(ended.hasSuffix("\nwarning: it has ended\nThe settings can be used.\n"))
        #expect(!text(.none).contains("\ncertificate "))
    }

    @Test("status tells of the certificate")
    func certificateOfStatus() {
        let status = ServerStatus(
            version: "1.2.3",
            pid: 7,
            uptime: 1,
            settingsFile: "a.yaml",
            stateFolder: "a.yaml.d",
            listeners: [],
            workers: 2,
            certificate: ServerStatus.Certificate(
                file: "a.pem",
                names: ["a.example.org", "192.0.2.1"],
                notBefore: 0,
                notAfter: 1,
                expires: "2027-01-01T00:00:00Z",
                fingerprint: "AA",
                isValid: true
            ),
            counters: [],
            warnings: []
        )
        #expect(
            StatusText(status).text.contains("\ncertificate    a.example.org, 192.0.2.1, until 2027-01-01T00:00:00Z\n")
        )
    }

    @Test("status shows the whole state, and control characters of nobody")
    func status() {
        let status = ServerStatus(
            version: "1.2.3",
            pid: 7,
            uptime: 90061,
            settingsFile: "a\u{1B}.yaml",
            stateFolder: "a.yaml.d",
            listeners: ["udp 127.0.0.1:3478", "udp 127.0.0.1:3479"],
            workers: 2,
            counters: [.init(name: "answers", value: 5), .init(name: "drops-malformed", value: 10)],
            warnings: ["no password is set"]
        )
        #expect(
            StatusText(status).text == #"""
                stund 1.2.3 runs as process 7 for 1 d 1 h 1 min 1 s
                settings file  a\u{1B}.yaml
                state folder   a.yaml.d
                workers        2 by epoll, adaptive wake-ups
                listens on     udp 127.0.0.1:3478
                               udp 127.0.0.1:3479

                answers          5
                drops-malformed  10

                warning: no password is set

                """#
        )
    }

    @Test("every kind of error has its exit code of sysexits.h")
    func exitStatus() throws {
        #expect(Failure(ControlClientError.notRunning("x")).status == .unavailable)
        #expect(Failure(ControlClientError.timedOut("x")).status == .unavailable)
        #expect(Failure(ControlClientError.notPermitted("x")).status == .noPermission)
        #expect(Failure(ControlSocketError.inUse(path: "x", pid: 1)).status == .cantCreate)
        #expect(Failure(PidFileError.inUse(path: "x", pid: 1)).status == .cantCreate)
        #expect(Failure(PasswordHashError.emptyPassword).status == .dataError)
        #expect(Failure(PasswordHashError.noMemory).status == .osError)
        #expect(Failure(CancellationError()).status == .software)
        let error = try #require(throws: SettingsError.self) {
            try Settings.load(from: SettingsSources(file: "/nonexistent/x", flags: ["log-level": "10"]))
        }
        #expect(Failure(error).status == .configuration)
        let all: [stund.ExitStatus] = [
            .usage, .dataError, .unavailable, .software, .osError, .cantCreate, .noPermission, .configuration,
        ]
        #expect(all.map(\.rawValue) == [64, 65, 69, 70, 71, 73, 77, 78])
    }
}

@Suite("The commands find the server that uses a settings file")
struct RunningServerAddressTests {
    @Test("the server of the file is asked first")
    func own() async throws {
        try await withServers(own: "a.yaml", service: "/etc/stund/stund.yaml") { own, service in
            let address = RunningServerAddress(own: own, service: service, file: "/etc/stund/stund.yaml")
            let found = try await settingsFile(of: address)
            #expect(found == "a.yaml")
        }
    }

    @Test("the service is asked when no file was named, or its own")
    func service() async throws {
        try await withServers(own: nil, service: "/etc/stund/stund.yaml") { own, service in
            for file in [nil, "/etc/stund/stund.yaml"] {
                let address = RunningServerAddress(own: own, service: service, file: file)
                let found = try await settingsFile(of: address)
                #expect(found == "/etc/stund/stund.yaml")
            }
        }
    }

    @Test("the service is not asked for another file")
    func otherFile() async throws {
        try await withServers(own: nil, service: "/etc/stund/stund.yaml") { own, service in
            let address = RunningServerAddress(own: own, service: service, file: "/home/me/stund.yaml")
            let error = await #expect(throws: Failure.self) { try await settingsFile(of: address) }
            #expect(error?.status == .unavailable)
            #expect(error?.description.contains(own) == true)
        }
    }
}

private func withServers(
    own: String?,
    service: String,
    _ body: (String, String) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/stund-commands-" + UUID().uuidString.prefix(8)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let ownSocket = try own.map { try ControlSocket.open(at: folder + "/own.sock", for: NamedServer(file: $0)) }
    defer { ownSocket?.stop() }
    let serviceSocket = try ControlSocket.open(at: folder + "/service.sock", for: NamedServer(file: service))
    defer { serviceSocket.stop() }
    try await body(folder + "/own.sock", folder + "/service.sock")
}

private func settingsFile(of address: RunningServerAddress) async throws -> String? {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            continuation.resume(
                with: Result {
                    guard case .status(let status) = try address.send(.status) else { return nil }
                    return status.settingsFile
                }
            )
        }.start()
    }
}

/// A server that knows only the name of its settings file.
private struct NamedServer: RunningServer {
    var file: String

    func status() async throws -> ServerStatus {
        ServerStatus(
            version: "1",
            pid: 1,
            uptime: 0,
            settingsFile: file,
            stateFolder: "",
            listeners: [],
            workers: 1,
            counters: [],
            warnings: []
        )
    }
    func log(_ query: LogQuery) async throws -> LogReport { LogReport(lines: [], entries: []) }
    func statistics(_ query: StatisticsQuery) async throws -> StatisticsReport {
        StatisticsReport(rows: [], totalSources: 0)
    }
    func clearLog() async throws {}
    func clearStatistics() async throws {}
    func reload() async throws {}
    func sessions(_ query: SessionsQuery) async throws -> SessionsReport { SessionsReport(rows: [], totalSessions: 0) }
    func disconnect(_ subject: SessionSubject) async throws -> Int { 0 }
    func explain(_ subject: String) async throws -> Explanation {
        Explanation(subject: subject, findings: [], sessions: [], refusals: [])
    }
}

/// What the fakes of these tests are never asked.
extension RunningServer {
    func overview() async throws -> OverviewReport {
        OverviewReport(history: TrafficHistory(), dialects: [], natKinds: [], refusals: [])
    }
    func explain(user: String?, peer: String) async throws -> Explanation {
        Explanation(subject: "\(user ?? "") -> \(peer)", findings: [], sessions: [], refusals: [])
    }
    func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport { try await undrain(by: person) }
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
