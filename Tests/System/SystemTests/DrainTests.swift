import Foundation
import Testing

@Suite(
    "Draining: what lives goes on, nothing new begins, and then the process ends",
    .enabled(if: Partners.has("turnutils_uclient"), "needs turnutils_uclient, of Debian's coturn"),
    .timeLimit(.minutes(2))
)
struct DrainTests {
    private static let settings = [
        "turn-users": "\(Relay.user):\(Relay.password)", "relay-address": "127.0.0.1", "allow-peers": "127.0.0.0/8",
        "rfc5766-channels": "on",
    ]

    /// How many allocations such a call has; the client ends two of them with it, and leaves its first one behind.
    private static let ofCall = 3

    /// Two clients that talk to each other through the relay for a while.
    private func call(_ ports: Ports, messages: Int) -> [String] {
        [
            "stdbuf", "-oL", "turnutils_uclient", "-y", "-c", "-n", "\(messages)", "-z", "10", "-p", "\(ports.first)",
            "-u",
            Relay.user, "-w", Relay.password, "127.0.0.1",
        ]
    }

    private func stund(_ command: StundCommand, _ arguments: String...) async throws -> Program.State {
        try await Program.run([Partners.stund] + arguments + ["--config", command.settingsFile])
    }

    /// Waits until the relay has so many allocations.
    private func waitForAllocations(_ count: Int, _ command: StundCommand) async throws {
        try await waitUntil("\(count) allocations") {
            try await stund(command, "metrics").lines.contains("stund_allocations \(count)")
        }
    }

    /// The answer of an address of the console: its status and its text.
    private func ask(_ path: String, _ command: StundCommand) async throws -> (status: String, text: String) {
        // The console opens a little later than the ports for STUN.
        var url: String?
        let end = ContinuousClock.now + .seconds(10)
        while url == nil, .now < end {
            url = try? String(contentsOfFile: command.settingsFile + ".d/http.url", encoding: .utf8)
            if url == nil { try await Task.sleep(for: .milliseconds(20)) }
        }
        let base = try #require(url).trimmingCharacters(in: .whitespacesAndNewlines)
        let answer = try await Program.run(["curl", "-s", "-w", "\n%{http_code}", base + path])
        return (answer.lines.last.map(String.init) ?? "", answer.output)
    }

    @Test(
        "a call goes on without loss while stund drain runs, a new client is refused, and the server ends after the call"
    )
    func drain() async throws {
        try await withServer(Self.settings) { server, command, ports in
            try await Program.running(call(ports, messages: 4_000)) { client in
                try await waitForAllocations(Self.ofCall, command)
                #expect(try await ask("readyz", command).status == "200")
                let drain = try await stund(command, "drain")
                #expect(drain.exitCode == 0 && drain.output.contains("3 allocations left"), "\(drain.output)")
                let readiness = try await ask("readyz", command)
                #expect(readiness.status == "503" && readiness.text.contains("takes no new allocations"))
                #expect(try await ask("healthz", command).status == "200")
                #expect(try await stund(command, "status").output.contains("takes no new allocations"))
                let other = try await Program.run(call(ports, messages: 1))
                #expect(other.output.contains("error 508"), "\(other.output)")
                // STUN is answered until the end.
                try expectAnswer(ports)
                #expect(client.state.exitCode == nil, "the call must outlast what was asked: \(client.state.output)")
                #expect(try await client.exitCode(within: .seconds(120)) == 0)
                #expect(client.state.output.contains("Total lost packets 0 (0.000000%)"), "\(client.state.output)")
            }
            try await waitForAllocations(1, command)
            #expect(server.state.exitCode == nil)
            _ = try await stund(command, "disconnect", Relay.user)
            #expect(try await server.exitCode() == 0)
            let told = server.state.output
            #expect(told.contains("Drain began: `stund drain` asked for it; 3 allocations left"), "\(told)")
            #expect(told.contains("Drain ended: no allocation is left"), "\(told)")
        }
    }

    @Test(
        "a drain with an end is over then, whatever is left; --stay keeps the process, and --cancel takes it all back"
    )
    func deadline() async throws {
        try await withServer(Self.settings) { server, command, ports in
            try await Program.running(call(ports, messages: 10_000)) { _ in
                try await waitForAllocations(Self.ofCall, command)
                let staying = try await stund(command, "drain", "--for", "0", "--stay")
                #expect(staying.exitCode == 0, "\(staying.output)")
                try await waitForAllocations(0, command)
                #expect(try await stund(command, "status").output.contains("has drained"))
                let cancelled = try await stund(command, "drain", "--cancel")
                #expect(cancelled.output.contains("takes new allocations; it has 0 allocations"), "\(cancelled.output)")
            }
            try await Program.running(call(ports, messages: 10_000)) { _ in
                try await waitForAllocations(Self.ofCall, command)
                let drain = try await stund(command, "drain", "--for", "1s")
                #expect(drain.output.contains("at the latest"), "\(drain.output)")
                #expect(try await server.exitCode(within: .seconds(20)) == 0)
            }
        }
    }

    @Test("SIGTERM lets a call end first; a second one, or SIGINT, does not")
    func termination() async throws {
        for second in [nil, SIGTERM, SIGINT] as [Int32?] {
            try await withServer(Self.settings.merging(["drain-time": "86400"]) { $1 }) {
                server,
                command,
                ports in
                try await Program.running(call(ports, messages: second == nil ? 1_000 : 10_000)) { client in
                    try await waitForAllocations(Self.ofCall, command)
                    server.signal(SIGTERM)
                    #expect(await server.wait { $0.output.contains("Drain began: SIGTERM asked for it") })
                    #expect(try await ask("readyz", command).status == "503")
                    let refused = try await stund(command, "drain", "--cancel")
                    #expect(refused.exitCode != 0 && refused.output.contains("got SIGTERM"), "\(refused.output)")
                    #expect(server.state.exitCode == nil)
                    if let second {
                        server.signal(second)
                        #expect(try await server.exitCode() == 0)
                    } else {
                        #expect(try await client.exitCode(within: .seconds(120)) == 0)
                        #expect(
                            client.state.output.contains("Total lost packets 0 (0.000000%)"),
                            "\(client.state.output)"
                        )
                        _ = try await stund(command, "disconnect", Relay.user)
                    }
                }
                #expect(try await server.exitCode() == 0)
            }
        }
    }

    @Test("without allocations SIGTERM and stund drain end it at once, and so does SIGINT with some")
    func nothingToWaitFor() async throws {
        let settings = Self.settings.merging(["drain-time": "86400"]) { $1 }
        try await withServer(settings) { server, _, _ in
            server.signal(SIGTERM)
            let code = try await server.exitCode()
            #expect(code == 0)
            #expect(!server.state.output.contains("Drain"))
        }
        try await withServer(settings) { server, command, _ in
            let drain = try await stund(command, "drain")
            #expect(drain.exitCode == 0 && drain.output.contains("no allocation is left"), "\(drain.output)")
            #expect(try await server.exitCode() == 0)
        }
        try await withServer(settings) { server, command, ports in
            try await Program.running(call(ports, messages: 10_000)) { _ in
                try await waitForAllocations(Self.ofCall, command)
                server.signal(SIGINT)
                #expect(try await server.exitCode() == 0)
            }
        }
    }
}
