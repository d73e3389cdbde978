import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("What the status pages do")
struct StatusActionsTests {
    private func filled() async throws -> ConsoleFixture {
        let fixture = try await ConsoleFixture()
        fixture.server.set { StatusData.fill(&$0) }
        return fixture
    }

    @Test("the first page says what is wrong, what to do, and before anything came how to try it")
    func overview() async throws {
        let fixture = try await ConsoleFixture()
        let calm = try await fixture.get("/index_en.htm").text
        #expect(calm.contains("stund answers STUN and TURN at 192.0.2.1:3478: 2 allocations now"))
        #expect(calm.contains("nothing is wrong") && !calm.contains("stun 192.0.2.1:3478"))
        fixture.server.set { state in
            state.status.counters = []
            state.status.listeners = ["udp 0.0.0.0:3478", "udp [::]:3478"]
        }
        let first = try await fixture.get("/index_en.htm").text
        #expect(first.contains("Nothing received yet") && first.contains("<pre>stun 192.0.2.1:3478</pre>"))
        #expect(first.contains("href=\"/test_en.htm\""))
        fixture.server.set { $0.checks = [Check("sockets", isGood: false, "1 of 2 workers answers: restart")] }
        let bad = try await fixture.get("/index_en.htm").text
        #expect(bad.contains("not ready for clients") && bad.contains("1 of 2 workers answers: restart"))
        #expect(bad.contains("one thing needs attention"))
        fixture.server.set { $0.status.listeners = [] }
        #expect(try await fixture.get("/index_en.htm").text.contains("stund answers nobody"))
        await fixture.stop()
    }

