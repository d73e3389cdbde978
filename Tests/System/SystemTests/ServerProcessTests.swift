import Foundation
import Testing

@Suite("The server as a process: start, stop, signals, exit codes")
struct ServerProcessTests {
    @Test(
        "In the foreground it tells where STUN answers, and SIGTERM ends it with exit code 0",
        arguments: [SIGTERM, SIGINT]
    )
    func startAndStop(signal: Int32) async throws {
        try await withServer { server, command, ports in
            let told = server.state
            let line = told.lines.first { $0.contains("answers STUN at") } ?? ""
            for port in [ports.first, ports.second] {
                #expect(line.contains("udp 127.0.0.1:\(port)"), "\(told.output)")
            }
            #expect(told.lines.contains { $0.contains("settings:") && $0.hasSuffix(command.settingsFile) })
            #expect(told.lines.contains { $0.contains("state:") && $0.hasSuffix(command.settingsFile + ".d") })
            #expect(told.lines.contains { $0.contains("try:") && $0.contains("stun 127.0.0.1:\(ports.first)") })
            server.signal(signal)
            #expect(try await server.exitCode() == 0)
            #expect(!FileManager.default.fileExists(atPath: command.processIDFile))
            // The ports are free again.
            _ = try UDPClient("127.0.0.1", port: ports.first)
        }
    }

    @Test("A second server on the same ports does not start, and names the one that has them")
    func secondOnSamePorts() async throws {
        // So many sockets that the kernel's table of them has far more than the 4 kB of one read.
        let crowd = try (0..<400).map { _ in try Crowd(client: UDPClient()) }
        try await withServer { first, _, ports in
            try await withTemporaryFolder { folder in
                let second = try StundCommand(folder: folder, settings: loopback(ports))
                let end = try await Program.run(second.arguments)
                #expect(end.exitCode == 71)
                let port = "127.0.0.1:\(ports.first)"
                let holder = "stund (pid \(first.processID))"
                #expect(end.output.contains(port) && end.output.contains(holder), "\(end.output)")
            }
            try expectAnswer(ports)
        }
        withExtendedLifetime(crowd) {}
    }

    /// Keeps a socket, which cannot be copied, in an array.
    private final class Crowd: Sendable {
        let client: UDPClient

        init(client: consuming UDPClient) { self.client = client }
    }

    @Test("A second server with the same settings file does not start, and names the first")
    func secondWithSameSettings() async throws {
        try await withServer { first, command, ports in
            let end = try await Program.run(command.arguments)
            #expect(end.exitCode != 0 && end.exitCode != nil)
            #expect(end.output.contains("process \(first.processID)"), "\(end.output)")
            try expectAnswer(ports)
        }
    }

    @Test("After a kill it starts again, whatever was left lying")
    func startAfterKill() async throws {
        try await withServer { first, command, ports in
            first.signal(SIGKILL)
            #expect(try await first.exitCode() == -SIGKILL)
            try await Program.running(command.arguments, lifetime: nil) { second in
                try await waitUntilBound(second, ports)
                try expectAnswer(ports)
            }
        }
    }

    @Test(
        "Settings that are wrong refuse the start with exit code 78 and name file, line and key",
        arguments: [
            ("stun-prot-1: 3478", "unknown setting \"stun-prot-1\" (did you mean \"stun-port-1\"?)"),
            ("stun-port-1: seventy", "stun-port-1: \"seventy\""),
            ("log-level: 10", "log-level: \"10\""),
            ("second-address: 127.0.0.300", "second-address: \"127.0.0.300\""),
        ]
    )
    func wrongSettings(line: String, told: String) async throws {
        try await withTemporaryFolder { folder in
            let command = try StundCommand(folder: folder, settings: [:])
            try "# Written by hand\n\(line)\n".write(toFile: command.settingsFile, atomically: true, encoding: .utf8)
            for arguments in [command.arguments, [Partners.stund, "check", "--config", command.settingsFile]] {
                let end = try await Program.run(arguments)
                #expect(end.exitCode == 78)
                #expect(end.output.contains("\(command.settingsFile):2: \(told)"), "\(end.output)")
            }
        }
    }

    @Test("SIGHUP rereads the settings; wrong ones leave the running ones in force and are told")
    func reread() async throws {
        try await withServer { server, command, ports in
            try StundCommand.write(loopback(ports).merging(["log-level": "8"]) { $1 }, to: command.settingsFile)
            server.signal(SIGHUP)
            #expect(await server.wait { $0.output.contains("Settings reloaded") }, "\(server.state.output)")
            try expectAnswer(ports)
            // From level 8 on, each datagram is shown.
            #expect(await server.wait { $0.output.contains("Received pdu from 127.0.0.1") }, "\(server.state.output)")

            try StundCommand.write(["log-level": "88"], to: command.settingsFile)
            server.signal(SIGHUP)
            #expect(await server.wait { $0.output.contains("Settings refused") }, "\(server.state.output)")
            #expect(server.state.output.contains("\(command.settingsFile):1: log-level"))
            try expectAnswer(ports)
        }
    }

