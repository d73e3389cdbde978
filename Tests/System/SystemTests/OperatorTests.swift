import Foundation
import Testing

@Suite("What the person who runs the server is told")
struct OperatorTests {
    @Test("stund password tells the running server, however its settings file is named")
    func passwordOfRunningServer() async throws {
        try await withServer { _, command, _ in
            let link = (command.settingsFile as NSString).deletingLastPathComponent + "/link.yaml"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: command.settingsFile)
            // The server of a link's file answers elsewhere: by RUNTIME_DIRECTORY the command finds it, as a service.
            let runtime = command.settingsFile + ".d"
            for (file, environment) in [(command.settingsFile, [:]), (link, ["RUNTIME_DIRECTORY": runtime])] {
                let end = try await password(file, environment)
                #expect(end.output.contains("The running server uses it from now on."), "\(end.output)")
                #expect(end.exitCode == 0)
            }
            let log = try await Program.run([Partners.stund, "log", "--config", command.settingsFile])
            #expect(log.lines.count { $0.contains("Settings reloaded") } == 2, "\(log.output)")
        }
    }

    @Test("stund password leaves a server with another settings file alone, and says which one that is")
    func passwordOfAnotherServer() async throws {
        try await withTemporaryFolder { folder in
            let environment = ["RUNTIME_DIRECTORY": folder + "/run", "STATE_DIRECTORY": folder + "/state"]
            try await withServer(environment: environment) { server, command, _ in
                let own = folder + "/stund.yaml"
                let end = try await password(own, environment)
                #expect(!end.output.contains("uses it from now on"), "\(end.output)")
                #expect(end.output.contains("process \(server.processID)"), "\(end.output)")
                #expect(end.output.contains(command.settingsFile), "\(end.output)")
                #expect(end.exitCode == 0)
                #expect(!server.state.output.contains("Settings reloaded"))
            }
        }
    }

    @Test("stund password says so when no server runs")
    func passwordWithoutServer() async throws {
        try await withTemporaryFolder { folder in
            let end = try await password(folder + "/stund.yaml", ["RUNTIME_DIRECTORY": folder + "/run"])
            #expect(end.output.contains("No server runs with this file now"), "\(end.output)")
            #expect(end.exitCode == 0)
        }
    }

    @Test("The settings file is shown with its whole path, wherever the server was started")
    func wholePath() async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let command = try StundCommand(folder: folder, settings: loopback(ports))
            let line = "cd '\(folder)' && exec '\(Partners.stund)' --no-daemon"
            try await Program.running(["sh", "-c", line]) { server in
                #expect(await server.wait { $0.output.contains("try:") }, "\(server.state.output)")
                let shown = try await Program.run([Partners.stund, "status", "--config", command.settingsFile])
                #expect(shown.lines.contains("settings file  \(command.settingsFile)"), "\(shown.output)")
            }
        }
    }

    @Test("A control socket that can't be opened refuses the start with exit code 73, and the log tells it")
    func controlSocketTaken() async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let more = ["log-file": folder + "/log", "log-format": "json"]
            let command = try StundCommand(folder: folder, settings: loopback(ports).merging(more) { $1 })
            let taken = command.settingsFile + ".d/control.sock"
            try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
            let end = try await Program.run(command.arguments)
            #expect(end.exitCode == 73)
            #expect(end.output.contains("\(taken) is not a socket"), "\(end.output)")
            let log = try String(contentsOfFile: folder + "/log", encoding: .utf8)
            let line = log.split(separator: "\n").first { $0.contains("1110") }
            #expect(line?.contains("is not a socket") == true, "\(log)")
        }
    }

    @Test(
        "A password hash that can't be used is refused with exit code 78, file, line and key",
        arguments: ["secret", "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA", "$scrypt$ln=40,r=8,p=1$c2FsdHNhbHRzYWx0$aGFzaA"]
    )
    func wrongHash(hash: String) async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let command = try StundCommand(folder: folder, settings: loopback(ports))
            let right = try String(contentsOfFile: command.settingsFile, encoding: .utf8)
            let wrong = right + "http-password-hash: \(hash)\n"
            try wrong.write(toFile: command.settingsFile, atomically: true, encoding: .utf8)
            for arguments in [command.arguments, [Partners.stund, "check", "--config", command.settingsFile]] {
                let end = try await Program.run(arguments)
                #expect(end.exitCode == 78)
                #expect(end.output.contains("\(command.settingsFile):5: http-password-hash: "), "\(end.output)")
                #expect(end.output.contains("`stund password` makes"), "\(end.output)")
                #expect(!end.output.contains(hash), "the value is secret")
            }
            #expect(try await password(command.settingsFile, [:]).exitCode == 0)
            let mended = try await Program.run([Partners.stund, "check", "--config", command.settingsFile])
            #expect(mended.exitCode == 0, "\(mended.output)")
        }
    }

    @Test("A running server refuses a password hash that can't be used")
    func wrongHashLater() async throws {
        try await withServer { server, command, ports in
            try StundCommand.write(
                loopback(ports).merging(["http-password-hash": "x"]) { $1 },
                to: command.settingsFile
            )
            server.signal(SIGHUP)
            #expect(await server.wait { $0.output.contains("Settings refused") }, "\(server.state.output)")
            try expectAnswer(ports)
        }
    }

    @Test(
        "A number below zero is out of range, not missing: exit code 78, and the option is named",
        arguments: ["log", "html-port", "html_port"]
    )
    func negative(option: String) async throws {
        for command in ["serve", "check"] {
            let end = try await Program.run([Partners.stund, command, "-\(option)", "-1"])
            #expect(end.exitCode == 78)
            #expect(end.output.contains("--\(option.replacing("_", with: "-")): "), "\(end.output)")
            #expect(end.output.contains("\"-1\" is too low"), "\(end.output)")
        }
    }

    @Test("The start tells which address is the first, as stund check does")
    func addressPair() async throws {
        try await withServer(["second-address": "127.0.0.2"]) { server, command, _ in
            let pair = "first address 127.0.0.1, second 127.0.0.2"
            #expect(server.state.output.contains(pair), "\(server.state.output)")
            let check = try await Program.run([Partners.stund, "check", "--config", command.settingsFile])
            #expect(check.output.contains(pair), "\(check.output)")
        }
        try await withServer { server, _, _ in
            #expect(!server.state.output.contains("first address"), "\(server.state.output)")
        }
    }

    @Test("The start into the background tells where the log goes", arguments: [true, false])
    func logPlace(hasFile: Bool) async throws {
        try await withTemporaryFolder { folder in
            let more = hasFile ? ["log-file": folder + "/log"] : [:]
            let settings = loopback(try Ports.free()).merging(more) { $1 }
            let command = try StundCommand(folder: folder, settings: settings, flags: [])
            defer { command.endServer() }
            let start = try await Program.run(command.arguments)
            let place = hasFile ? folder + "/log" : "syslog"
            #expect(start.lines.contains { $0.hasPrefix("log:") && $0.hasSuffix(" " + place) }, "\(start.output)")
        }
    }

    @Test(
        "A password that is too short is refused, and nothing is written; a good one is told with who reaches the console"
    )
    func shortPassword() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            for (password, code, words) in [
                ("a", Int32(65), "at least 8 characters"), ("a pass word", 0, "port 80 of all addresses of this host"),
            ] {
                let end = try await Program.run(
                    [Partners.stund, "password", "--config", file],
                    environment: ["STUND_HTTP_PASSWORD": password]
                )
                #expect(end.exitCode == code && end.output.contains(words), "\(end.output)")
                #expect(FileManager.default.fileExists(atPath: file) == (code == 0))
            }
        }
    }

    private func password(_ file: String, _ environment: [String: String?]) async throws -> Program.State {
        try await Program.run(
            [Partners.stund, "password", "--config", file],
            environment: environment.merging(["STUND_HTTP_PASSWORD": "a password of the test"]) { $1 }
        )
    }
}
