import Addresses
import Foundation
import ServerSettings
import Testing

@testable import Administration
@testable import Console

@Suite("The fleet in the console")
struct FleetPageTests {
    private static let report = FleetReport(
        servers: [
            .init(name: "one", kind: .own, state: "healthy", version: "0.1.0", load: 0.25, allocations: 40),
            .init(
                name: "stun.example.org:3478",
                kind: .peer,
                state: "clock-differs",
                version: "0.2.0",
                load: 1.5,
                allocations: 2,
                addresses: [
                    .init(
                        address: "192.0.2.2:3478",
                        state: "clock-differs",
                        roundTrip: 0.0125,
                        loss: 0.05,
                        clockDifference: -61,
                        pings: 60,
                        pongs: 57
                    )
                ],
                problem: "its clock is 61 s behind ours"
            ),
            .init(
                name: "192.0.2.9:3478/classic",
                kind: .classic,
                state: "lost",
                addresses: [.init(address: "192.0.2.9:3478", state: "lost", loss: 1)]
            ),
        ],
        hasKey: true
    )

    private func fixture() async throws -> ConsoleFixture {
        let fixture = try await ConsoleFixture()
        fixture.server.set { state in
            state.fleet = Self.report
            state.places = FleetPlaces(
                ownName: "one",
                key: Array(0..<32),
                others: [.init(name: "stun.example.org:3478", addresses: [], isAnswering: false)]
            )
        }
        return fixture
    }

    @Test("each server has a row with its figures, and what is wrong in words; sums are below")
    func servers() async throws {
        let fixture = try await fixture()
        let page = try await fixture.get("/fleet_en.htm").text
        for text in [
            "one (this server)", "stun.example.org:3478", "192.0.2.2:3478", "0.2.0", "150\u{A0}%", "12.5\u{A0}ms",
            "5\u{A0}%",
            "−61\u{A0}s", "its clock is 61 s behind ours", "<strong class=\"bad\">clock differs</strong>",
            "<strong class=\"bad\">lost</strong>",
            "1 of 3 servers can be used; allocations in all: 42.",
        ] { #expect(page.contains(text), "\(text)") }
        let german = try await fixture.get("/fleet_de.htm").text
        #expect(
            german.contains("<strong class=\"bad\">Uhr geht anders</strong>")
                && german.contains("Seine Uhr geht 61 s nach")
        )
        #expect(!german.contains("its clock"))
        await fixture.stop()
    }

    @Test("a server alone says how to get company, and one without a key that it asks nobody")
    func alone() async throws {
        let fixture = try await ConsoleFixture()
        #expect(try await fixture.get("/fleet_en.htm").text.contains("This server is alone"))
        var report = Self.report
        report.hasKey = false
        let keyless = report
        fixture.server.set { $0.fleet = keyless }
        #expect(try await fixture.get("/fleet_en.htm").text.contains("The other servers are not asked"))
        await fixture.stop()
    }

    @Test("statistics and sessions of all are shown when asked for, and who is missing is named")
    func tables() async throws {
        let fixture = try await fixture()
        fixture.server.set { state in
            state.rows = StatusData.rows(5) { "192.0.2.\($0):5" }
            state.sessions = StatusData.sessions(3, user: { "user\($0)" }, peers: 1)
        }
        let statistics = try await fixture.get("/fleet_en.htm?show=statistics").text
        #expect(statistics.contains("192.0.2.1:5") && statistics.contains("1 to 5 of 5"))
        #expect(statistics.contains("stun.example.org:3478 is missing here: it does not answer heartbeats"))
        #expect(!statistics.contains("data-live"))
        let sessions = try await fixture.get("/fleet_en.htm?show=sessions").text
        #expect(sessions.contains("user1") && sessions.contains("1 to 3 of 3"))
        #expect(try await fixture.get("/fleet_en.htm?show=%3Cscript%3E").text.contains("data-live"))
        await fixture.stop()
    }

    @Test("the API has the same")
    func endpoints() async throws {
        let fixture = try await fixture()
        fixture.server.set { $0.rows = StatusData.rows(5) { "192.0.2.\($0):5" } }
        #expect(try await fixture.get("/api/v1/fleet").json(FleetReport.self) == Self.report)
        let table = try await fixture.get("/api/v1/fleet/statistics?limit=2").json(Fleet.Statistics.self)
        #expect(table.rows.count == 2 && table.totalSources == 5)
        #expect(table.missing == [.init(server: "stun.example.org:3478", reason: "it does not answer heartbeats")])
        #expect(try await fixture.get("/api/v1/fleet/sessions").json(Fleet.Sessions.self).rows.isEmpty)
        #expect(try await fixture.get("/api/v1/fleet/sessions?limit=1001").status == 400)
        #expect(try await fixture.get("/api/v1/fleet/statistics?order=x").status == 400)
        await fixture.stop()
    }

