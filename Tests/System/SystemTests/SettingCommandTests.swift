import Foundation
import Testing

@Suite("stund setting, operator and token, with and without a running server")
struct SettingCommandTests {
    private struct Change: Decodable {
        struct Row: Decodable {
            let key: String
            let before: String?
            let after: String?
        }

        struct Person: Decodable {
            let name: String
            let way: String
        }

        let id: Int
        let by: Person?
        let rows: [Row]
    }

    private func stund(_ words: String..., file: String) async throws -> Program.State {
        try await Program.run([Partners.stund] + words + ["--config", file])
    }

    private func history(_ file: String) async throws -> [Change] {
        let end = try await stund("setting", "history", "--json", file: file)
        #expect(end.exitCode == 0, "\(end.output)")
        return try JSONDecoder().decode([Change].self, from: Data(end.output.utf8))
    }

    @Test("Without a server: settings are changed in one step, shown, undone, and refused as a whole")
    func stopped() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            try "# mine\nlog-level: 5 # quiet\n".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await stund("setting", "history", file: file).output == "No changes yet.\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["stund.yaml"])
            let set = try await stund("setting", "set", "log-level=8", "http-user=o p=s", file: file)
            #expect(set.exitCode == 0 && set.lines.contains("-log-level: 5 # quiet"), "\(set.output)")
            #expect(set.lines.contains("+log-level: 8 # quiet") && set.lines.contains("+http-user: 'o p=s'"))
            #expect(set.output.contains("No server runs with this file now"))
            #expect(try await stund("setting", "get", "http-user", file: file).output == "o p=s\n")
            let list = try await stund("setting", "list", file: file)
            #expect(list.output.contains("log-level") && list.output.contains("\(file):2"), "\(list.output)")
            for (words, code, text) in [
                (["set", "log-level=9", "log-rows=0"], 78, "log-rows: \"0\" is too low"),
                (["set", "log-level"], 64, "key and a value"),
                (["get", "log-levle"], 65, "no setting"), (["undo", "77"], 65, "no change with the number 77"),
                (["unset", "nonsense"], 78, "unknown setting"), (["set", "stun-port-1=3479"], 78, "must differ"),
            ] as [([String], Int32, String)] {
                let end = try await Program.run([Partners.stund, "setting"] + words + ["--config", file])
                #expect(end.exitCode == code && end.output.contains(text), "\(end.output)")
            }
            let changes = try await history(file)
            #expect(changes.count == 1 && changes[0].by?.way == "command" && changes[0].rows.count == 2)
            let undo = try await stund("setting", "undo", "\(changes.first?.id ?? 0)", file: file)
            #expect(undo.exitCode == 0, "\(undo.output)")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "# mine\nlog-level: 5 # quiet\n")
            let fixed = try await Program.run(
                [Partners.stund, "setting", "set", "log-level=9", "--config", file],
                environment: ["STUND_LOG_LEVEL": "3"]
            )
            #expect(fixed.exitCode == 78 && fixed.output.contains("fixed by the environment variable STUND_LOG_LEVEL"))
        }
    }

    @Test("A running server uses a changed setting at once; what it refuses is taken back")
    func running() async throws {
        try await withServer { server, command, _ in
            let file = command.settingsFile
            let end = try await stund("setting", "set", "log-level=8", file: file)
            #expect(
                end.exitCode == 0 && end.output.contains("The running server uses it from now on."),
                "\(end.output)"
            )
            #expect(await server.wait { $0.output.contains("Settings reloaded") })
            #expect(
                await server.wait {
                    $0.output.contains(
                        "Setting log-level changed from default to \"8\" by \"\(NSUserName())\" (command)"
                    )
                }
            )
            let restart = try await stund("setting", "set", "workers=1", "log-rows=77", file: file)
            #expect(
                restart.output.contains("uses log-rows from now on.\nworkers takes effect when the server starts anew;")
            )
            #expect(try await stund("setting", "undo", "2", file: file).exitCode == 0)
            let before = try String(contentsOfFile: file, encoding: .utf8)
            // The server knows its second port by the file, the command by its environment.
            let port = before.firstMatch(of: /stun-port-2: (\d+)/)?.output.1 ?? "0"
            let refused = try await Program.run(
                [Partners.stund, "setting", "set", "stun-port-1=\(port)", "--config", file],
                environment: ["STUND_STUN_PORT_2": "9"]
            )
            #expect(refused.exitCode == 78 && refused.output.contains("nothing is changed"), "\(refused.output)")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
            #expect(try await history(file).count == 3)
        }
    }

    @Test("Operators and tokens are added, listed and removed; a token is shown once")
    func operators() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let words = "'\(Partners.stund)' operator add eve --role admin --config '\(file)'"
            let add = try await Program.run(["sh", "-c", "echo long-enough | \(words)"])
            #expect(add.exitCode == 0 && add.output.contains("The operator \"eve\" (admin)"), "\(add.output)")
            let short = try await Program.run(["sh", "-c", "echo short | \(words)"])
            #expect(short.exitCode == 65 && short.output.contains("at least 8 characters"), "\(short.output)")
            #expect(try await stund("operator", "list", file: file).output.contains("eve   admin  store"))
            #expect(try await stund("operator", "remove", "eve", file: file).exitCode == 0)
            #expect(try await stund("operator", "remove", "eve", file: file).exitCode == 65)
            let token = try await stund("token", "add", "grafana", "--days", "9", file: file)
            let text = try #require(token.output.firstMatch(of: /token: (stund_[A-Za-z0-9_-]{43})/)?.output.1)
            let list = try await stund("token", "list", file: file)
            #expect(list.output.contains("grafana  viewer") && !list.output.contains(text), "\(list.output)")
            #expect(try await stund("token", "add", "grafana", file: file).exitCode == 65)
            #expect(try await stund("token", "remove", "grafana", file: file).exitCode == 0)
        }
    }

    /// 100 kills, or as many as STUND_KILLS says.
    static let kills = ProcessInfo.processInfo.environment["STUND_KILLS"].flatMap { Int($0) } ?? 100

    @Test("A change that is killed at any time leaves the old file or the new one, and a history without a gap")
    func killed() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed)
        print("seed \(seed)")
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let rest = "# " + String(repeating: "a comment ", count: 3000) + "\n"
            func content(_ rows: Int) -> String { "log-rows: \(rows) # here\n\(rest)" }
            try content(1).write(toFile: file, atomically: true, encoding: .utf8)
            // The store and what it knows of the file are there before the first kill.
            let start = ContinuousClock.now
            #expect(try await stund("setting", "set", "log-rows=2", file: file).exitCode == 0)
            var usual = ContinuousClock.now - start
            var (current, completed, killed) = (2, 0, 0)
            for number in 3..<(3 + Self.kills) {
                let words = [Partners.stund, "setting", "set", "log-rows=\(number)", "--config", file]
                let code = try await Program.running(words, lifetime: nil) { program in
                    _ = await program.wait(usual * Double.random(in: 0.5...1.2, using: &generator)) { $0.isFinished }
                    program.signal(SIGKILL)
                    return try await program.exitCode()
                }
                let text = try String(contentsOfFile: file, encoding: .utf8)
                guard text == content(current) || text == content(number) else {
                    Issue.record("seed \(seed), change \(number): the file is neither old nor new")
                    return
                }
                #expect(code != 0 || text == content(number), "seed \(seed), change \(number)")
                if text == content(number) { (current, completed) = (number, completed + 1) }
                if code != 0 { killed += 1 }
                // The kills gather around the time of the write, however fast the machine is now.
                usual = usual * (text == content(number) ? 0.95 : 1.05)
            }
            #expect(completed > 0 && completed < Self.kills && killed > 0, "no kill came near a write")
            print("\(killed) of \(Self.kills) killed, \(completed) changed the file")
            let rows = try await history(file).flatMap(\.rows)
            #expect(rows.first?.after == "\(current)" && rows.last?.before == "1", "seed \(seed)")
            for (later, earlier) in zip(rows, rows.dropFirst()) {
                #expect(later.before == earlier.after, "seed \(seed)")
            }
            // What kills left beside the file is gone a minute later, with the next change.
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasPrefix(".stund-") {
                let old = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -120)]
                try FileManager.default.setAttributes(old, ofItemAtPath: folder + "/" + name)
            }
            #expect(try await stund("setting", "set", "log-rows=99999", file: file).exitCode == 0)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(".stund-") }
            #expect(left.isEmpty)
        }
    }
}

/// The same numbers for the same seed.
private struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
