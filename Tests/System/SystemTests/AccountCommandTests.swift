import Foundation
import Testing

@Suite("stund user, secret and credentials, with and without a running server")
struct AccountCommandTests {
    private struct ListedUser: Decodable {
        let name: String
    }

    private func stund(_ words: String..., file: String) async throws -> Program.State {
        try await Program.run([Partners.stund] + words + ["--config", file])
    }

    private func users(_ file: String) async throws -> [String] {
        let list = try await stund("user", "list", "--json", file: file)
        #expect(list.exitCode == 0, "\(list.output)")
        return try JSONDecoder().decode([ListedUser].self, from: Data(list.output.utf8)).map(\.name)
    }

    @Test("Without a server: a user is stored, shown, refused a second time, and removed")
    func stopped() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let added = try await stund("user", "add", "alice", file: file)
            #expect(added.exitCode == 0 && added.output.contains("No server runs with this file now"))
            #expect(added.output.contains("\(file).d/stund.sqlite"), "\(added.output)")
            let password = try #require(added.output.firstMatch(of: /password: ([A-Za-z0-9_-]{22})/)?.output.1)
            let state = file + ".d/stund.sqlite"
            #expect(try Data(contentsOf: URL(fileURLWithPath: state)).range(of: Data(password.utf8)) == nil)
            #expect(try await stund("user", "add", "alice", file: file).exitCode == 65)
            #expect(try await stund("user", "add", "alice", "--replace", file: file).exitCode == 0)
            #expect(try await users(file) == ["alice"])
            #expect(try await stund("user", "remove", "alice", file: file).exitCode == 0)
            #expect(try await stund("user", "remove", "alice", file: file).exitCode == 65)
            #expect(try await users(file).isEmpty)
        }
    }

    @Test("A running server is told at once, and uses the same store")
    func running() async throws {
        try await withServer { server, command, _ in
            for words in [["user", "add", "alice"], ["secret", "add", "web"], ["user", "remove", "alice"]] {
                let end = try await Program.run([Partners.stund] + words + ["--config", command.settingsFile])
                #expect(end.exitCode == 0 && end.output.contains("The running server uses it from now on."))
            }
            let person = "by \"\(NSUserName())\" (command)"
            for change in ["User \"alice\" of the realm \"stund\" added", "Secret \"web\" added", "removed"] {
                #expect(await server.wait { $0.output.contains("\(change) \(person)") }, "\(server.state.output)")
            }
            #expect(await server.wait { $0.lines.count { $0.contains("Settings reloaded") } == 3 })
        }
    }

    @Test("The store of a running server is found in its own state folder, wherever the settings file is")
    func stateFolder() async throws {
        try await withTemporaryFolder { folder in
            let runtime = ["RUNTIME_DIRECTORY": folder + "/run"]
            let environment = runtime.merging(["STATE_DIRECTORY": folder + "/state"]) { $1 }
            try await withServer(environment: environment) { _, command, _ in
                let words = ["user", "add", "alice", "--config", command.settingsFile]
                let end = try await Program.run([Partners.stund] + words, environment: runtime)
                #expect(end.output.contains("\(folder)/state/stund.sqlite"), "\(end.output)")
                #expect(end.output.contains("The running server uses it from now on."), "\(end.output)")
            }
        }
    }

    @Test("Lists leave nothing behind where there is no store, and say where they looked")
    func listsMakeNothing() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            for kind in ["user", "secret"] {
                let list = try await stund(kind, "list", file: file)
                #expect(list.exitCode == 0, "\(list.output)")
                let text = "No \(kind)s in the settings or in \(file).d/stund.sqlite (not there yet)"
                #expect(list.output.contains(text), "\(list.output)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("Where no settings file was named and none lies here, the store and the settings are the running service's")
    func service() async throws {
        try await withTemporaryFolder { folder in
            let runtime = ["RUNTIME_DIRECTORY": folder + "/run"]
            let environment = runtime.merging(["STATE_DIRECTORY": folder + "/state"]) { $1 }
            let here = folder + "/here"
            try FileManager.default.createDirectory(atPath: here, withIntermediateDirectories: true)
            try await withServer(["realm": "example.org"], environment: environment) { _, command, _ in
                for (words, text) in [
                    ("user add alice", "of the realm \"example.org\" is in \(folder)/state/stund.sqlite"),
                    ("secret add web", "in \(folder)/state/stund.sqlite now"), ("user list", "example.org"),
                    ("secret list", "web"), ("credentials", "made of the secret \"web\""),
                ] {
                    let line = "cd '\(here)' && '\(Partners.stund)' \(words)"
                    let end = try await Program.run(["sh", "-c", line], environment: runtime)
                    #expect(end.exitCode == 0 && end.output.contains(text), "\(end.output)")
                    if words.contains("add") {
                        #expect(end.output.contains("The running server uses it from now on."), "\(end.output)")
                    }
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: here).isEmpty)
                // A file that lies here is meant, though the service runs.
                try Data().write(to: URL(fileURLWithPath: here + "/stund.yaml"))
                let line = "cd '\(here)' && '\(Partners.stund)' user list"
                let end = try await Program.run(["sh", "-c", line])
                #expect(end.output.contains("No users in the settings or in \(here)/stund.yaml.d"), "\(end.output)")
            }
        }
    }

    @Test("A store that others may read and that is not ours to change is told", .enabled(if: Partners.isRoot))
    func wideMode() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            #expect(try await stund("user", "add", "alice", file: file).exitCode == 0)
            let state = file + ".d"
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: state)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: state + "/stund.sqlite")
            let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Partners.stund]
            let end = try await Program.run(nobody + ["user", "add", "bob", "--config", file])
            #expect(end.exitCode == 0, "\(end.output)")
            #expect(end.output.contains("others may read it (mode 0666): `chmod 600` it as its owner"), "\(end.output)")
        }
    }

    @Test("A change that a running server cannot take over is stored, and that is told")
    func refusedReload() async throws {
        try await withServer { _, command, ports in
            // The file contradicts itself for the server, but not for a command with another second address.
            let more = ["second-address": "127.0.0.1"]
            let environment = ["STUND_SECOND_ADDRESS": "127.0.0.2"]
            try StundCommand.write(loopback(ports).merging(more) { $1 }, to: command.settingsFile)
            let end = try await Program.run(
                [Partners.stund, "user", "add", "alice", "--config", command.settingsFile],
                environment: environment
            )
            #expect(end.exitCode == 78, "\(end.output)")
            #expect(end.output.contains("the change is stored, but the running server did not take it over"))
            try StundCommand.write(loopback(ports), to: command.settingsFile)
            #expect(try await users(command.settingsFile) == ["alice"])
        }
    }

    @Test("Strange names are stored and shown as they are, or refused with a sentence (row 26)")
    func names() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let literal = ["' ; -- ", "%s%n%x", "<script>alert(1)</script>", "../../x", "\\0"]
            for name in literal {
                let end = try await stund("user", "add", name, file: file)
                #expect(end.exitCode == 0 && end.output.contains("The user \"\(name)\""), "\(end.output)")
            }
            #expect(Set(try await users(file)) == Set(literal))
            let list = try await stund("user", "list", file: file)
            for name in literal { #expect(list.output.contains(name)) }
            for name in ["\u{1B}[2J", "a\r\nb", "", "a:b", String(repeating: "x", count: 509)] {
                for command in ["add", "remove"] {
                    let end = try await stund("user", command, name, file: file)
                    #expect(end.exitCode == 65 && end.output.hasPrefix("stund: "), "\(end.output)")
                    #expect(!end.output.contains("\u{1B}") && end.lines.count == 1)
                }
            }
        }
    }

    @Test("A credential that no server would know is not made, nor a state folder; a secret in the settings is enough")
    func noServerYet() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let missing = try await stund("credentials", file: file)
            #expect(missing.exitCode == 66 && missing.output.contains("stund.yaml is not there"), "\(missing.output)")
            try "realm: example.org\n".write(toFile: file, atomically: true, encoding: .utf8)
            let refused = try await stund("credentials", file: file)
            #expect(refused.exitCode == 69 && refused.output.contains("start the server first"), "\(refused.output)")
            let here = try await Program.run(["sh", "-c", "cd '\(folder)' && '\(Partners.stund)' credentials"])
            #expect(here.exitCode == 69, "\(here.output)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["stund.yaml"])
            try "turn-secrets: north-of-the-tests\n".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await stund("credentials", file: file).exitCode == 0)
        }
    }

    @Test("Commands that only look refuse a settings file that is not there; a start with it has a warning")
    func mistypedFile() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/typo.yaml"
            for words in [["check"], ["doctor"], ["setting", "list"], ["setting", "get", "realm"]] {
                let end = try await Program.run([Partners.stund] + words + ["--config", file])
                #expect(end.exitCode == 66 && end.output.contains("typo.yaml is not there"), "\(words): \(end.output)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("Somebody who may not read the store is told so, exit code 77", .enabled(if: Partners.isRoot))
    func permission() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            #expect(try await stund("user", "add", "alice", file: file).exitCode == 0)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file + ".d")
            for words in [["user", "list"], ["user", "add", "bob"], ["secret", "list"], ["credentials"]] {
                let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Partners.stund]
                let end = try await Program.run(nobody + words + ["--config", file])
                #expect(end.exitCode == 77, "\(end.output)")
                #expect(end.output.contains("ask as root or as the user that the server runs as"), "\(end.output)")
            }
        }
    }

    @Test("Commands that run at once all have their change stored, in a file that is new")
    func together() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let end = try await stund("user", "add", "user-\(number)", file: file)
                        #expect(end.exitCode == 0, "\(end.output)")
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await users(file) == (0..<6).map { "user-\($0)" })
        }
    }

    @Test("A command that is killed leaves the old state or the new one")
    func killed() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed)
        print("seed \(seed)")
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            var expected: Set<String> = []
            for number in 0..<25 {
                let name = "user-\(number)"
                let words = [Partners.stund, "user", "add", name, "--config", file]
                let code = try await Program.running(words, lifetime: nil) { program in
                    let pause = Duration.milliseconds(Int.random(in: 0...60, using: &generator))
                    _ = await program.wait(pause) { $0.isFinished }
                    program.signal(SIGKILL)
                    return try await program.exitCode()
                }
                let found = Set(try await users(file))
                #expect(code == 0 ? found.contains(name) : code == -SIGKILL)
                #expect(found == expected || found == expected.union([name]), "seed \(seed), \(found)")
                expected = found
            }
        }
    }

    @Test("Credentials are iceServers whose password is made of the secret that is listed")
    func credentials() async throws {
        struct Answer: Decodable {
            struct Server: Decodable {
                let urls: [String]
                let username: String?
                let credential: String?
            }

            let iceServers: [Server]
        }
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            let before = Int(Date().timeIntervalSince1970)
            let mistyped = try await stund("credentials", file: file)
            #expect(mistyped.exitCode == 66 && mistyped.output.contains("is not there, and no server has run with it"))
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            let early = try await stund("credentials", file: file)
            #expect(early.exitCode == 69 && early.output.contains("start the server first"), "\(early.output)")
            #expect(try await stund("secret", "add", "first", file: file).exitCode == 0)
            let shown = try await stund("credentials", "--host", "turn.example.org", "--ttl", "60", file: file)
            #expect(shown.exitCode == 0 && shown.output.contains("made of the secret \"first\""), "\(shown.output)")
            let end = try await stund("credentials", "--json", "--ttl", "60", "--user", "bob", file: file)
            let servers = try JSONDecoder().decode(Answer.self, from: Data(end.output.utf8)).iceServers
            let relayed = ["udp", "tcp"].map { "turn:127.0.0.1:3478?transport=\($0)" }
            #expect(servers.map(\.urls) == [["stun:127.0.0.1:3478"], relayed])
            let username = try #require(servers[1].username)
            let parts = username.split(separator: ":").map(String.init)
            let expiry = try #require(Int(parts[0]))
            #expect(parts.count == 2 && parts[1] == "bob" && (before + 60...before + 120).contains(expiry))
            let list = try await stund("secret", "list", "--show", file: file)
            let secret = try #require(list.output.firstMatch(of: /first .* ([A-Za-z0-9_-]{43})/)?.output.1)
            let line = "printf %s '\(username)' | openssl dgst -sha1 -hmac '\(secret)' -binary | base64"
            let made = try await Program.run(["sh", "-c", line])
            #expect(made.lines == [Substring(servers[1].credential ?? "")], "\(made.output)")
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
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