    @Test("what is called by strangers is shown literally")
    func hostile() async throws {
        let fixture = try await fixture()
        for text in HostileTexts.all {
            var report = Self.report
            report.servers[1].version = text
            report.servers[1].problem = text
            let hostile = report
            fixture.server.set { $0.fleet = hostile }
            let page = try await fixture.get("/fleet_en.htm").text
            #expect(!page.contains("<script>alert") && !page.contains("<img"), "\(text)")
        }
        await fixture.stop()
    }

    @Test("a change can go to the other servers too: the preview asks, and what became of it is shown for each")
    func change() async throws {
        let fixture = try await fixture()
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8", "s-workers": "3"]))
        #expect(preview.text.contains("Also on the other servers: stun.example.org:3478"))
        #expect(preview.text.contains("belongs to this host: workers"))
        var fields = fixture.hidden(preview.text, "save")
        fields["fleet"] = "on"
        let saved = try await fixture.post("/admin.htm", fields)
        #expect(saved.status == 200)
        #expect(saved.text.contains("On the other servers") && saved.text.contains("it does not answer heartbeats"))
        #expect(fixture.server.settings.settings.logLevel == 8)
        // Of what belongs to this host alone nothing is offered.
        let own = try await fixture.post("/admin.htm", fixture.form(["s-workers": "4"]))
        #expect(!own.text.contains("Also on the other servers"))
        await fixture.stop()
    }

    @Test("the tables are searched, sorted and paged like those of one server, and stay what they are meanwhile")
    func search() async throws {
        let fixture = try await fixture()
        fixture.server.set { $0.rows = StatusData.rows(120) { "192.0.2.\($0):5" } }
        let first = try await fixture.get("/fleet_en.htm?show=statistics").text
        #expect(first.contains("1 to 50 of 120") && first.contains("name=\"show\" value=\"statistics\""))
        #expect(first.contains("href=\"/fleet_en.htm?show=statistics&amp;sort=hits\""))
        #expect(first.contains("href=\"/fleet_en.htm?show=statistics&amp;offset=50\""))
        #expect(first.contains("href=\"/api/v1/fleet/statistics\""))
        let found = try await fixture.get("/fleet_de.htm?show=statistics&search=192.0.2.119&sort=hits").text
        #expect(found.contains("192.0.2.119:5") && !found.contains("192.0.2.7:5") && found.contains("1 bis 1 von 1"))
        #expect(found.contains("name=\"sort\" value=\"hits\"") && found.contains("aria-sort=\"descending\""))
        #expect(found.contains("href=\"/api/v1/fleet/statistics?search=192.0.2.119&amp;sort=hits\""))
        #expect(try await fixture.get("/fleet_en.htm?show=sessions&search=x").text.contains("Nobody uses the relay"))
        // Of very many only the first are shown, and said to be.
        fixture.server.set { $0.rows = StatusData.rows(1200) { "\($0)" } }
        let last = try await fixture.get("/fleet_en.htm?show=statistics&offset=950").text
        #expect(last.contains("951 to 1000 of 1000") && last.contains("The first 1000 of 1200"))
        #expect(!last.contains("offset=1000"))
        await fixture.stop()
    }

    @Test("each server that answers has links to its own rows, which are shown alone then")
    func oneServer() async throws {
        let fixture = try await fixture()
        fixture.server.set { $0.rows = StatusData.rows(5) { "192.0.2.\($0):5" } }
        let page = try await fixture.get("/fleet_en.htm").text
        #expect(page.contains("href=\"/fleet_en.htm?show=sessions&amp;server=192.0.2.2%3A3478\""))
        #expect(page.contains("href=\"/fleet_en.htm?show=statistics&amp;server=one\""))
        #expect(!page.contains("server=192.0.2.9"))
        let own = try await fixture.get("/fleet_en.htm?show=statistics&server=one").text
        #expect(own.contains("Only one.") && own.contains("192.0.2.1:5") && !own.contains("is missing here"))
        #expect(own.contains("name=\"server\" value=\"one\""))
        #expect(try await fixture.get("/fleet_en.htm?show=statistics&server=nobody").status == 404)
        #expect(try await fixture.get("/api/v1/fleet/sessions?server=nobody").status == 404)
        let table = try await fixture.get("/api/v1/fleet/statistics?server=one").json(Fleet.Statistics.self)
        #expect(table.rows.count == 5 && table.missing.isEmpty)
        await fixture.stop()
    }

