import Foundation
import Testing

@Suite("What systemd is told of the service (sd_notify(3))")
struct ServiceManagerTests {
    @Test("that it answers, that it lives, that it rereads its settings and that it ends", arguments: ["/", "@"])
    func told(kind: String) async throws {
        try await Self.listening(kind) { manager, environment in
            try await withServer(environment: environment.merging(["WATCHDOG_USEC": "200000"]) { $1 }) {
                server,
                _,
                ports in
                try await Self.wait(manager) {
                    $0.contains("READY=1 STATUS=answers STUN at udp 127.0.0.1:\(ports.first)")
                }
                try await Self.wait(manager) { $0.components(separatedBy: "WATCHDOG=1").count > 5 }
                server.signal(SIGHUP)
                try await Self.wait(manager) { text in
                    guard let begun = text.firstRange(of: "RELOADING=1 MONOTONIC_USEC=") else { return false }
                    return text[begun.upperBound...].contains("READY=1")
                }
                server.signal(SIGTERM)
                try await Self.wait(manager) { $0.contains("STOPPING=1") }
                #expect(try await server.exitCode() == 0)
            }
        }
    }

    @Test("that it waits for calls, so that it is not ended meanwhile; and nothing of life for another process")
    func draining() async throws {
        try await Self.listening("/") { manager, environment in
            let more = ["WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"]
            let settings = LoadTests.relaySettings.merging(["drain-time": "40"]) { $1 }
            try await withServer(settings, environment: environment.merging(more) { $1 }) { server, command, ports in
                let load = ["load", "relay", "--sessions", "1", "--pps", "5", "--time", "60"] + LoadTests.credential
                let sessions = [Partners.stund, "sessions", "--config", command.settingsFile]
                let arguments = [Partners.stun] + load + ["--server", "127.0.0.1:\(ports.first)"]
                try await Program.running(arguments, lifetime: nil) { load in
                    try await waitUntil("the load has its allocation") {
                        try await Program.run(sessions).output.contains(Relay.user)
                    }
                    server.signal(SIGTERM)
                    try await Self.wait(manager) { $0.contains("EXTEND_TIMEOUT_USEC=30000000") }
                    #expect(!manager.state.output.contains("STOPPING=1"))
                    load.signal(SIGINT)
                    _ = try await load.exitCode()
                }
                #expect(try await server.exitCode() == 0)
                try await Self.wait(manager) { $0.contains("STOPPING=1") }
                #expect(!manager.state.output.contains("WATCHDOG=1"))
            }
        }
    }

    // MARK: Helpers

    private nonisolated(nonsending) static func listening(
        _ kind: String,
        _ body: (Program, [String: String?]) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let socket = kind == "/" ? folder + "/notify" : "@stund-test-\(UUID().uuidString)"
            let command = ["python3", "-B", Partners.helpers + "/service_manager.py", socket]
            try await Program.running(command) { manager in
                try await wait(manager) { $0.contains("listening") }
                try await body(manager, ["NOTIFY_SOCKET": socket])
            }
        }
    }

    private static func wait(_ manager: Program, for isThere: @escaping @Sendable (String) -> Bool) async throws {
        _ = await manager.wait(.seconds(30)) { isThere($0.output) || $0.exitCode != nil }
        try #require(isThere(manager.state.output), "\(manager.state.output)")
    }
}
