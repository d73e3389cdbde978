import Foundation
import Testing

@Suite("What the documents tell people to type", .serialized)
struct DocumentationTests {
    /// All of them; those of docs/decisions are for who changes the program.
    static let documents = ["README.md"] + names(in: "docs").filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
    /// Blocks of commands, in which lines of other programs (systemctl, curl) are passed over: their servers are not here.
    static let blocks = documents.flatMap { Self.blocks("sh", in: $0) }.map(stundCommands)
    static let commands = Set(blocks.flatMap(\.self).filter { !isForRedis($0) }).sorted()
    /// What is done in Redis belongs together: a secret is added, then retired.
    static let redisBlocks = blocks.map { $0.filter(isForRedis) }.filter { !$0.isEmpty }
    static let settings = documents.flatMap { Self.blocks("yaml", in: $0) }

    @Test("every stund command works as written", arguments: commands)
    func command(text: String) async throws {
        try await withTemporaryFolder { folder in
            let words = text.split(separator: " ").map(String.init)
            let environment = try environment(folder)
            // What `stund import` reads.
            try "realm=example.org\nuser=alice:wonderland\n".write(
                toFile: folder + "/turnserver.conf",
                atomically: true,
                encoding: .utf8
            )
            try "STUN port 1 = 5062\n".write(toFile: folder + "/stund.txt", atomically: true, encoding: .utf8)
            if words.contains("--no-daemon") {
                try await running(text, folder, environment) { _ in }
            } else if words.count == 1 || words[1].hasPrefix("-") {
                let result = try await Program.run(shell(text, in: folder), environment: environment)
                let file = words.last == text || words.count < 3 ? "stund.yaml" : words[2]
                let pid = try String(contentsOfFile: "\(folder)/\(file).d/stund.pid", encoding: .utf8)
                try await end(try #require(Int32(pid.trimmingCharacters(in: .whitespacesAndNewlines))))
                #expect(result.exitCode == 0, "\(result.output)")
            } else {
                // The commands that ask a server find one in the same folder.
                try await running("stund --no-daemon", folder, environment) { _ in
                    let result = try await Program.run(shell(text, in: folder), environment: environment)
                    #expect(result.exitCode == 0, "\(result.output)")
                }
            }
        }
    }

    @Test(
        "every stund command for all servers works as written, with a Redis",
        .enabled(if: Partners.has("redis-server"), "needs redis-server (`Scripts/install-packages test`)"),
        arguments: redisBlocks
    )
    func redis(block: [String]) async throws {
        try await withTemporaryFolder { folder in
            let redis = [
                "redis-server", "--port", "0", "--unixsocket", folder + "/redis", "--dir", folder, "--save", "",
            ]
            try await Program.running(redis) { redis in
                #expect(await redis.wait { $0.output.lowercased().contains("ready to accept connections") })
                let environment = try environment(folder).merging(["STUND_REDIS": "unix:\(folder)/redis"]) { $1 }
                for text in block {
                    let result = try await Program.run(shell(text, in: folder), environment: environment)
                    #expect(result.exitCode == 0, "\(text): \(result.output)")
                }
            }
        }
    }

    @Test("every example of settings is accepted by stund check", arguments: settings)
    func example(yaml: String) async throws {
        try await withTemporaryFolder { folder in
            // No document shows a whole key, since somebody would use it.
            let yaml = yaml.replacing(/[0-9a-f]+\.\.\./, with: String(repeating: "5f0c", count: 16))
            try yaml.write(toFile: folder + "/stund.yaml", atomically: true, encoding: .utf8)
            // A second address alone needs a host with two, which the machine of the test may not be.
            let isSecondAlone = yaml.contains("second-address:") && !yaml.contains("\naddress:")
            let command = "stund check" + (isSecondAlone ? " --set address=192.0.2.1" : "")
            let result = try await Program.run(shell(command, in: folder), environment: ["PATH": path])
            // The examples' addresses are nobody's (RFC 5737), so their host is not ready for them; 71 says just that.
            let isOnlyMissingAddress = result.exitCode == 71 && result.output.contains("The settings are right, but")
            #expect(result.exitCode == 0 || isOnlyMissingAddress, "\(yaml)\n\(result.output)")
        }
    }

    @Test("there is something to try in the documents")
    func isNotEmpty() {
        #expect(Self.documents.count >= 12)
        #expect(Self.commands.count >= 26)
        #expect(!Self.redisBlocks.isEmpty)
        #expect(Self.settings.count >= 31)
    }

    /// Runs a server in the foreground beside `body`, and sees it end at SIGTERM.
    private nonisolated(nonsending) func running(
        _ text: String,
        _ folder: String,
        _ environment: [String: String?],
        _ body: (Program) async throws -> Void
    ) async throws {
        try await Program.running(shell(text, in: folder), environment: environment) { program in
            #expect(await program.wait { $0.output.contains("answers STUN at") }, "\(program.state.output)")
            try await body(program)
            program.signal(SIGTERM)
            #expect(try await program.exitCode() == 0, "\(program.state.output)")
        }
    }

    /// Ends a server in the background, and sees it end.
    private func end(_ server: Int32) async throws {
        kill(server, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(10)
        // It is nobody's child here, so nothing tells its end. Where nobody takes note of that, it stays as a zombie.
        while isRunning(server), .now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        guard isRunning(server) else { return }
        Issue.record("the server \(server) did not end at SIGTERM")
        kill(server, SIGKILL)
    }

    private func isRunning(_ process: Int32) -> Bool {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ") X"
        guard let end = text.lastIndex(of: ")") else { return false }
        return !["X", "Z"].contains(text[text.index(after: end)...].split(separator: " ").first ?? "X")
    }

    private func shell(_ command: String, in folder: String) -> [String] {
        ["sh", "-c", "cd '\(folder)' && exec \(command)"]
    }

    /// The program of the build in front of any other one.
    private var path: String {
        let folder = (Partners.stund as NSString).deletingLastPathComponent
        return folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    }

    /// Ports of their own for the test, so that commands can stay as the documents have them.
    private func environment(_ folder: String) throws -> [String: String?] {
        let ports = try Ports.free()
        return [
            "PATH": path, "STUND_STUN_PORT_1": "\(ports.first)", "STUND_STUN_PORT_2": "\(ports.second)",
            "STUND_HTTP_PORT": "\(ports.second)", "STUND_LOG_FILE": folder + "/log",
            "STUND_HTTP_PASSWORD": "a password of the test",
        ]
    }

    // MARK: What the documents have

    private static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: Partners.root + "/" + folder)) ?? []).sorted()
    }

    /// The fenced blocks of a language in a document.
    private static func blocks(_ language: String, in document: String) -> [String] {
        let text = (try? String(contentsOfFile: Partners.root + "/" + document, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "```\(language)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    private static func stundCommands(_ block: String) -> [String] {
        block.split(separator: "\n").filter { $0.hasPrefix("stund") }.map { line in
            line.components(separatedBy: "#")[0].trimmingCharacters(in: .whitespaces)
        }
        // A server of the document's, which is in no Redis here; FleetDrainTests has such commands.
        .filter { !$0.contains(" --server ") }
    }

    private static func isForRedis(_ command: String) -> Bool {
        command.contains(" --fleet") || command.contains(" --all-servers")
    }
}