    @Test("a server is drained from its row after a question, by who may and with the form's token")
    func drain() async throws {
        let fixture = try await fixture()
        let page = try await fixture.get("/fleet_en.htm").text
        #expect(page.contains("href=\"/fleet_en.htm?drain=one#drain\"") && page.contains(">Drain…<"))
        #expect(page.contains("drain=192.0.2.2%3A3478") && !page.contains("drain=192.0.2.9"))
        #expect(!page.contains("name=\"do\""))
        let question = try await fixture.get("/fleet_en.htm?drain=192.0.2.2%3A3478")
        let asked = question.text
        #expect(asked.contains("Drain stun.example.org:3478?") && asked.contains("value=\"drain-stay\""))
        #expect(!asked.contains("server of this console"))
        #expect(try await fixture.get("/fleet_de.htm?drain=one").text.contains("Es ist der Server dieser Konsole"))
        #expect(try await !fixture.get("/fleet_en.htm?drain=192.0.2.9%3A3478").text.contains("name=\"do\""))
        #expect(fixture.server.calls.isEmpty)
        let token = question.formToken
        var fields = ["do": "drain-stay", "server": "one", "minutes": "5", "token": token]
        let done = try await fixture.post("/fleet_en.htm", fields)
        #expect(done.status == 303 && done.headers["location"] == "/fleet_en.htm?done=fleet_drain_begun")
        fields["do"] = "undrain"
        #expect(try await fixture.post("/fleet_en.htm", fields).headers["location"]?.contains("taken_back") == true)
        let who = #""anybody on this host" (console)"#
        #expect(fixture.server.calls == ["drain 300 true by \(who)", "undrain by \(who)"])
        // Another server that is silent says so, and nothing else is drained instead.
        fields = ["do": "drain", "server": "stun.example.org:3478", "token": token]
        let silent = try await fixture.post("/fleet_en.htm", fields)
        #expect(silent.status == 409 && silent.text.contains("it does not answer heartbeats"))
        for (button, server, status) in [("drain", "nobody", 404), ("drain", "", 404), ("what", "one", 400)] {
            fields = ["do": button, "server": server, "token": token]
            #expect(try await fixture.post("/fleet_en.htm", fields).status == status)
        }
        fields = ["do": "drain", "server": "one", "token": "0"]
        #expect(try await fixture.post("/fleet_en.htm", fields).status == 403)
        #expect(fixture.server.calls.count == 2)
        await fixture.stop()
    }

