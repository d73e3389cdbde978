import Addresses
import Administration
import ServerSettings
import Testing

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
            "−61\u{A0}s", "its clock is 61 s behind ours", "<strong>clock differs</strong>", "<strong>lost</strong>",
            "1 of 3 servers can be used; 42 allocations in all.",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(try await fixture.get("/fleet_de.htm").text.contains("<strong>Uhr geht anders</strong>"))
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
        #expect(statistics.contains("192.0.2.1:5") && statistics.contains("5 of 5 shown"))
        #expect(statistics.contains("stun.example.org:3478 is missing here: it does not answer heartbeats"))
        #expect(!statistics.contains("data-live"))
        let sessions = try await fixture.get("/fleet_en.htm?show=sessions").text
        #expect(sessions.contains("user1") && sessions.contains("3 of 3 shown"))
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
}
