import Foundation
import Testing

@Suite("A system that refuses: files, packets, io_uring and memory; the server counts, says so, and goes on")
struct LimitTests {
    private static let credential = ["--user", Relay.user, "--password", Relay.password]

    private static func settings(_ ports: Ports, _ more: [String: String] = [:]) -> [String: String] {
        [
            "address": "127.0.0.1", "stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)",
            "rate-limit-exempt": "127.0.0.0/8", "relay-address": "127.0.0.1", "allow-peers": "127.0.0.0/8",
            "turn-users": "\(Relay.user):\(Relay.password)", "user-allocations": "unlimited", "drain-time": "0",
            "workers": "2",
        ].merging(more) { $1 }
    }

    /// A server with another program before it on its command line.
    private struct Running {
        let program: Program
        let ports: Ports
        let settingsFile: String
        let namespace: String?

        func command(_ words: String...) async throws -> String {
            let arguments = [Partners.stund] + words + ["--config", settingsFile]
            return try await Program.run(arguments, namespace: namespace).output
        }

        /// A figure of `stund status --json`.
        func counter(_ name: String) async throws -> Int {
            let text = try await command("status", "--json")
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let counters = try #require(object?["counters"] as? [[String: Any]], "\(text)")
            return counters.first { $0["name"] as? String == name }?["value"] as? Int ?? -1
        }

        func load(_ mode: String...) -> [String] {
            [Partners.stun, "load"] + mode + ["--server", "127.0.0.1:\(ports.first)", "--json"]
        }
    }