    @Test("a drain is begun and taken back on the first page, whose sentence says how it stands")
    func drain() async throws {
        let fixture = try await ConsoleFixture()
        let calm = try await fixture.get("/index_en.htm").text
        #expect(calm.contains("value=\"drain-stay\" data-ask=") && !calm.contains("value=\"undrain\""))
        let answer = try await fixture.post("/index_en.htm", ["do": "drain-stay", "minutes": "10"])
        #expect(answer.status == 303 && answer.headers["location"] == "/index_en.htm?done=drain_begun")
        fixture.server.set { $0.checks.append(Check("state", isGood: false, "The server takes no new allocations")) }
        let draining = try await fixture.get("/index_en.htm").text
        #expect(draining.contains("takes no new allocations and stays when none is left: 2 allocations now, until "))
        #expect(draining.contains("2026-11-29 22:00:00") && draining.contains("class=\"state verdict warn\""))
        #expect(!draining.contains("not ready for clients") && draining.contains("value=\"undrain\""))
        #expect(try await fixture.get("/index_de.htm").text.contains("nimmt keine neuen Allokationen an und bleibt"))
        _ = try await fixture.post("/index_en.htm", ["do": "drain", "minutes": ""])
        #expect(
            try await fixture.get("/index_en.htm").text.contains("ends when none is left: 2 allocations now, without")
        )
        fixture.server.set { $0.status.drain?.state = .drained }
        #expect(try await fixture.get("/index_en.htm").text.contains("stund has drained"))
        fixture.server.set { $0.checks.append(Check("store", isGood: false, "gone")) }
        #expect(try await fixture.get("/index_en.htm").text.contains("not ready for clients"))
        _ = try await fixture.post("/index_en.htm", ["do": "undrain"])
        let who = #""anybody on this host" (console)"#
        #expect(
            fixture.server.calls == ["drain 600 true by \(who)", "drain - false by \(who)", "undrain by \(who)"],
            "\(fixture.server.calls)"
        )
        for minutes in ["-1", "+5", "1.5", "123456", "x"] {
            #expect(try await fixture.post("/index_en.htm", ["do": "drain", "minutes": minutes]).status == 400)
        }
        #expect(try await fixture.post("/index_en.htm", ["do": "drain", "token": "0"]).status == 403)
        #expect(try await fixture.post("/index_en.htm", ["do": "what"]).status == 400)
        await fixture.stop()
    }

    @Test("a viewer sees that the server drains, and no button")
    func drainForViewers() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        fixture.server.set { $0.status.drain = DrainReport(state: .draining, since: "x", allocations: 1) }
        let person = Operator(name: "admin", role: .admin, way: .console)
        let token = try await fixture.administrator.addToken(name: "v", role: .viewer, days: nil, by: person).secret
        let text = try await fixture.get("/index_en.htm", headers: ["Authorization": "Bearer \(token)"]).text
        #expect(text.contains("stund takes no new allocations"))
        #expect(!text.contains("undrain") && !text.contains("drain-stay"))
        await fixture.stop()
    }

    @Test("the overview shows four charts with words for those who don't see them, and links to Explain")
    func overviewParts() async throws {
        let fixture = try await filled()
        for (span, word) in [("", "last hour"), ("?span=day", "last day")] {
            let text = try await fixture.get("/index_en.htm\(span)").text
            #expect(text.ranges(of: "role=\"img\"").count == 4)
            #expect(text.ranges(of: "aria-label=\"Requests a second, \(word): now ").count == 1)
            #expect(text.contains("href=\"/explain_en.htm?subject=bob\""))
            #expect(text.contains("RFC 3489") && text.contains("chmod 600"))
        }
        await fixture.stop()
    }

    @Test("the statistics have the manual's columns, mark who is silent in words, and lead on from page to page")
    func statistics() async throws {
        let fixture = try await filled()
        let text = try await fixture.get("/stat_en.htm").text
        let columns = [
            "Source Address", "Last Access", "Hits", "No Change", "Change IP", "Change Port", "Error", "Mirror Setup",
            "Mirror Forwards",
        ]
        var rest = text[...]
        for column in columns {
            let range = try #require(
                rest.firstRange(of: ">\(column)<") ?? rest.firstRange(of: ">\(column)&nbsp;<"),
                "\(column)"
            )
            rest = rest[range.upperBound...]
        }
        #expect(text.ranges(of: "<tr class=\"silent\">").count == 16)
        #expect(text.ranges(of: "<span class=\"tag\">silent</span> 9232").count == 1)
        #expect(text.contains("aria-sort=\"ascending\"") && text.contains("1 to 50 of 130"))
        #expect(text.contains("href=\"/stat_en.htm?offset=50\"") && !text.contains("rel=\"prev\""))
        #expect(text.contains("href=\"/stat_en.htm?sort=hits\""))
        let last = try await fixture.get("/stat_en.htm?sort=hits&reversed=true&search=192&offset=100").text
        #expect(last.contains("101 to 130 of 130") && !last.contains("rel=\"next\""))
        #expect(last.contains("href=\"/stat_en.htm?search=192&amp;sort=hits&amp;reversed=true&amp;offset=50\""))
        #expect(last.contains("href=\"/api/v1/statistics.csv?search=192&amp;sort=hits&amp;reversed=true\""))
        #expect(last.contains("<input type=\"hidden\" name=\"sort\" value=\"hits\">"))
        #expect(try await fixture.get("/stat_en.htm?search=nobody").text.contains("No source fits"))
        #expect(try await fixture.get("/stat_en.htm?offset=-5&sort=x&limit=9999999").text.contains("1 to 50 of 130"))
        await fixture.stop()
    }

    @Test("Clear empties statistics and log, with the form's token only")
    func clears() async throws {
        let fixture = try await filled()
        for (page, call) in [("stat", "clearStatistics"), ("log", "clearLog")] {
            #expect(try await fixture.post("/\(page)_en.htm", ["do": "clear", "token": "0"]).status == 403)
            #expect(!fixture.server.calls.contains(call))
            let answer = try await fixture.post("/\(page)_en.htm", ["do": "clear"])
            #expect(answer.status == 303 && answer.headers["location"] == "/\(page)_en.htm?done=\(page)_cleared")
            #expect(fixture.server.calls.contains(call))
            #expect(try await fixture.post("/\(page)_en.htm", ["do": "what"]).status == 400)
        }
        #expect(try await fixture.get("/stat_en.htm?done=stat_cleared").text.contains("The statistics are empty."))
        await fixture.stop()
    }

    @Test("allocations show who, where and how much, and end one by one or all of a user")
    func allocations() async throws {
        let fixture = try await filled()
        let text = try await fixture.get("/alloc_en.htm").text
        #expect(text.ranges(of: "name=\"end\"").count == 25 && text.contains("1 to 25 of 60"))
        #expect(text.contains("203.0.113.1, 4 min 10 s left") && text.contains("0x4000 is 203.0.113.0:40000"))
        #expect(text.contains("href=\"/explain_en.htm?subject=user3\"") && text.contains("1.2\u{A0}kB ↓"))
        let answer = try await fixture.post("/alloc_en.htm?sort=bytes&offset=25", ["end": "0-4"])
        #expect(answer.headers["location"] == "/alloc_en.htm?sort=bytes&offset=25&done=alloc_ended")
        _ = try await fixture.post("/alloc_en.htm", ["end-user": "1-7"])
        let gone = try await fixture.post("/alloc_en.htm", ["end-user": "9-9"])
        #expect(gone.headers["location"] == "/alloc_en.htm?done=alloc_gone")
        #expect(try await fixture.post("/alloc_en.htm", ["end": "0-4", "token": "0"]).status == 403)
        #expect(fixture.server.calls == [#"disconnect session("0-4")"#, #"disconnect user("user7")"#])
        fixture.server.set { state in
            state.sessions = []
            state.status.relay = nil
        }
        #expect(try await fixture.get("/alloc_en.htm").text.contains("The relay is off"))
        await fixture.stop()
    }

    @Test("the log shows the packet in hex beside its words, newest first or last, and older ones on other pages")
    func log() async throws {
        let fixture = try await filled()
        let text = try await fixture.get("/log_en.htm").text
        #expect(text.ranges(of: "<li class=").count == 50)
        #expect(
            text.contains("<pre tabindex=\"0\">00 01 00 08 2b 8c 53 0c 00 03 00 04 00 00 00 00\n01 02 03 04 05</pre>")
        )
        #expect(text.contains("<pre tabindex=\"0\">Binding request, rosenberg, 16 bytes\nCHANGE-REQUEST none</pre>"))
        #expect(text.contains("href=\"/help_en.htm?code=1006\"") && text.contains("2026-11-24 14:11:"))
        #expect(text.contains("Received pdu</span> from <a href=\"/explain_en.htm?subject=217.230.186.106%3A29508\""))
        let newest = try #require(text.firstRange(of: "the reason is 115"))
        let older = try #require(text.firstRange(of: "the reason is 105"))
        #expect(newest.lowerBound < older.lowerBound)
        let turned = try await fixture.get("/log_en.htm?order=oldest").text
        let last = try #require(turned.firstRange(of: "the reason is 115"))
        #expect(try #require(turned.firstRange(of: "the reason is 105")).lowerBound < last.lowerBound)
        #expect(text.contains("href=\"/log_en.htm?offset=50\""))
        let end = try await fixture.get("/log_en.htm?offset=100").text
        #expect(end.ranges(of: "<li class=").count == 20 && !end.contains(">Older<") && end.contains(">Newer<"))
        await fixture.stop()
    }

    @Test("the log is filtered by level, number and text, and downloads have the same filter")
    func logFilter() async throws {
        let fixture = try await filled()
        let text = try await fixture.get("/log_en.htm?level=4&code=1017&search=Send").text
        #expect(text.ranges(of: "<li class=\"urgent\"").count == 12 && text.ranges(of: "<li class=").count == 24)
        #expect(text.contains("/api/v1/log.txt?level=4&amp;code=1017&amp;search=Send"))
        #expect(text.contains("<option value=\"4\" selected>4 – warning</option>"))
        #expect(try await fixture.get("/log_en.htm?level=99&code=abc").text.ranges(of: "<li class=").count == 50)
        #expect(try await fixture.get("/log_en.htm?search=nothing").text.contains("No message fits."))
        await fixture.stop()
    }

    @Test("long packets make a page of fewer messages, not a long one")
    func logSize() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set { state in
            state.log = StatusData.log(80)
            for index in state.log.indices { state.log[index].pdu = String(repeating: "ab", count: 1500) }
        }
        let text = try await fixture.get("/log_en.htm").text
        let count = text.ranges(of: "<li class=").count
        #expect(count > 10 && count < 50 && text.contains("... (1180 more bytes)"))
        #expect(text.contains("href=\"/log_en.htm?offset=\(count)\""))
        await fixture.stop()
    }

    @Test("the log level is set on the page; a wrong one is refused there, a fixed one is said to be")
    func logLevel() async throws {
        let fixture = try await ConsoleFixture()
        let answer = try await fixture.post("/log_en.htm", ["do": "level", "log-level": "8"])
        #expect(answer.headers["location"] == "/log_en.htm?done=log_level")
        #expect(fixture.server.settings.settings.logLevel == 8)
        #expect(try await fixture.get("/log_en.htm").text.contains("Messages up to level 8 are kept."))
        let wrong = try await fixture.post("/log_en.htm", ["do": "level", "log-level": "eleven"])
        #expect(wrong.status == 200 && wrong.text.contains("class=\"problem\"") && wrong.text.contains("eleven"))
        #expect(fixture.server.settings.settings.logLevel == 8)
        await fixture.stop()

        let fixed = try await ConsoleFixture(flags: ["log-level": "3"])
        let text = try await fixed.get("/log_en.htm").text
        #expect(text.contains("It is fixed by --log-level") && !text.contains("name=\"log-level\""))
        await fixed.stop()
    }
}
