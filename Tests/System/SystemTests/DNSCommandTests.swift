import Foundation
import TestNames
import Testing

@Suite(
    "stund dns compares a real zone with the settings",
    .enabled(if: TestNameServer.isInstalled, "needs Debian's dnsmasq-base")
)
struct DNSCommandTests {
    private struct Report: Decodable {
        struct Finding: Decodable {
            let state: String
            let record: String
            let text: String
        }

        let lines: [String]
        let findings: [Finding]?
    }

    private static let settings = """
        address: 192.0.2.1
        second-address: 192.0.2.2
        cluster-key: 0123456789abcdef0123456789abcdef
        other-stun-servers: b.zone.test:3490
        """
    /// The zone as it should be, in dnsmasq's words.
    private static let right = [
        "host-record=stun.zone.test,192.0.2.1", "host-record=b.zone.test,192.0.2.8",
        "srv-host=_stun._udp.zone.test,stun.zone.test,3478,0,5", "srv-host=_stun._udp.zone.test,b.zone.test,3490,0,5",
        "srv-host=_turn._udp.zone.test,STUN.zone.test,3478,10,10",
        "srv-host=_turn._udp.zone.test,b.zone.test,3490,10,10",
        "srv-host=_stun._tcp.zone.test,stun.zone.test,3478,1,5", "srv-host=_stun._tcp.zone.test,b.zone.test,3490,1,5",
        "srv-host=_turn._tcp.zone.test,stun.zone.test,3478,10,10",
        "srv-host=_turn._tcp.zone.test,b.zone.test,3490,10,10",
        "srv-host=_stun-behavior._udp.zone.test,stun.zone.test,3478",
        "naptr-record=zone.test,1,1,S,RELAY:turn.sctp:turn.udp,,_turn._udp.zone.test",
        "naptr-record=zone.test,2,1,s,relay:turn.tcp,,_turn._tcp.zone.test",
        "naptr-record=zone.test,1,1,s,SIP+D2U,,_sip._udp.zone.test",
    ]

