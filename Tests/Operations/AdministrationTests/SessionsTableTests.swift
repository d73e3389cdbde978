import Testing

@testable import Administration

@Suite("The sessions as a person reads them")
struct SessionsTableTests {
    @Test("where there is room each session has one line, and a second relay address one of its own")
    func wide() {
        let relays = ["198.51.100.1:50123", "[2001:db8::1]:50124"]
        let rows = [FakeServer.session(), FakeServer.session("1-2", user: "bob", relays: relays)]
        #expect(
            SessionsTable(SessionsReport(rows: rows, totalSessions: 2), width: 150).text == """
                ID    User              Client               By   Relay                To Peers  Packets  To Client  Packets  Peers        Age     Ends In
                0-15  1764000000:alice  203.0.113.250:49152  udp  198.51.100.1:50123     1.2 MB     1204      812 B        1      1  3 min 2 s  6 min 58 s
                1-2   bob               203.0.113.250:49152  udp  198.51.100.1:50123     1.2 MB     1204      812 B        1      1  3 min 2 s  6 min 58 s
                                                                  [2001:db8::1]:50124

                """
        )
    }

    @Test("in 80 columns each session has a few lines, none of them wider, even with the longest addresses and names")
    func narrow() {
        let longest = "[2001:db8:1234:5678:9abc:def0:1234:5678]:49152"
        let rows = [
            FakeServer.session(),
            FakeServer.session(
                "31-18446744073709551615",
                user: String(repeating: "x", count: 500),
                client: longest,
                relays: [longest]
            ),
        ]
        let text = SessionsTable(SessionsReport(rows: rows, totalSessions: 7), width: 80).text
        #expect(
            text.hasPrefix(
                """
                0-15  1764000000:alice
                  client     203.0.113.250:49152
                  asks       198.51.100.1:3478 by udp
                  relay      198.51.100.1:50123
                  to peers   1.2 MB in 1204 packets
                  to client  812 B in 1 packet
                  peers      1 permission, 1 channel
                  age        3 min 2 s, ends in 6 min 58 s unless refreshed

                31-18446744073709551615  xxxxxxxxxxxxxxxxxxxxxxxxxxxxx...

                """
            )
        )
        #expect(text.hasSuffix("\n\n2 of 7 sessions shown.\n"))
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test("a session over TLS that relays TCP says so, and how many connections it has")
    func streams() {
        var row = FakeServer.session()
        (row.transport, row.relayTransport) = ("tls", "tcp")
        row.connections = [.init(peer: "192.0.2.7:80", stage: .bound)]
        let text = SessionsTable(SessionsReport(rows: [row], totalSessions: 1), width: 80).text
        #expect(text.contains("  asks       198.51.100.1:3478 by tls\n  relay      198.51.100.1:50123 by tcp\n"))
        #expect(text.contains("1 permission, 1 channel, 1 connection\n"))
    }

    @Test("the realm is shown when there are two")
    func realms() {
        let rows = [FakeServer.session(), FakeServer.session(realm: "example.org")]
        let lines = SessionsTable(SessionsReport(rows: rows, totalSessions: 2), width: .max).text.split(separator: "\n")
        #expect(lines[0].contains("  Realm  ") && lines[2].contains("  example.org  "))
    }

    @Test("nobody there is said in a sentence")
    func empty() {
        #expect(
            SessionsTable(SessionsReport(rows: [], totalSessions: 0), width: 80).text == "Nobody uses the relay now.\n"
        )
        #expect(
            SessionsTable(SessionsReport(rows: [], totalSessions: 3), width: 80).text == "None of 3 sessions shown.\n"
        )
    }

    @Test("row 26: a user's name steers no terminal and starts no line", arguments: [40, Int.max])
    func hostileName(width: Int) {
        let rows = [FakeServer.session(user: "%s%n\u{1B}[2J\r\n\0\u{202E}\u{9B}x")]
        let text = SessionsTable(SessionsReport(rows: rows, totalSessions: 1), width: width).text
        #expect(text.contains(#"%s%n\u{1B}[2J\r\n\0\u{202E}\u{9B}x"#.prefix(29)))
        #expect(!text.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control })
        #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .format })
    }

    @Test(
        "bytes are shown in decimal units and durations in their two largest",
        arguments: [
            (0, "0 B", "0 s"), (999, "999 B", "16 min 39 s"), (1000, "1.0 kB", "16 min 40 s"),
            (9_999, "9.9 kB", "2 h 46 min"), (10_000, "10 kB", "2 h 46 min"), (86_400, "86 kB", "1 d 0 h"),
            (123_456_789, "123 MB", "1428 d 21 h"),
        ]
    )
    func units(number: Int, bytes: String, duration: String) {
        #expect(HumanText.bytes(UInt64(number)) == bytes)
        #expect(HumanText.duration(number) == duration)
        #expect(HumanText.bytes(.max) == "18 EB")
    }
}

@Suite("An explanation as a person reads it")
struct ExplanationTests {
    @Test("it says what is known, what to do, who is there, and why requests were refused")
    func whole() {
        #expect(
            FakeServer.explanation(of: "alice").text == """
                alice
                  user: unknown
                    -> add it

                1 session now (see `stund sessions`):
                  0-15 1764000000:alice from 203.0.113.250:49152, relay 198.51.100.1:50123, 1.2 MB to peers, 812 B to the client

                Refused requests, the newest first:
                  2026-11-24T12:00:02.000Z  Allocate from 203.0.113.9:5000: 401, user 1764000000:alice
                    expired 5 s ago
                    -> ask for a new credential

                """
        )
    }

    @Test("a client that tried again and again is shown once, with how often")
    func repeated() {
        var refusal = FakeServer.refusal()
        refusal.count = 40
        let text = Explanation(subject: "x", findings: [], sessions: [], refusals: [refusal]).text
        #expect(text.contains(": 401, user 1764000000:alice (40 times)\n    expired 5 s ago\n"))
        #expect(text.contains("No session now.") && !text.contains("more"))
    }

    @Test("many different refusals are cut, and it says so")
    func many() {
        var refusals = (0..<12).map { _ in FakeServer.refusal() }
        for index in refusals.indices { refusals[index].client = "192.0.2.1:\(index)" }
        let text = Explanation(subject: "x", findings: [], sessions: [], refusals: refusals).text
        #expect(text.contains("192.0.2.1:9:") && !text.contains("192.0.2.1:10:"))
        #expect(text.contains("and 2 more"))
    }

    @Test("row 26: what strangers sent steers no terminal and starts no line")
    func hostile() {
        var refusal = FakeServer.refusal()
        refusal.user = "\u{1B}[2J\r\n-> all is well"
        refusal.cause = "a\u{1B}\nb"
        let text = Explanation(
            subject: "\u{1B}x\n",
            findings: [.init("user", "\u{9B}")],
            sessions: [],
            refusals: [refusal]
        )
        .text
        #expect(!text.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control })
        #expect(text.contains(#"user \u{1B}[2J\r\n-> all is well"#) && text.contains(#"a\u{1B}\nb"#))
    }
}
