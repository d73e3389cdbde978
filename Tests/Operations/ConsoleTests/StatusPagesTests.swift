import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("The status pages")
struct StatusPagesTests {
    private static let pages = ["index", "stat", "alloc", "log", "fleet"]
    /// The largest page, in bytes.
    private static let largest = 60_000

    private func fixture(_ fill: @Sendable (inout sending CannedServer.State) -> Void) async throws -> ConsoleFixture {
        let fixture = try await ConsoleFixture()
        fixture.server.set(fill)
        return fixture
    }

    @Test("every page is whole in both languages, with much to show and with nothing", arguments: ["en", "de"])
    func languages(language: String) async throws {
        let fixture = try await ConsoleFixture()
        for isFilled in [false, true] {
            if isFilled { fixture.server.set { StatusData.fill(&$0) } }
            for page in Self.pages {
                let answer = try await fixture.get("/\(page)_\(language).htm")
                #expect(answer.status == 200, "\(page)")
                #expect(answer.text.contains("<html lang=\"\(language)\">"))
                #expect(!answer.text.contains("{{"), "\(page)")
                #expect(!answer.text.contains("{0}") && !answer.text.contains("{1}"), "\(page)")
                #expect(answer.text.contains("data-live=\"/live/\(page)_\(language).htm\""))
                #expect(answer.text.utf8.count < Self.largest, "\(page): \(answer.text.utf8.count)")
                // A text without words would be shown as its key.
                let keys = answer.text.matches(of: /\b(overview|stat|alloc|log|status|fleet)_[a-z_]+/).map {
                    $0.output.0
                }
                #expect(keys.allSatisfy { "\($0)".hasSuffix("_en") || "\($0)".hasSuffix("_de") }, "\(page): \(keys)")
            }
        }
        await fixture.stop()
    }

    @Test("a page that cannot be made is told with its number (message 1001), and says so to whoever wanted it")
    func failing() async throws {
        struct Fault: Error, CustomStringConvertible { let description = "nothing to draw" }
        let fixture = try await fixture { $0.trouble = Fault() }
        let page = try await fixture.get("/index_en.htm")
        #expect(page.status == 500 && page.text.contains("That did not work"))
        #expect(fixture.server.told.contains("1001 Page /index_en.htm failed: nothing to draw"))
        await fixture.stop()
    }

