import Foundation
import Testing

@Suite(
    "After its start a server has given up what it needs no more (sandbox)",
    .enabled("needs a kernel with Landlock") { try await hasLandlock() }
)
struct SandboxTests {
    @Test(
        "every thread is held to it, also of io_uring, and all that a server does goes on",
        arguments: ["epoll", "io_uring"]
    )
    func goesOn(engine: String) async throws {
        try await Self.withFolders { folder, elsewhere in
            let ports = try Ports.free()
            let tlsPort = try Ports.free().first
            let certificate = try await Self.certificate(in: folder + "/live", "first")
            let more = [
                "sandbox": "on", "engine": engine, "log-file": folder + "/log/stund.log", "workers": "2",
                "tls-certificate": certificate, "tls-port": "\(tlsPort)",
            ]
            try await Self.running(folder, ports, more) { server, command in
                let told = try await Self.stund(["status"], command)
                #expect(told.contains(/sandbox +files by Landlock \d+, system calls by seccomp\n/), "\(told)")
                let process = try #require(command.processID)
                for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task") {
                    let file = "/proc/\(process)/task/\(thread)/status"
                    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
                    #expect(text.contains("NoNewPrivs:\t1") && text.contains("Seccomp:\t2"), "\(text)")
                }
                // Users are stored, settings rewritten, the log is opened anew, the console moves.
                _ = try await Self.stund(["user", "add", "alice"], command)
                _ = try await Self.change(["statistics-rows": "50"], ports.second)
                let written = try String(contentsOfFile: command.settingsFile, encoding: .utf8)
                #expect(written.contains("statistics-rows: 50"), "\(written)")
                let log = folder + "/log/stund.log"
                try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
                kill(process, SIGHUP)
                try await waitUntil("the log is there again") { FileManager.default.fileExists(atPath: log) }
                let other = try Ports.free().first
                _ = try await Self.change(["http-port": "\(other)"], ports.second)
                try await waitUntil("the console has moved") {
                    let url = try String(contentsOfFile: command.settingsFile + ".d/http.url", encoding: .utf8)
                    return url.contains(":\(other)/")
                }
                // A new certificate comes by its link.
                _ = try await Self.certificate(in: folder + "/live", "second")
                try await waitUntil("the new certificate is served") {
                    let client = "openssl s_client -connect 127.0.0.1:\(tlsPort) </dev/null 2>/dev/null"
                    let ask = client + " | openssl x509 -noout -subject"
                    return try await Program.run(["bash", "-c", ask]).output.contains("second")
                }
                try expectAnswer(ports)
                // What lies outside the kernel keeps from it, though it is root's: by links that are let in nowhere.
                try FileManager.default.removeItem(atPath: log)
                try FileManager.default.createSymbolicLink(atPath: log, withDestinationPath: elsewhere + "/stund.log")
                kill(process, SIGHUP)
                _ = try await Self.certificate(in: elsewhere, "third")
                try FileManager.default.removeItem(atPath: folder + "/live/chain.pem")
                try FileManager.default.createSymbolicLink(
                    atPath: folder + "/live/chain.pem",
                    withDestinationPath: elsewhere + "/chain.pem"
                )
                try await waitUntil("it says that it cannot read the certificate") {
                    server.state.output.split(separator: "\n").contains {
                        $0.contains("ertificate")
                            && $0.contains("the sandbox keeps the server from \(elsewhere), which was not")
                    }
                }
                #expect(!FileManager.default.fileExists(atPath: elsewhere + "/stund.log"))
            }
        }
    }

    @Test("of a certificate's folder that is replaced whole it says so, and the next start has the new one")
    func replacedFolder() async throws {
        try await Self.withFolders { folder, elsewhere in
            let ports = try Ports.free()
            let live = elsewhere + "/live"
            let more = [
                "tls-certificate": try await Self.certificate(in: live, "first"),
                "tls-port": "\(try Ports.free().first)",
            ]
            try await Self.running(folder, ports, more) { server, _ in
                try FileManager.default.moveItem(atPath: live, toPath: live + ".old")
                _ = try await Self.certificate(in: live, "second")
                #expect(
                    await server.wait(.seconds(30)) {
                        $0.output.contains("chain.pem: its folder has been replaced since the server started")
                    }
                )
            }
            try await Self.running(folder, ports, more) { _, command in
                let told = try await Self.stund(["status"], command)
                #expect(told.contains(/certificate +second/), "\(told)")
            }
        }
    }

    @Test("what it may write that is not its own is told at the start, by status and by doctor")
    func shared() async throws {
        try await Self.withFolders { folder, _ in
            let log = folder + ".log"
            defer { try? FileManager.default.removeItem(atPath: log) }
            let sentence =
                "the sandbox leaves all of \((log as NSString).deletingLastPathComponent) to the server, as log-file"
            try await Self.running(folder, try Ports.free(), ["log-file": log]) { server, command in
                #expect(server.state.output.contains("warning:  " + sentence), "\(server.state.output)")
                #expect(try await Self.stund(["status"], command).contains(sentence))
                #expect(try await Self.stund(["log"], command).contains("; " + sentence))
                let found = try await Self.stund(["doctor"], command)
                #expect(found.contains("warning  sandbox: T" + sentence.dropFirst()), "\(found)")
            }
        }
    }

    @Test("a change that needs files outside is refused, and taken over at the next start; off there is no wall")
    func outside() async throws {
        try await Self.withFolders { folder, elsewhere in
            let ports = try Ports.free()
            let log = elsewhere + "/stund.log"
            try await Self.running(folder, ports, ["sandbox": "auto"]) { server, command in
                #expect(server.state.output.contains("Sandbox: files by Landlock"))
                let refusal = try await Self.change(["log-file": log], ports.second)
                #expect(refusal.contains("the server may no longer write in the folder of \(log)"), "\(refusal)")
                #expect(refusal.contains("start the server again"))
                #expect(!FileManager.default.fileExists(atPath: log))
                let text = try String(contentsOfFile: command.settingsFile, encoding: .utf8)
                #expect(!text.contains("log-file"))
            }
            try await Self.running(folder, ports, ["log-file": log]) { _, _ in
                #expect(FileManager.default.fileExists(atPath: log))
            }
            try await Self.running(folder, ports, ["sandbox": "off"]) { _, command in
                #expect(try await Self.stund(["status"], command).contains("sandbox        off"))
                let answer = try await Self.change(["log-file": log + ".2"], ports.second)
                #expect(!answer.contains("no longer"), "\(answer)")
                #expect(FileManager.default.fileExists(atPath: log + ".2"))
            }
        }
    }

    @Test("without Landlock auto starts and tells what is missing; on does not start, and doctor says why")
    func missing() async throws {
        let prefix = ["python3", "-B", Partners.helpers + "/without_system_call.py", "444"]
        try await Self.withFolders { folder, _ in
            let ports = try Ports.free()
            try await Self.running(folder, ports, ["sandbox": "auto"], by: prefix) { server, _ in
                #expect(
                    server.state.output.contains(
                        "Sandbox: system calls by seccomp; this kernel has no Landlock, or keeps it from this process"
                    )
                )
                try expectAnswer(ports)
            }
            let command = try StundCommand(folder: folder, settings: loopback(ports).merging(["sandbox": "on"]) { $1 })
            let end = try await Program.run(prefix + command.arguments, limit: .seconds(60))
            #expect(end.exitCode == 78 && end.output.contains("set sandbox to auto or off"), "\(end.output)")
            let doctor = prefix + [Partners.stund, "doctor", "--config", command.settingsFile]
            let found = try await Program.run(doctor)
            #expect(found.exitCode == 71, "\(found.output)")
            #expect(found.output.contains("bad      sandbox: The kernel has no Landlock"), "\(found.output)")
        }
    }

    // MARK: Helpers

    private nonisolated(nonsending) static func withFolders(_ body: (String, String) async throws -> Void) async throws
    {
        try await withTemporaryFolder { folder in
            try await withTemporaryFolder { elsewhere in
                try FileManager.default.createDirectory(atPath: folder + "/log", withIntermediateDirectories: true)
                try await body(folder, elsewhere)
            }
        }
    }

    private nonisolated(nonsending) static func running(
        _ folder: String,
        _ ports: Ports,
        _ settings: [String: String],
        by prefix: [String] = [],
        _ body: (Program, StundCommand) async throws -> Void
    ) async throws {
        let command = try StundCommand(folder: folder, settings: loopback(ports).merging(settings) { $1 })
        try await Program.running(prefix + command.arguments, lifetime: nil) { server in
            let isReady = await server.wait(.seconds(60)) { $0.output.contains("try:") || $0.exitCode != nil }
            try #require(isReady && server.state.exitCode == nil, "\(server.state.output)")
            try await body(server, command)
            server.signal(SIGTERM)
            #expect(try await server.exitCode(within: .seconds(60)) == 0)
        }
    }

    private static func stund(_ words: [String], _ command: StundCommand) async throws -> String {
        let end = try await Program.run([Partners.stund] + words + ["--config", command.settingsFile])
        #expect(end.exitCode == 0, "\(end.output)")
        return end.output
    }

    /// Changes settings as the console does; what the server answers.
    static func change(_ values: [String: String], _ port: UInt16) async throws -> String {
        let body = String(decoding: try JSONSerialization.data(withJSONObject: ["values": values]), as: UTF8.self)
        let type = ["-H", "Content-Type: application/json", "-X", "PATCH", "-d", body]
        return try await Program.run(["curl", "-s"] + type + ["http://127.0.0.1:\(port)/api/v1/settings"]).output
    }

    /// A certificate and its key in a file that a link names, as certbot leaves it; the link's path.
    private static func certificate(in folder: String, _ name: String) async throws -> String {
        let (file, link) = (folder + "/archive/\(name).pem", folder + "/chain.pem")
        try FileManager.default.createDirectory(atPath: folder + "/archive", withIntermediateDirectories: true)
        let words = [
            "openssl", "req", "-x509", "-nodes", "-newkey", "ed25519", "-days", "90", "-subj", "/CN=\(name)", "-addext",
            "subjectAltName=DNS:\(name)",
        ]
        let made = try await Program.run(words + ["-keyout", file, "-out", file + ".crt"])
        try #require(made.exitCode == 0, "\(made.output)")
        let parts = try [file + ".crt", file].map { try String(contentsOfFile: $0, encoding: .utf8) }
        try parts.joined().write(toFile: file, atomically: true, encoding: .utf8)
        let linked = try await Program.run(["ln", "-sfn", "archive/\(name).pem", link])
        try #require(linked.exitCode == 0)
        return link
    }
}

/// landlock_create_ruleset(2) tells its version.
private func hasLandlock() async throws -> Bool {
    let ask = "import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)"
    return try await Program.run(["python3", "-c", ask]).exitCode == 0
}
