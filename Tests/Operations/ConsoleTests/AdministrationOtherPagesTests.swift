import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("Version, licence and explain")
struct AdministrationOtherPagesTests {
    private static let certificate = ServerStatus.Certificate(
        file: "a.pem",
        names: ["a.example.org", "<b>"],
        notBefore: 0,
        notAfter: 1,
        expires: "2027-01-01T00:00:00Z",
        fingerprint: "AA:BB",
        isValid: true
    )

    @Test("the version page tells version, licence, features and warnings, and runs the self-test when asked")
    func info() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set { $0.status.warnings = ["<b>unwise</b>"] }
        let page = try await fixture.get("/info_en.htm")
        #expect(page.text.contains("stund 0.0.0"))
        #expect(page.text.contains("udp 192.0.2.1:3478"))
        #expect(page.text.contains("&lt;b&gt;unwise"))
        #expect(page.text.contains("16000 of 16384 ports free"))
        #expect(!page.text.contains("All checks are good"))
        #expect(page.text.contains("<dt>Encryption</dt><dd><div>off</div></dd>"))
        #expect(page.text.contains("<dt>Licence</dt><dd><div class=\"mono\">Free</div></dd>"))
        #expect(page.text.contains("href=\"/license_en.htm\">Apache License 2.0</a>"))
        fixture.server.set { $0.status.certificate = Self.certificate }
        let certified = try await fixture.get("/info_en.htm")
        #expect(certified.text.contains("<div>TLS, DTLS</div><div>a.example.org</div><div>&lt;b&gt;</div>"))
        #expect(
            certified.text.contains("<div>certificate valid until 2027-01-01T00:00:00Z</div><div>SHA-256 AA:BB</div>")
        )
        fixture.server.set { $0.status.certificate?.isValid = false }
        #expect(
            try await fixture.get("/info_en.htm").text.contains("certificate not valid (its end: 2027-01-01T00:00:00Z)")
        )
        let tested = try await fixture.post("/info_en.htm", ["do": "selftest"])
        #expect(tested.text.contains("All checks are good"))
        fixture.server.set { $0.checks = [Check("sockets", isGood: false, "none")] }
        #expect(try await fixture.get("/info_en.htm").text.contains("The server is not ready"))
        await fixture.stop()
    }

    @Test("the licence page names the free licence, the address and what is built in")
    func license() async throws {
        let fixture = try await ConsoleFixture()
        let page = try await fixture.get("/license_en.htm")
        #expect(page.text.contains("Current license type: <strong>Free</strong>"))
        #expect(page.text.contains("value=\"192.0.2.1\" readonly"))
        #expect(page.text.contains(">IP address</label>") && page.text.contains(">License key</label>"))
        #expect(page.text.contains("TERMS AND CONDITIONS"))
        #expect(page.text.contains("hummingbird"))
        #expect(page.text.utf8.count < 60_000)
        await fixture.stop()
    }

    @Test("the licence page tells what is wrong with a vendor's key, and when a right one ends")
    func vendorsLicense() async throws {
        let fixture = try await ConsoleFixture()
        func show(_ json: String) async throws -> String {
            let state = try JSONDecoder().decode(LicenseState.self, from: Data(json.utf8))
            fixture.server.set { $0.status.license = state }
            return try await fixture.get("/license_en.htm").text
        }
        let wrong = try await show(#"{"kind": "unlicensed", "trouble": "it is <b>wrong</b>"}"#)
        #expect(wrong.contains("Current license type: <strong>None</strong>"))
        #expect(wrong.contains("it is &lt;b&gt;wrong&lt;/b&gt;"))
        #expect(wrong.contains("nobody&#39;s calls are touched") || wrong.contains("nobody's calls are touched"))
        let demonstration = #"{"kind": "demonstration", "address": "192.0.2.7", "lastDay": "30-dec-2026"}"#
        let right = try await show(demonstration)
        #expect(right.contains("<strong>Demonstration</strong>") && right.contains("Last day: 30-dec-2026"))
        #expect(right.contains("value=\"192.0.2.7\" readonly"))
        let version = try await fixture.get("/info_en.htm").text
        #expect(
            version.contains("<div class=\"mono\">Demonstration</div><div class=\"mono\">Last day: 30-dec-2026</div>")
        )
        await fixture.stop()
    }

    @Test("the version page tells where answers for another address come from")
    func discovery() async throws {
        let fixture = try await ConsoleFixture()
        func shown(_ states: [(FleetReport.Kind, String)], hasKey: Bool = true) async throws -> String {
            let servers = states.map { FleetReport.Server(name: "x", kind: $0.0, state: $0.1) }
            let report = FleetReport(
                servers: [.init(name: "own", kind: .own, state: "healthy")] + servers,
                hasKey: hasKey
            )
            fixture.server.set { $0.fleet = report }
            let page = try await fixture.get("/info_en.htm").text
            let begin = try #require(page.firstRange(of: "<dt>NAT discovery</dt><dd><div>"))
            return String(page[begin.upperBound...].prefix { $0 != "<" })
        }
        #expect(try await shown([]) == "other port only: there is no second address")
        #expect(try await shown([(.peer, "lost")]) == "other port only: no other server can be used now")
        #expect(
            try await shown([(.peer, "lost"), (.peer, "healthy")]).hasPrefix("other address, by the other servers")
        )
        #expect(try await shown([(.classic, "healthy"), (.peer, "lost")]).contains("a server of another make"))
        #expect(try await shown([(.peer, "healthy")], hasKey: false).hasSuffix("no second address"))
        await fixture.stop()
    }

    @Test("refusals that tell the same are one, with how often and whom; whether a peer is reached is said first")
    func explainGroups() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set { state in
            state.explanation = Explanation(
                subject: "",
                findings: [
                    .init("answer", "not as it stands"), .init("as a peer", "denied", cure: "Set `lan-peers: on`."),
                ],
                sessions: [],
                refusals: (0..<12).map { index in
                    .init(
                        time: "2026-11-24T12:00:\(59 - index).123Z",
                        count: 3,
                        client: "192.0.2.\(index):1",
                        user: "eve",
                        realm: nil,
                        method: index == 11 ? "Refresh" : "Allocate",
                        code: 401,
                        cause: "cause \(index)",
                        cure: "the cure"
                    )
                }
            )
        }
        let page = try await fixture.get("/explain_en.htm?user=eve&peer=10.0.0.1").text
        #expect(page.contains("<p class=\"state verdict bad\">No, not as it stands"))
        #expect(page.contains("<code>lan-peers: on</code>") && !page.contains("<dt>answer</dt>"))
        #expect(
            page.contains(
                "<strong>Allocate 401</strong> <span class=\"tag\">33 ×</span> <small>2026-11-24 12:00:59</small>"
            )
        )
        #expect(page.contains("<strong>Refresh 401</strong> <span class=\"tag\">3 ×</span>"))
        #expect(
            page.contains("<bdi>eve</bdi> · 192.0.2.0:1, ") && page.contains("192.0.2.5:1 and 5 more")
                && page.contains("cause 0") && !page.contains("cause 1<")
        )
        fixture.server.set { $0.explanation.findings = [.init("answer", "yes")] }
        let free = try await fixture.get("/explain_de.htm?user=eve&peer=10.0.0.1").text
        #expect(free.contains("<p class=\"state verdict good\">Ja: "))
        await fixture.stop()
    }

    @Test("explanations are shown with their cures, hostile ones literally (row 26)")
    func explain() async throws {
        let fixture = try await ConsoleFixture()
        for text in HostileTexts.all {
            fixture.server.set { state in
                let short = String(text.prefix(500))
                state.explanation = Explanation(
                    subject: "",
                    findings: [.init("user", short, cure: short)],
                    sessions: [
                        .init(
                            id: "0-1",
                            user: short,
                            realm: short,
                            client: "192.0.2.9:1",
                            listener: "",
                            relays: ["192.0.2.1:50000"],
                            toPeers: .init(packets: 1, bytes: 1000),
                            toClient: .init(packets: 1, bytes: 1),
                            age: 1,
                            expiresIn: 1
                        )
                    ],
                    refusals: [
                        .init(
                            time: "2026-11-24T12:00:00Z",
                            count: 3,
                            client: "192.0.2.9:1",
                            user: short,
                            realm: short,
                            method: "Allocate",
                            code: 401,
                            cause: short,
                            cure: short
                        )
                    ]
                )
            }
            let asked = Fields.encoded(String(text.prefix(3000)))
            for query in ["subject=\(asked)", "user=\(asked)&peer=\(asked)"] {
                let page = try await fixture.get("/explain.htm?\(query)")
                #expect(page.status == 200, "\(text.prefix(40).debugDescription)")
                #expect(page.text.contains("3 ×"))
                #expect(page.text.utf8.count < 60_000)
                for markup in HostileTexts.markup { #expect(!page.text.contains(markup)) }
            }
        }
        #expect(try await fixture.get("/explain.htm").status == 200)
        await fixture.stop()
    }
}