    @Test("both languages have the same texts, with the same places to fill")
    func texts() {
        let english = Texts.read(.english)
        let german = Texts.read(.german)
        for (key, text) in english {
            let other = german[key] ?? ""
            #expect(!other.isEmpty, "\(key)")
            for place in ["{0}", "{1}", "{2}"] { #expect(text.contains(place) == other.contains(place), "\(key)") }
        }
        // The English of these stands where the settings and the log messages are defined.
        let elsewhere = ["about_", "allowed_", "message_", "fleet_problem_"]
        for key in german.keys where english[key] == nil {
            #expect(elsewhere.contains { key.hasPrefix($0) }, "\(key)")
        }
    }

    @Test("templates use no text that is not there")
    func templateTexts() {
        let texts = Texts.of(.english)
        for (name, template) in EmbeddedTexts.files where name.hasSuffix(".mustache") {
            for match in template.matches(of: /\{\{t\.([a-z0-9_]+)\}\}/) {
                #expect(texts["\(match.output.1)"] != nil, "\(name): \(match.output.1)")
            }
        }
    }

    @Test("the overview shows what is in use of ports, memory, connections and files, and marks what is nearly full")
    func room() async throws {
        let fixture = try await fixture { state in
            state.status.relay?.memory = ServerStatus.Memory(used: 850, limit: 1000)
            state.status.files = .init(open: 90, limit: 20000, relaySockets: 100)
            state.status.residentBytes = 123_000_000
            state.status.connections = .init(tcp: 41, tls: 37, dtls: 3, peers: 12)
        }
        let page = try await fixture.get("/index_en.htm").text
        for text in [
            "<td>Relay ports of 192.0.2.1<svg", "<td class=\"number\">384</td><td class=\"number\">16\u{202F}384</td>",
            "<td>Memory of allocations <span class=\"tag tight\">nearly full</span><svg",
            "<rect class=\"full\" width=\"85\" height=\"3\"/>", "<td class=\"number\">850\u{A0}B</td>",
            "<td class=\"number\">44</td><td class=\"number\">10\u{202F}000</td>", "<td class=\"number\">90</td>",
            "<td class=\"number\">123\u{A0}MB</td><td class=\"number\">–</td>",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(!page.contains("<td>Allocations<"))
        // Without a relay, and of a host that tells nothing, the rest is there.
        fixture.server.set { state in
            state.status.relay = nil
            state.status.files = nil
            state.status.residentBytes = nil
        }
        let bare = try await fixture.get("/index_en.htm").text
        #expect(bare.contains("Connections by TCP, TLS and DTLS") && !bare.contains("Memory of allocations"))
        await fixture.stop()
    }

    @Test("other servers that do not answer are named on the overview, which is not green then")
    func silentFleet() async throws {
        let fixture = try await fixture { state in
            state.places = FleetPlaces(
                key: Array(0..<32),
                others: (1...3).map {
                    FleetPlaces.Other(name: "192.0.2.\($0):3478", addresses: [], isAnswering: $0 == 1)
                }
            )
        }
        let page = try await fixture.get("/index_en.htm").text
        #expect(page.contains("Of 3 other servers of the fleet 2 do not answer: 192.0.2.2:3478, 192.0.2.3:3478."))
        #expect(page.contains("verdict warn") && page.contains("one thing needs attention"))
        #expect(page.contains("href=\"/fleet_en.htm\">Fleet</a></p>"))
        fixture.server.set { state in for index in 0..<3 { state.places.others[index].isAnswering = true } }
        let good = try await fixture.get("/index_en.htm").text
        #expect(good.contains("verdict good") && !good.contains("do not answer"))
        await fixture.stop()
    }

    @Test("connections are shown: how many on the overview, by what each client comes, and those with its peers")
    func connections() async throws {
        let fixture = try await fixture { StatusData.fill(&$0) }
        let overview = try await fixture.get("/index_en.htm").text
        #expect(overview.contains("It has 41 connections by TCP (37 with TLS), 3 by DTLS, and 12 with peers."))
        let table = try await fixture.get("/alloc_en.htm").text
        for transport in ["UDP", "TCP", "TLS", "DTLS"] { #expect(table.contains("192.0.2.1:3478 · \(transport)<")) }
        #expect(table.contains("Permissions 2, channels 2, connections 3") && table.contains("<small>TCP</small>"))
        for stage in ["being made", "waits for the client", "in use"] {
            #expect(table.contains("203.0.113.9:443: connection, \(stage)"))
        }
        await fixture.stop()
    }

    @Test("what strangers send is shown literally, cut, and never makes a page large (row 26)")
    func hostile() async throws {
        // U+0D4E joins what follows it to one character, and so does an accent what precedes it.
        let joined = ["\u{0D4E}<script>alert(1)</script>", "\"\u{301} onmouseover=\"alert(1)", "<\u{301}script>"]
        let texts = HostileTexts.all + joined
        let fixture = try await fixture { state in
            let text: @Sendable (Int) -> String = { texts[$0 % texts.count] }
            state.rows = StatusData.rows(60, source: text)
            state.sessions = StatusData.sessions(60, user: text, peers: 120)
            for index in state.sessions.indices {
                state.sessions[index].realm = text(index)
                state.sessions[index].client = text(index + 1)
                state.sessions[index].transport = text(index)
                state.sessions[index].relayTransport = text(index + 1)
                state.sessions[index].connections = [.init(peer: text(index), stage: .bound)]
            }
            state.log = StatusData.log(60, text: text)
            for index in state.log.indices {
                state.log[index].remark = text(index)
                state.log[index].address = text(index + 1)
                state.log[index].decoded = [text(index + 2), text(index + 3)]
                state.log[index].pdu = String(repeating: "0f", count: 1500)
            }
            state.status.warnings = texts
            let servers = (0..<30).map {
                FleetReport.Server(
                    name: text($0),
                    kind: .peer,
                    state: text($0 + 1),
                    version: text($0 + 2),
                    problem: text($0 + 3)
                )
            }
            state.fleet = FleetReport(servers: servers, hasKey: true)
            state.overview = StatusData.overview
            state.overview.natKinds = texts.map { .init(name: $0, value: 3) }
            state.overview.dialects = state.overview.natKinds
            state.overview.history.hour[7].drops = Dictionary(uniqueKeysWithValues: texts.map { ($0, 1000) })
            state.overview.refusals = texts.map {
                .init(code: 401, method: $0, cause: $0, cure: $0, count: 1, time: $0, subject: $0)
            }
        }
        for page in Self.pages {
            for language in ["en", "de"] {
                let answer = try await fixture.get("/\(page)_\(language).htm?search=\(Fields.encoded(texts[1]))")
                let all = try await fixture.get("/\(page)_\(language).htm")
                for text in [answer.text, all.text] {
                    #expect(text.utf8.count < Self.largest, "\(page): \(text.utf8.count)")
                    for markup in HostileTexts.markup + ["<\u{301}", "\u{0D4E}<", "=\"alert"] {
                        #expect(!text.unicodeScalars.contains(markup.unicodeScalars), "\(page): \(markup)")
                    }
                    #expect(
                        !text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" || $0 == "\0" },
                        "\(page)"
                    )
                }
            }
            #expect(try await fixture.get("/\(page).htm").text.contains("&lt;script&gt;alert(1)"), "\(page)")
        }
        await fixture.stop()
    }

    @Test("a viewer sees every page, has no buttons, and is refused")
    func viewer() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        fixture.server.set { StatusData.fill(&$0) }
        let admin = Operator(name: "admin", role: .admin, way: .console)
        try await fixture.administrator.setOperator(name: "eve", password: "looks only 1", role: .viewer, by: admin)
        let header = ConsoleFixture.basic("eve", "looks only 1")
        for page in Self.pages {
            let answer = try await fixture.get("/\(page).htm", headers: header)
            #expect(answer.status == 200, "\(page)")
            #expect(!answer.text.contains("class=\"danger\"") && !answer.text.contains("name=\"do\""), "\(page)")
        }
        #expect(try await fixture.post("/stat.htm", ["do": "clear", "token": "x"], headers: header).status == 403)
        #expect(fixture.server.calls.isEmpty)
        await fixture.stop()
    }
}

extension String.UnicodeScalarView {
    fileprivate func contains(_ part: String.UnicodeScalarView) -> Bool {
        Array(self).firstRange(of: Array(part)) != nil
    }
}
