import Administration
import ArgumentParser
import Testing

@testable import stund

@Suite("Who uses the relay: sessions, disconnect, explain")
struct SessionsCommandTests {
    @Test(
        "the commands are found in every spelling of their options",
        arguments: [
            (["sessions", "-json"], ["sessions", "--json"]),
            (["--config", "x", "disconnect", "0-15"], ["disconnect", "--config", "x", "0-15"]),
            (["explain", "log"], ["explain", "log"]),
        ]
    )
    func spelling(typed: [String], meant: [String]) {
        #expect(ArgumentSpelling.normalized(typed) == meant)
    }

    @Test("they take what they need, and nothing else")
    func parsing() throws {
        let sessions = try #require(try Stund.parseAsRoot(["sessions", "--limit", "5", "--json"]) as? SessionsCommand)
        #expect(sessions.limit == 5 && sessions.json)
        let disconnect = try #require(try Stund.parseAsRoot(["disconnect", "192.0.2.1"]) as? DisconnectCommand)
        #expect(disconnect.subject == "192.0.2.1")
        let explain = try #require(try Stund.parseAsRoot(["explain", "17:alice", "--json"]) as? ExplainCommand)
        #expect(explain.subject == "17:alice" && explain.json)
        for wrong in [["disconnect"], ["explain"], ["sessions", "--limit", "-1"], ["disconnect", "a", "b"]] {
            #expect(throws: (any Error).self) { try Stund.parseAsRoot(wrong) }
        }
    }

    @Test("disconnect tells how many it ended, and fails when there was none")
    func disconnected() throws {
        #expect(try DisconnectCommand.text(1, "0-15") == "1 session ended.")
        #expect(try DisconnectCommand.text(3, "alice") == "3 sessions ended.")
        let failure = try #require(throws: Failure.self) { try DisconnectCommand.text(0, "a\u{1B}") }
        #expect(failure.status == .dataError)
        #expect(failure.description.contains(#"address a\u{1B}: see `stund sessions`"#))
    }

    @Test("status shows the relay's addresses, free ports, realms and sessions")
    func status() {
        let relay = ServerStatus.Relay(
            addresses: [
                .init(address: "198.51.100.1", localAddress: "10.0.0.4", portsFree: 9, portsTotal: 10),
                .init(address: "2001:db8::1", portsFree: 10, portsTotal: 10),
            ],
            realms: ["stund", "example.org"],
            users: 2,
            secrets: 1,
            sessions: 4
        )
        let status = ServerStatus(
            version: "1",
            pid: 7,
            uptime: 0,
            settingsFile: "a",
            stateFolder: "b",
            listeners: [],
            workers: 1,
            relay: relay,
            counters: [],
            warnings: []
        )
        #expect(
            StatusText(status).text.contains(
                """
                workers        1 by epoll, adaptive wake-ups
                relays from    198.51.100.1 (here 10.0.0.4), 9 of 10 ports free
                               2001:db8::1, 10 of 10 ports free
                realms         stund, example.org
                accounts       2 users, 1 secret
                sessions       4

                """
            )
        )
    }
}