    private func check(
        _ records: [String],
        settings: String = DNSCommandTests.settings
    ) async throws -> (Report, Program.State) {
        let server = try TestNameServer(records)
        defer { server.stop() }
        return try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            try settings.write(toFile: file, atomically: true, encoding: .utf8)
            let place = "\(server.address)"
            let command = [Partners.stund, "dns", "zone.test", "--config", file, "-server", place]
            let json = try await Program.run(command + ["--json"])
            let report = try JSONDecoder().decode(Report.self, from: Data(json.output.utf8))
            let text = try await Program.run(command)
            #expect(text.exitCode == json.exitCode)
            #expect(report.lines.allSatisfy { text.lines.contains($0[...]) })
            return (report, text)
        }
    }

    @Test("A zone that is right: whatever other services it has and however it writes names")
    func right() async throws {
        let (report, text) = try await check(Self.right)
        #expect(text.exitCode == 0 && text.lines.last == "; The zone is right.", "\(text.output)")
        #expect(report.findings?.count == 13 && report.findings?.allSatisfy { $0.state == "right" } == true)
    }

    @Test("Everything that is printed, given to a name server, is right")
    func ownLines() async throws {
        let (report, _) = try await check([])
        var records = ["host-record=b.zone.test,192.0.2.8"]
        for line in report.lines where !line.hasPrefix(";") {
            let words = line.split(separator: " ").map { withoutQuotesAndDot(String($0)) }
            switch words[3] {
            case "A": records.append("host-record=\(words[0]),\(words[4])")
            case "SRV": records.append("srv-host=\(words[0]),\(words[7]),\(words[6]),\(words[4]),\(words[5])")
            case "NAPTR": records.append("naptr-record=" + ([words[0]] + words[4...]).joined(separator: ","))
            default: Issue.record("an unknown line: \(line)")
            }
        }
        let (_, text) = try await check(records)
        #expect(text.exitCode == 0, "\(text.output)")
    }

    @Test("An empty zone: everything is missing, and said with what should be there")
    func empty() async throws {
        // NAPTR records of other applications are not ours.
        let other = "naptr-record=zone.test,1,1,s,OTHER:turn.udp,,_turn._udp.zone.test"
        let (report, text) = try await check([other])
        #expect(text.exitCode == 1 && report.findings?.count == 13, "\(text.output)")
        #expect(report.findings?.allSatisfy { $0.state == "missing" } == true)
        #expect(text.output.contains("; missing     stun.zone.test A: should be 192.0.2.1\n"))
    }

    @Test("Other addresses, ports, priorities, servers, aliases and services are told apart")
    func differences() async throws {
        let records = [
            "host-record=stun.zone.test,192.0.2.77", "host-record=stun.zone.test,2001:db8::7",
            "host-record=c.zone.test,192.0.2.9", "cname=b.zone.test,c.zone.test",
            "srv-host=_stun._udp.zone.test,stun.zone.test,3999,10,10",
            "srv-host=_stun._udp.zone.test,x.zone.test,3478,10,10",
            "srv-host=_turn._udp.zone.test,stun.zone.test,3478,10,10",
            "srv-host=_turn._udp.zone.test,b.zone.test,3490,20,10",
            "srv-host=_turns._tcp.zone.test,stun.zone.test,5349,10,10",
            "srv-host=_turn._tcp.zone.test,other.zone.test,3478,10,10",
            "naptr-record=zone.test,1,1,a,RELAY:turn.udp,,x.zone.test",
        ]
        let (_, text) = try await check(records, settings: Self.settings + "\ntcp: off")
        #expect(text.exitCode == 1)
        for line in [
            "differs     stun.zone.test A: is 192.0.2.77, should be 192.0.2.1",
            "differs     stun.zone.test AAAA: is 2001:db8::7, but this server does not answer there as far as its settings tell",
            "differs     _stun._udp.zone.test SRV: is 10 10 3999 stun.zone.test., should be 10 10 3478 stun.zone.test.",
            "missing     _stun._udp.zone.test SRV: should be 10 10 3490 b.zone.test.",
            "differs     _stun._udp.zone.test SRV: is 10 10 3478 x.zone.test., which is no server of these settings",
            "differs     _turn._udp.zone.test SRV: is 20 10 3490 b.zone.test., should have the others' priority and weight",
            "differs     b.zone.test CNAME: is an alias, which the target of SRV must not be (RFC 2782): give it an address",
            "missing     _stun-behavior._udp.zone.test SRV: should be 10 10 3478 stun.zone.test.",
            #"differs     zone.test NAPTR: is 1 1 "a" "RELAY:turn.udp" "" x.zone.test., should be 10 10 "s" "RELAY:turn.udp" "" _turn._udp.zone.test."#,
            "differs     _turns._tcp.zone.test SRV: is 10 10 5349 stun.zone.test., should not be there: "
                + "this server does not offer that",
        ] {
            #expect(text.lines.contains("; \(line)"), "\(line)\n\(text.output)")
        }
        #expect(!text.output.contains("_turn._tcp"))
    }

    @Test("With a certificate TLS and DTLS are wanted too, at their own port, and a wrong one is told")
    func secure() async throws {
        let secure = ["_stuns._udp", "_stuns._tcp", "_turns._udp", "_turns._tcp"]
        var records = Self.right
        for name in secure {
            records.append("srv-host=\(name).zone.test,stun.zone.test,\(name == "_turns._tcp" ? 443 : 5349),1,1")
            records.append("srv-host=\(name).zone.test,b.zone.test,5349,1,1")
        }
        records.append("naptr-record=zone.test,3,1,s,RELAY:turn.tls:turn.dtls,,_turns._tcp.zone.test")
        let (report, text) = try await check(records, settings: Self.settings + "\ntls-certificate: /c.pem")
        let wrong = report.findings?.filter { $0.state != "right" }.map { "\($0.state) \($0.record): \($0.text)" }
        #expect(
            wrong == [
                "differs _turns._tcp.zone.test SRV: is 1 1 443 stun.zone.test., should be 10 10 5349 stun.zone.test.",
                #"differs zone.test NAPTR: is 3 1 "s" "RELAY:turn.tls:turn.dtls" "" _turns._tcp.zone.test., "#
                    + #"should be 10 20 "s" "RELAY:turn.dtls" "" _turns._udp.zone.test."#,
            ],
            "\(text.output)"
        )
        for uri in ["stuns:stun.zone.test:5349", "turns:stun.zone.test:5349?transport=tcp"] {
            #expect(text.lines.contains(";   \(uri)"), "\(text.output)")
        }
        #expect(text.output.contains("are told stun:zone.test, stuns:zone.test, turn:zone.test, turns:zone.test "))
    }

    @Test("An alias as the host, a NAPTR that leads to an address, and what a NAT may hide are told")
    func subtleDifferences() async throws {
        let (_, text) = try await check(
            [
                "host-record=c.zone.test,198.51.100.7", "cname=stun.zone.test,c.zone.test",
                "naptr-record=zone.test,1,1,a,RELAY:turn.udp,,_turn._udp.zone.test",
            ],
            settings: "address: 10.0.0.5"
        )
        let alias = "differs     stun.zone.test CNAME: is an alias, which the target of SRV must not be (RFC 2782): "
        #expect(text.lines.contains { $0.hasPrefix("; \(alias)") }, "\(text.output)")
        #expect(text.lines.contains { $0.hasPrefix("; differs     zone.test NAPTR: is 1 1 \"a\"") }, "\(text.output)")
        let (_, hidden) = try await check(["host-record=stun.zone.test,198.51.100.7"], settings: "address: 10.0.0.5")
        let unknown =
            "unknown     stun.zone.test A: is 198.51.100.7, this host only knows its 10.0.0.5: set external-ip"
        #expect(hidden.lines.contains { $0.hasPrefix("; \(unknown)") }, "\(hidden.output)")
    }

    @Test("A name server that is not there, or refuses, is exit code 69 with the cause")
    func unanswered() async throws {
        let server = try TestNameServer([])
        let place = server.address
        let refused = try await Program.run([Partners.stund, "dns", "example.org", "--server", "\(place)"])
        #expect(refused.exitCode == 69 && refused.output.contains("refused the question"), "\(refused.output)")
        server.stop()
        let gone = try await Program.run([Partners.stund, "dns", "example.org", "--server", "\(place)"])
        #expect(
            gone.exitCode == 69 && gone.output.contains("; unanswered  stun.example.org A: no name server"),
            "\(gone.output)"
        )
    }

    @Test("Words that are no domain, host or name server are refused, and --no-check asks nobody")
    func commandLine() async throws {
        for words in [
            ["192.0.2.1"], ["a b"], ["zone.test", "--host", "192.0.2.1"], ["zone.test", "--host", "a.test:3478"],
            ["zone.test", "--server", "ns.test"], ["zone.test", "--server", "192.0.2.1:0"], [],
        ] {
            #expect(try await Program.run([Partners.stund, "dns"] + words).exitCode == 64, "\(words)")
        }
        let words = ["dns", "Zone.Test.", "-no_check", "--host", "zone.test", "--server", "127.0.0.1:1"]
        let printed = try await Program.run([Partners.stund] + words)
        #expect(printed.exitCode == 0 && printed.output.contains(" 10 10 3478 zone.test.\n"), "\(printed.output)")
    }
}

/// A word of a zone file as dnsmasq takes it.
private func withoutQuotesAndDot(_ word: String) -> String {
    let plain = word.filter { $0 != "\"" }
    return plain.hasSuffix(".") ? String(plain.dropLast()) : plain
}
