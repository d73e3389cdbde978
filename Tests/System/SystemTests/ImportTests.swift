import Foundation
import Testing

@Suite(
    "stund import, and the same clients at coturn and here",
    .enabled(if: Partners.has("turnserver", "turnutils_uclient"))
)
struct ImportTests {
    /// How clients log in: a line of turnserver.conf, and what turnutils_uclient is told.
    struct Login: Sendable, CustomStringConvertible {
        let description: String
        let lines: [String]
        let flags: [String]
    }

    /// The key is that of Relay.user with Relay.password in the realm of the test, as turnadmin -k makes it.
    static let logins = [
        Login(description: "a password", lines: ["lt-cred-mech", "user=\(Relay.user):\(Relay.password)"], flags: []),
        Login(description: "a key", lines: ["lt-cred-mech", "user=\(Relay.user):KEY"], flags: []),
        Login(
            description: "a secret",
            lines: ["use-auth-secret", "static-auth-secret=\(Relay.secret)"],
            flags: ["-W", Relay.secret]
        ),
    ]

    @Test(
        "One turnserver.conf, started by coturn and imported: the same credentials work",
        .timeLimit(.minutes(2)),
        arguments: logins
    )
    func bothServers(login: Login) async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free(areAdjacent: true)
            let configuration = folder + "/turnserver.conf"
            try await Self.lines(login, ports).joined(separator: "\n").write(
                toFile: configuration,
                atomically: true,
                encoding: .utf8
            )
            let coturn = [
                "turnserver", "-c", configuration, "--userdb", folder + "/turndb", "--pidfile", folder + "/pid",
            ]
            try await Program.running(coturn) { program in
                try await waitUntilBound(program, Ports(first: ports.first, second: ports.first))
                try await expectRelaying(login, ports, program)
            }
            let settings = folder + "/stund.yaml"
            let imported = try await Program.run([Partners.stund, "import", configuration, "--config", settings])
            #expect(imported.exitCode == 0, "\(imported.output)")
            let stund = [Partners.stund, "--no-daemon", "--config", settings, "--html-port", "\(ports.second)"]
            try await Program.running(stund + ["--set", "drain-time=0"]) { program in
                try await waitUntilBound(program, ports)
                try await expectRelaying(login, ports, program)
            }
        }
    }

    private func expectRelaying(_ login: Login, _ ports: Ports, _ program: Program) async throws {
        let mode = RelayClientTests.Mode(name: "", flags: ["-y"] + login.flags, messages: 20, peer: nil)
        let end = try await RelayClientTests.run(mode, ports)
        #expect(end.output.contains("Total lost packets 0 (0.000000%)"), "\(end.output)\n\(program.state.output)")
        let strangers = RelayClientTests.Mode(name: "", flags: ["-y", "-w", "wrong"], peer: nil)
        #expect(try await RelayClientTests.run(strangers, ports).exitCode != 0)
    }

    private static func lines(_ login: Login, _ ports: Ports) async throws -> [String] {
        let key = try await Program.run([
            "turnadmin", "-k", "-u", Relay.user, "-r", "import.test", "-p", Relay.password,
        ])
        let text = try #require(key.lines.last { $0.hasPrefix("0x") })
        return [
            "# as an administrator has it", "listening-port=\(ports.first)", "listening-ip=127.0.0.1",
            "relay-ip=127.0.0.1",
            "realm=import.test", "min-port=50000", "max-port=50999", "no-tls", "no-dtls", "no-cli",
            "allow-loopback-peers",
            "simple-log", "",
        ] + login.lines.map { $0.replacing("KEY", with: text) }
    }

    @Test("A settings file that is there stays unless --replace is given, and a bad source writes nothing")
    func existing() async throws {
        try await withTemporaryFolder { folder in
            let (source, settings) = (folder + "/turnserver.conf", folder + "/stund.yaml")
            try "realm=one\n".write(toFile: source, atomically: true, encoding: .utf8)
            try "# mine\n".write(toFile: settings, atomically: true, encoding: .utf8)
            func run(_ words: String...) async throws -> Program.State {
                try await Program.run([Partners.stund, "import", source, "--config", settings] + words)
            }
            func text() throws -> String { try String(contentsOfFile: settings, encoding: .utf8) }
            #expect(try await run().exitCode == 73)
            #expect(try text() == "# mine\n")
            let shown = try await run("--dry-run", "--replace")
            #expect(shown.exitCode == 0 && shown.output.contains("realm: one"), "\(shown.output)")
            #expect(try text() == "# mine\n")
            try "realm=one\nmin-port=x\n".write(toFile: source, atomically: true, encoding: .utf8)
            #expect(try await run("--replace").exitCode == 65)
            // Lines that contradict each other here, though each is right.
            try "realm=office@192.0.2.9\nlistening-ip=127.0.0.1\n".write(
                toFile: source,
                atomically: true,
                encoding: .utf8
            )
            let contradicting = try await run("--replace")
            #expect(
                contradicting.exitCode == 65 && contradicting.output.contains("do not go together"),
                "\(contradicting.output)"
            )
            #expect(try text() == "# mine\n")
            try "web-admin-port=5\nrealm=two\nno-auth\n".write(toFile: source, atomically: true, encoding: .utf8)
            let replaced = try await run("--replace")
            #expect(replaced.exitCode == 1 && replaced.output.contains("Not here (1)"), "\(replaced.output)")
            #expect(try text().contains("realm: two"))
            let missing = try await Program.run([
                Partners.stund, "import", folder + "/none", "--config", folder + "/x.yaml",
            ])
            #expect(missing.exitCode == 66, "\(missing.output)")
            let device = try await Program.run([Partners.stund, "import", "/dev/zero", "--config", folder + "/x.yaml"])
            #expect(device.exitCode == 66, "\(device.output)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/x.yaml"))
        }
    }

    @Test("Users whom the settings cannot write are in the account store, and stund.txt sets the console's password")
    func storeAndPassword() async throws {
        try await withTemporaryFolder { folder in
            let source = folder + "/turnserver.conf"
            try "realm=r\nuser=alice:two words\n".write(toFile: source, atomically: true, encoding: .utf8)
            let imported = try await Program.run([Partners.stund, "import", source, "--config", folder + "/a.yaml"])
            #expect(imported.exitCode == 0 && imported.output.contains("1 of the users"), "\(imported.output)")
            let list = try await Program.run([Partners.stund, "user", "list", "--config", folder + "/a.yaml"])
            #expect(list.output.contains("alice") && list.output.contains("store"), "\(list.output)")
            let manual = folder + "/stund.txt"
            let text =
                "STUN port 1 = 5062\nHTTP user = admin\nHTTP password = of 2002\nHTTP password (confirm) = of 2002\n"
            try text.write(toFile: manual, atomically: true, encoding: .utf8)
            let second = try await Program.run([Partners.stund, "import", manual, "--config", folder + "/b.yaml"])
            #expect(second.exitCode == 0 && !second.output.contains("of 2002"), "\(second.output)")
            let settings = try String(contentsOfFile: folder + "/b.yaml", encoding: .utf8)
            #expect(
                settings.contains("$scrypt$") && settings.contains("stun-port-1: 5062") && !settings.contains("of 2002")
            )
            #expect(
                try await Program.run([Partners.stund, "check", "--config", folder + "/b.yaml"]).output.contains("5062")
            )
        }
    }
}