    private func run(
        _ more: [String: String] = [:],
        by prefix: [String] = [],
        namespace: String? = nil,
        environment: [String: String?] = [:],
        _ body: (Running) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            let command = try StundCommand(folder: folder, settings: Self.settings(ports, more))
            // By itself `timeout` would stand before what limits it.
            try await Program.running(
                prefix + command.arguments,
                namespace: namespace,
                environment: environment,
                lifetime: nil
            ) { program in
                try await waitUntilBound(program, ports, namespace: namespace)
                let server = Running(
                    program: program,
                    ports: ports,
                    settingsFile: command.settingsFile,
                    namespace: namespace
                )
                // Ports are bound before commands are answered.
                try await waitUntil("commands are answered") { try await server.command("status").contains("runs as") }
                try await body(server)
            }
        }
    }

    private func figures(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    @Test(
        "Out of files: 508 for those that find none left, and the rest relays; commands are still answered",
        .enabled(if: Partners.has("prlimit"), "needs prlimit"),
        .timeLimit(.minutes(2))
    )
    func files() async throws {
        try await run(by: ["prlimit", "--nofile=200:200"]) { server in
            try await waitUntil("the warning") { server.program.state.output.contains("open files is 200") }
            let allocate =
                server.load("allocate", "--sessions", "250", "--at-once", "8", "--hold", "4") + Self.credential
            try await Program.running(allocate) { load in
                try await waitUntil("all have been asked") { try await server.counter("shortages-open-files") > 60 }
                // While no file is left for relay sockets there are some for others.
                let status = try await server.command("status")
                #expect(status.contains("of 200 open"), "\(status)")
                let log = try await server.command("log")
                #expect(log.contains("the server may have 200 files open"), "\(log)")
                #expect(try await load.exitCode(within: .seconds(30)) == 1)
                let found = try figures(load.state.output)
                let errors = try #require(found["errors_by_code"] as? [String: Int], "\(load.state.output)")
                let granted = try #require(found["ok"] as? Int)
                #expect(errors["allocate 508"] == 250 - granted && granted > 50, "\(load.state.output)")
            }
            // What has ended makes room.
            let relay = server.load("relay", "--sessions", "30", "--pps", "20", "--time", "1") + Self.credential
            let end = try await Program.run(relay)
            #expect(end.exitCode == 0, "\(end.output)")
            #expect(try figures(end.output)["delivered"] as? Int == figures(end.output)["sent"] as? Int)
            #expect(server.program.state.exitCode == nil)
        }
    }

    @Test(
        "A start with hardly any files ends with a sentence, and never by a signal",
        .enabled(if: Partners.has("prlimit"), "needs prlimit"),
        .timeLimit(.minutes(3)),
        arguments: engines
    )
    func startWithoutFiles(engine: String) async throws {
        for limit in [24, 32, 40, 48, 64] {
            try await withTemporaryFolder { folder in
                let ports = try Ports.free()
                let settings = Self.settings(ports, ["engine": engine, "workers": "8"])
                let command = try StundCommand(folder: folder, settings: settings)
                let arguments = ["prlimit", "--nofile=\(limit):\(limit)"] + command.arguments
                try await Program.running(arguments, lifetime: nil) { program in
                    // Either it serves, or it says why it does not.
                    _ = await program.wait(.seconds(20)) { $0.isFinished || $0.output.contains("udp 127.0.0.1") }
                    let state = program.state
                    guard let code = state.exitCode else { return }
                    #expect(code > 0, "\(limit) files: \(state.output)")
                    #expect(state.output.contains("Too many open files"), "\(limit) files: \(state.output)")
                }
            }
        }
    }

    @Test(
        "io_uring that seccomp forbids: engine: auto serves by epoll, engine: io_uring says why it does not",
        .enabled(if: Partners.path(of: "/usr/bin/python3") != nil, "needs python3"),
        .timeLimit(.minutes(1))
    )
    func noRing() async throws {
        let prefix = ["/usr/bin/python3", Partners.helpers + "/without_system_call.py", "425"]
        try await run(by: prefix) { server in
            #expect(try await server.command("status").contains("by epoll"))
            try expectAnswer(server.ports)
        }
        try await withTemporaryFolder { folder in
            let settings = Self.settings(try Ports.free(), ["engine": "io_uring"])
            let end = try await Program.run(prefix + StundCommand(folder: folder, settings: settings).arguments)
            #expect((end.exitCode ?? 0) > 0)
            #expect(end.output.contains("engine: io_uring cannot be used"), "\(end.output)")
            #expect(end.output.contains("set engine to auto or epoll"), "\(end.output)")
        }
    }

    /// Runs lines of a shell's kind in a namespace.
    private func perform(_ lines: [String], in namespace: String) async throws {
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            let state = try await Program.run(words, namespace: namespace)
            try #require(state.exitCode == 0, "\(line): \(state.output)")
        }
    }

    private static let engines = Partners.hasRing ? ["epoll", "io_uring"] : ["epoll"]

    @Test(
        "Datagrams that a firewall of the host drops (EPERM) are counted, and relayed again once it lets them pass",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(2)),
        arguments: engines
    )
    func firewall(engine: String) async throws {
        try await Namespaces.with(.none, purpose: "eperm\(engine.filter(\.isLetter))") { namespaces in
            try await perform(["ip link set lo up"], in: namespaces.server)
            try await run(["engine": engine], namespace: namespaces.server) { server in
                let relay = ["--sessions", "5", "--time", "60", "--pps", "100"] + Self.credential
                try await Program.running(
                    server.load("relay") + relay,
                    namespace: namespaces.server,
                    lifetime: nil
                ) { load in
                    try await waitUntil("data is relayed") {
                        try await server.command("sessions").components(separatedBy: Relay.user).count > 5
                    }
                    let rules = [
                        "nft add table inet stundtest",
                        "nft add chain inet stundtest out { type filter hook output priority 0 ; }",
                        "nft add rule inet stundtest out udp sport 49152-65535 drop",
                        "nft add rule inet stundtest out udp sport \(server.ports.second) drop",
                    ]
                    try await perform(rules, in: namespaces.server)
                    try await waitUntil("refused datagrams to peers") {
                        try await server.counter("relay-send-failures") > 50
                    }
                    // And an answer of a listener: by a client whose own datagrams pass.
                    let ask = server.load("binding", "--sockets", "1", "--window", "1", "--time", "0.5", "--warm", "0")
                    let second = ask + ["--server", "127.0.0.1:\(server.ports.second)"]
                    _ = try await Program.run(second, namespace: namespaces.server)
                    #expect(try await server.counter("send-failures") > 0)
                    let metrics = try await server.command("metrics")
                    for socket in ["listener", "relay"] {
                        let line = #"stund_send_failures_total{socket="\#(socket)",error="forbidden"} "#
                        #expect(metrics.contains(line) && !metrics.contains(line + "0\n"), "\(metrics)")
                    }
                    try await perform(["nft delete table inet stundtest"], in: namespaces.server)
                    load.signal(SIGINT)
                    _ = try await load.exitCode()
                }
                let again = server.load("relay", "--sessions", "5", "--time", "1", "--pps", "50") + Self.credential
                let state = try await Program.run(again, namespace: namespaces.server)
                let found = try figures(state.output)
                #expect(found["sent"] as? Int == found["delivered"] as? Int, "\(state.output)")
                #expect(server.program.state.exitCode == nil)
            }
        }
    }

    @Test(
        "Datagrams for which the way out has no room (ENOBUFS) are counted, and the server goes on",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .enabled(if: Partners.has("turnutils_uclient", "tc"), "needs turnutils_uclient and tc"),
        .timeLimit(.minutes(2)),
        arguments: engines
    )
    func fullQueue(engine: String) async throws {
        try await Namespaces.with(.none, purpose: "full\(engine.filter(\.isLetter))") { namespaces in
            let lines = [
                "ip link set lo up", "ip link add stundq type veth peer name stundp",
                "ip addr add 203.0.113.1/24 dev stundq", "ip link set stundq up", "ip link set stundp up",
                "ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev stundq",
                "tc qdisc add dev stundq root tbf rate 8kbit burst 1600 limit 1600",
            ]
            try await perform(lines, in: namespaces.server)
            let settings = [
                "engine": engine, "relay-address": "203.0.113.1", "allow-peers": "203.0.113.0/24",
                "rfc5766-channels": "on",
            ]
            try await run(settings, namespace: namespaces.server) { server in
                let client = [
                    "turnutils_uclient", "-p", "\(server.ports.first)", "-u", Relay.user, "-w", Relay.password, "-e",
                    "203.0.113.9", "-r", "9", "-n", "500", "-l", "800", "-m", "1", "-z", "5", "127.0.0.1",
                ]
                try await Program.running(client, namespace: namespaces.server) { _ in
                    try await waitUntil("refused datagrams") { try await server.counter("relay-send-failures") > 20 }
                    let metrics = try await server.command("metrics")
                    let line = #"stund_send_failures_total{socket="relay",error="no-room"} "#
                    #expect(metrics.contains(line) && !metrics.contains(line + "0\n"), "\(metrics)")
                }
                let binding = server.load("binding", "--time", "0.2", "--warm", "0")
                let state = try await Program.run(binding, namespace: namespaces.server)
                #expect(try figures(state.output)["lost"] as? Int == 0, "\(state.output)")
                #expect(server.program.state.exitCode == nil)
            }
        }
    }
}

extension Partners {
    /// True if this kernel lets programs use io_uring.
    static let hasRing = textOfProcFile("/proc/sys/kernel/io_uring_disabled").hasPrefix("0")
}
