import Foundation
import Testing

@Suite("run-as: a server that root starts becomes another user", .enabled(if: geteuid() == 0, "needs root"))
struct RunAsTests {
    /// A user that every system has.
    private static let user = "nobody"

    @Test(
        "it has its ports, answers, keeps its state, tells its open files and rereads its settings; links give nothing away"
    )
    func becomes() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let foreign = folder + "/foreign"
            try "root's".write(toFile: foreign, atomically: true, encoding: .utf8)
            let ports = try Ports.free()
            let console = try Ports.free().first
            let settings = loopback(ports).merging(["run-as": Self.user, "http-port": "\(console)"]) { $1 }
            let command = try StundCommand(folder: folder, settings: settings)
            let state = command.settingsFile + ".d"
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: state + "/symbolic", withDestinationPath: foreign)
            try FileManager.default.linkItem(atPath: foreign, toPath: state + "/hard")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: command.settingsFile)
            try await Program.running(command.arguments, lifetime: nil) { server in
                _ = await server.wait { $0.output.contains("try:") || $0.exitCode != nil }
                try #require(server.state.output.contains("try:"), "\(server.state.output)")
                try expectAnswer(ports)
                let process = try #require(command.processID)
                let status = try await Program.run(["cat", "/proc/\(process)/status"]).output
                let number = try Self.number(of: Self.user)
                for line in ["Uid", "Gid"] {
                    let ids = status.components(separatedBy: "\n\(line):")[1].prefix { $0 != "\n" }.split(
                        separator: "\t"
                    )
                    #expect(line == "Gid" || ids.allSatisfy { $0 == number }, "\(ids)")
                    #expect(!ids.contains("0"))
                }
                #expect(status.contains("NoNewPrivs:\t1") && status.contains("CapEff:\t0000000000000400"))
                let told = try await Program.run([Partners.stund, "status", "--config", command.settingsFile]).output
                #expect(told.contains(" open, room for "), "\(told)")
                let added = try await Program.run(
                    [Partners.stund, "user", "add", "alice", "--config", command.settingsFile]
                )
                #expect(added.exitCode == 0, "\(added.output)")
                server.signal(SIGHUP)
                try await waitUntil("it has reread its settings") {
                    server.state.output.contains("Settings reloaded")
                }
                server.signal(SIGTERM)
                #expect(try await server.exitCode() == 0)
            }
            let owners = try [foreign, state].map {
                try FileManager.default.attributesOfItem(atPath: $0)[.ownerAccountID] as? Int
            }
            #expect(owners == [0, Int(try Self.number(of: Self.user))])
            #expect(!FileManager.default.fileExists(atPath: state + "/stund.pid"))
        }
    }

    @Test("a user that is not there, and settings that it cannot read, end the start with what to do")
    func refused() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            for (user, mode, words) in [
                ("nobody-has-this-name", 0o644, "useradd --system nobody-has-this-name"),
                (Self.user, 0o600, "chmod 640"),
            ] {
                let settings = loopback(try Ports.free()).merging(["run-as": user]) { $1 }
                let command = try StundCommand(folder: folder, settings: settings)
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: command.settingsFile)
                let end = try await Program.run(command.arguments)
                #expect(end.exitCode == 78 && end.output.contains(words), "\(end.output)")
            }
        }
    }

    @Test("what this user may not read or write is told by check and doctor too, before a start")
    func toldBefore() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let key = folder + "/both.pem"
            let made = try await Program.run([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=a",
                "-days", "2", "-keyout", key, "-out", key,
            ])
            try #require(made.exitCode == 0, "\(made.output)")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
            for (more, mode, words) in [
                ([:], 0o644, nil), (["run-as": "nobody-has-this-name"], 0o644, "useradd --system nobody-has-this-name"),
                ([:], 0o600, "chmod 640"), (["tls-certificate": key], 0o644, "nobody may not read tls-certificate"),
                (["log-file": folder + "/log"], 0o644, "nobody cannot write to log-file"),
                (["log-file": folder + "/none/log"], 0o644, "there is no folder \(folder)/none"),
            ] as [([String: String], Int, String?)] {
                var settings = loopback(try Ports.free()).merging(["run-as": Self.user]) { $1 }
                settings.merge(more) { $1 }
                let command = try StundCommand(folder: folder, settings: settings)
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: command.settingsFile)
                for name in ["check", "doctor"] {
                    let end = try await Program.run([Partners.stund, name, "--config", command.settingsFile])
                    #expect(end.exitCode == (words == nil ? 0 : 71), "\(name): \(end.output)")
                    if let words { #expect(end.output.contains(words), "\(name): \(end.output)") }
                }
            }
        }
    }

    @Test("a state folder that is a link gives nothing away, and a log file that it cannot write ends the start")
    func links() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let foreign = folder + "/foreign"
            try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
            try "root's".write(toFile: foreign + "/file", atomically: true, encoding: .utf8)
            var settings = loopback(try Ports.free()).merging(["run-as": Self.user]) { $1 }
            settings["log-file"] = foreign + "/file"
            for (isLinked, words) in [(true, "does not let the server give it"), (false, "cannot write to log-file")] {
                let command = try StundCommand(folder: folder, settings: settings)
                try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: command.settingsFile)
                let state = command.settingsFile + ".d"
                try? FileManager.default.removeItem(atPath: state)
                if isLinked {
                    try FileManager.default.createSymbolicLink(atPath: state, withDestinationPath: foreign)
                }
                let end = try await Program.run(command.arguments)
                #expect(end.exitCode == (isLinked ? 71 : 78) && end.output.contains(words), "\(end.output)")
                for path in [foreign, foreign + "/file"] {
                    #expect(try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? Int == 0)
                }
            }
        }
    }

    private static func number(of user: String) throws -> Substring {
        let text = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix(user + ":") }
        return try #require(line).split(separator: ":", omittingEmptySubsequences: false)[2]
    }
}