    @Test("a viewer sees no way to drain, and the API drains by name or says why not")
    func drainForPrograms() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        fixture.server.set { state in
            state.fleet = Self.report
            state.places = FleetPlaces(ownName: "one", key: Array(0..<32))
        }
        let person = Operator(name: "admin", role: .admin, way: .console)
        func header(_ role: OperatorRole) async throws -> [String: String] {
            let token = try await fixture.administrator.addToken(name: "\(role)", role: role, days: nil, by: person)
            return ["Authorization": "Bearer \(token.secret)", "Content-Type": "application/json"]
        }
        let (viewer, admin) = (try await header(.viewer), try await header(.admin))
        let page = try await fixture.get("/fleet_en.htm?drain=one", headers: viewer).text
        #expect(page.contains("one (this server)") && !page.contains("drain=192") && !page.contains("name=\"do\""))
        func drain(_ text: String, _ headers: [String: String]) async throws -> ConsoleFixture.Answer {
            try await fixture.send("POST", "/api/v1/fleet/drain", headers: headers, body: Data(text.utf8))
        }
        #expect(try await drain("{\"server\": \"one\"}", viewer).status == 403)
        let report = try await drain("{\"server\": \"one\", \"seconds\": 60}", admin).json(DrainReport.self)
        #expect(report.state == .draining && report.allocations == 2)
        #expect(try await drain("{}", admin).status == 400)
        #expect(try await drain("{\"server\": \"two\"}", admin).status == 404)
        #expect(try await drain("{\"server\": \"one\", \"seconds\": -1}", admin).status == 409)
        let back = try await fixture.send("DELETE", "/api/v1/fleet/drain?server=one", headers: admin)
        #expect(try back.json(DrainReport.self).state == .serving)
        #expect(try await fixture.send("DELETE", "/api/v1/fleet/drain", headers: admin).status == 400)
        #expect(fixture.server.calls == [#"drain 60 false by "admin" (token)"#, #"undrain by "admin" (token)"#])
        await fixture.stop()
    }

    @Test("what is wrong is said in the language of the page; what it has no words for stays as it is")
    func words() {
        func problem(
            _ state: String,
            _ text: String,
            _ kind: FleetReport.Kind = .peer,
            pongs: UInt64 = 0,
            hasKey: Bool = true
        ) -> String? {
            let server = FleetReport.Server(
                name: "x",
                kind: kind,
                state: state,
                addresses: [.init(address: "192.0.2.1:1", state: state, clockDifference: 7.5, pongs: pongs)],
                problem: text
            )
            #expect(FleetWords.problem(server, hasKey: hasKey, .of(.english)) == text)
            return FleetWords.problem(server, hasKey: hasKey, .of(.german))
        }
        #expect(problem("lost", "it has not answered for 9 s", pongs: 3)?.hasPrefix("Er antwortet nicht mehr") == true)
        #expect(problem("lost", "it has not answered yet")?.contains("UDP zu diesem Port") == true)
        #expect(problem("lost", "no STUN", .classic)?.contains("kein STUN-Server") == true)
        #expect(problem("unknown", "no key", hasKey: false)?.contains("cluster-key ist nicht gesetzt") == true)
        #expect(
            problem("lost", "nothing can be sent to it: Invalid argument")
                == "Ihm kann nichts geschickt werden: Invalid argument"
        )
        #expect(problem("clock-differs", "its clock")?.contains("7,5 s vor") == true)
        #expect(problem("healthy", "a name was not found") == "a name was not found")
        #expect(problem("unknown", "a name was not found") == "a name was not found")
        #expect(FleetWords.reason("it did not answer in time", .of(.german)).contains("rechtzeitig"))
        #expect(FleetWords.reason("something else", .of(.german)) == "something else")
        #expect(problem("unknown", "its address is not known yet") == "Seine Adresse ist noch nicht bekannt")
        let errors: [FleetChannelError] = [
            .untrusted, .tooLong, .noMemory, .transfer(.timedOut), .transfer(.tooLong), .transfer(.closed),
            .transfer(.system(SystemError(111))), .transfer(.system(SystemError(113))),
        ]
        for error in errors {
            #expect(FleetWords.reason("\(error)", .of(.english)) == "\(error)")
            let german = FleetWords.reason("\(error)", .of(.german))
            #expect(german != "\(error)" && !german.contains("{0}"), "\(german)")
        }
        #expect(FleetWords.reason("it refused: no", .of(.german)) == "Er hat abgelehnt: no")
        #expect(FleetWords.reason("it refused: its answer cannot be understood: x", .of(.german)).contains("Version"))
    }

    @Test("what the store of the fleet knows of all servers stands below, also while it is away")
    func store() async throws {
        let fixture = try await fixture()
        #expect(try await !fixture.get("/fleet_en.htm").text.contains("Redis"))
        let member = FleetReport.Store.Member(
            name: "192.0.2.7:3478",
            host: "<b>seven",
            version: "0.3.0",
            load: 0.5,
            allocations: 12345,
            isDraining: true,
            isAskedToDrain: true
        )
        var report = Self.report
        report.store = FleetReport.Store(
            place: "redis://192.0.2.5",
            isReached: true,
            members: Array(repeating: member, count: 60),
            memberCount: 61,
            allocations: 99,
            load: 0.25,
            counters: [.init(name: "requests-rfc8489", value: 77), .init(name: "drops-malformed", value: 0)]
        )
        let reached = report
        fixture.server.set { $0.fleet = reached }
        let page = try await fixture.get("/fleet_en.htm").text
        for text in [
            "61 servers in redis://192.0.2.5: 99 allocations, load 25\u{A0}% on average.", "192.0.2.7:3478",
            "&lt;b&gt;seven",
            "12\u{202F}345", "asked", "and 11 more", "requests-rfc8489",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(!page.contains("drops-malformed") && !page.contains("class=\"warning\""))
        report.store?.isReached = false
        report.store?.asksAllToDrain = true
        report.store?.trouble = "Connection refused"
        let lost = report
        fixture.server.set { $0.fleet = lost }
        let german = try await fixture.get("/fleet_de.htm").text
        for text in ["antwortet jetzt nicht", "Alle sollen keine neuen", "Connection refused", "verlangt"] {
            #expect(german.contains(text), "\(text)")
        }
        await fixture.stop()
    }
}