    @Test("In the foreground it goes on when nobody reads what it writes any more")
    func brokenPipe() async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let command = try StundCommand(folder: folder, settings: loopback(ports))
            defer { command.endServer() }
            let line = command.arguments.map { "'\($0)'" }.joined(separator: " ") + " 2>&1 | head -1"
            try await Program.running(["sh", "-c", line]) { _ in
                let log = [Partners.stund, "log", "--config", command.settingsFile]
                try await waitUntil("the server is ready") { try await Program.run(log).exitCode == 0 }
                // What it says of this goes to the broken pipe.
                try kill(#require(command.processID), SIGHUP)
                try await waitUntil("the settings are reloaded") {
                    let shown = try await Program.run(log)
                    try #require(shown.exitCode == 0, "\(shown.output)")
                    return shown.output.contains("Settings reloaded")
                }
                #expect(command.processID != nil)
                try expectAnswer(ports)
            }
        }
    }

    @Test("Into the background: the command ends when the server answers, and leaves it running")
    func background() async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let command = try StundCommand(folder: folder, settings: loopback(ports), flags: [])
            defer { command.endServer() }
            // Finished means that nobody holds the pipe any more: a script that reads the output is not kept waiting.
            let start = try await Program.run(command.arguments)
            try #require(start.exitCode == 0 && start.outputEnded, "\(start.output)")
            try expectAnswer(ports)
            let line = start.lines.first { $0.contains("answers STUN at") } ?? ""
            #expect(line.contains("udp 127.0.0.1:\(ports.first)"), "\(start.output)")

            let status = try await Program.run([Partners.stund, "status", "--config", command.settingsFile])
            let process = try #require(command.processID)
            #expect(status.output.contains("process \(process)"), "\(status.output)")
            // A session of its own: the end of the terminal does not reach it.
            #expect(getsid(process) == process)

            let again = try await Program.run(command.arguments)
            #expect(again.exitCode != 0 && again.output.contains("process \(process)"), "\(again.output)")
            kill(process, SIGTERM)
            try await waitUntil("the server in the background has ended") { command.processID == nil }
        }
    }

    @Test("Into the background: the command fails when the server cannot start, with the reason and its exit code")
    func backgroundFailure() async throws {
        try await withServer { first, _, ports in
            try await withTemporaryFolder { folder in
                let command = try StundCommand(folder: folder, settings: loopback(ports), flags: [])
                defer { command.endServer() }
                let end = try await Program.run(command.arguments)
                #expect(end.exitCode == 71)
                #expect(end.output.contains("pid \(first.processID)"), "\(end.output)")
            }
        }
    }

    @Test("The statistics show each source of a real client", .enabled(if: Partners.has("stun"), "needs stun"))
    func statistics() async throws {
        try await withServer(["second-address": "127.0.0.2"]) { _, command, ports in
            try await Program.run(["stun", "127.0.0.1:\(ports.first)"])
            let shown = try await Program.run([Partners.stund, "statistics", "--config", command.settingsFile])
            let columns = ["Source Address", "Last Access", "Hits", "No Change", "Change IP", "Change Port"]
            let places = columns.compactMap { shown.output.range(of: $0)?.lowerBound }
            #expect(places.count == columns.count && places == places.sorted(), "\(shown.output)")
            // The vovida client asks from two ports.
            #expect(shown.lines.count { $0.hasPrefix("127.0.0.1:") } == 2, "\(shown.output)")
        }
    }
}

/// Settings of a server on loopback.
func loopback(_ ports: Ports) -> [String: String] {
    ["address": "127.0.0.1", "stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)"]
}

/// Runs `body` beside a server in the foreground whose process id and exit code are its own.
nonisolated(nonsending) func withServer(
    _ more: [String: String] = [:],
    environment: [String: String?] = [:],
    _ body: (Program, StundCommand, Ports) async throws -> Void
) async throws {
    try await withTemporaryFolder { folder in
        let ports = try Ports.free()
        let command = try StundCommand(folder: folder, settings: loopback(ports).merging(more) { $1 })
        try await Program.running(command.arguments, environment: environment, lifetime: nil) { server in
            _ = await server.wait { $0.output.contains("try:") || $0.exitCode != nil }
            try #require(server.state.output.contains("try:"), "\(server.state.output)")
            try await body(server, command, ports)
        }
    }
}

func expectAnswer(_ ports: Ports) throws {
    let answer = try UDPClient().ask(.init("127.0.0.1", ports.first), WireMessage.modern().bytes)
    #expect(WireAnswer(answer?.bytes ?? [])?.type == 0x0101)
}

nonisolated(nonsending) func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
    // Long: a program that is asked again and again takes seconds to start beside other tests on two cores.
    let deadline = ContinuousClock.now + .seconds(40)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Program.Failure(description: "not within 40 s: \(what)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

extension StundCommand {
    var processIDFile: String { settingsFile + ".d/stund.pid" }

    /// Whatever a test ended with, no server stays behind in the background.
    func endServer() {
        if let processID { kill(processID, SIGKILL) }
    }

    /// The process that the pid file names, if it runs.
    var processID: Int32? {
        guard let text = try? String(contentsOfFile: processIDFile, encoding: .utf8),
            let number = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), kill(number, 0) == 0
        else { return nil }
        return number
    }
}
