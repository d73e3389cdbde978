import Testing

@Suite(
    "Strangers by the thousand (attacks row 33)",
    .enabled(if: Partners.has("/usr/bin/python3"), "needs Debian's python3")
)
struct StrangersTests {
    @Test(
        "50,000 Allocates from as many addresses are challenged and leave no state (row 33)",
        .timeLimit(.minutes(5))
    )
    func noState() async throws {
        try await withServer(["relay-address": "127.0.0.1", "workers": "2"]) { server, command, ports in
            let load = ["--count", "50000", "--port", "\(ports.first)", "--process", "\(server.processID)"]
            let end = try await Program.run(
                ["/usr/bin/python3", "-B", Partners.root + "/Benchmarks/strangers"] + load,
                limit: .seconds(240)
            )
            print(end.output)
            #expect(end.exitCode == 0, "\(end.output)")
            let sessions = try await Program.run([Partners.stund, "sessions", "--config", command.settingsFile])
            #expect(sessions.output == "Nobody uses the relay now.\n")
        }
    }
}
