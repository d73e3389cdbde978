import Administration
import Foundation
import HTTPTypes
import Observability
import ServerSettings
import Testing

@testable import Console

@Suite("What the API refuses")
struct APIRefusalTests {
    private static let json = ["Content-Type": "application/json"]

    @Test("numbers out of range, words that are none and names that nobody knows are 400, never a trap")
    func queries() async throws {
        let fixture = try await ConsoleFixture()
        for query in [
            "statistics?offset=9223372036854775807&limit=1", "statistics?limit=9223372036854775807",
            "statistics?limit=99999999999999999999999", "statistics?offset=-1", "statistics?limit=",
            "statistics?limit=+5",
            "statistics?limit=5.0", "statistics?limit=%D9%A5", "statistics?sort=name", "statistics?reversed=yes",
            "statistics?serach=x", "statistics?search=%FF", "sessions?sort=hits",
            "log?level=10",
            "log?level=-1", "log?code=65536", "log?limit=x", "settings/history?limit=0", "status?x=1", "explain",
            "explain?user=alice", "explain?peer=example.org", "explain?subject=a&peer=192.0.2.1", "explain?peer=",
        ] {
            let answer = try await fixture.get("/api/v1/\(query)")
            #expect(answer.status == 400, "\(query): \(answer.text.prefix(200))")
            #expect(answer.headers["content-type"] == "application/problem+json", "\(query)")
            #expect(try answer.json(JSONAnswer.Problem.self).status == 400)
        }
        await fixture.stop()
    }

    @Test("bodies that are no JSON, have another type, lack a member or have one too many are 400")
    func bodies() async throws {
        let fixture = try await ConsoleFixture()
        for (path, body) in [
            ("users", ""), ("users", "{"), ("users", "[]"), ("users", "null"), ("users", "{}"),
            ("users", #"{"name": 5}"#),
            ("users", #"{"name": "a", "nmae": "b"}"#), ("users", #"{"name": "a", "replacing": "yes"}"#),
            ("credentials", #"{"user": "a", "seconds": 1e400}"#), ("credentials", #"{"user": "a", "seconds": 1.5}"#),
            ("tokens", #"{"name": "a", "role": "root"}"#), ("settings/preview", #"{"values": {"log-level": 8}}"#),
            ("settings/preview", #"{"values": ["log-level"]}"#), ("selftest", #"{"x": 1}"#),
            ("users", String(repeating: "[", count: 100_000)), ("users", "\u{FEFF}"),
        ] {
            let answer = try await fixture.send(
                "POST",
                "/api/v1/\(path)",
                headers: Self.json,
                body: Data(body.utf8)
            )
            #expect(answer.status == 400, "\(path) \(body.prefix(60)): \(answer.status) \(answer.text.prefix(200))")
        }
        let latin = Data([UInt8(ascii: "{"), 0x22, 0xFF, 0x22, UInt8(ascii: "}")])
        #expect(try await fixture.send("POST", "/api/v1/users", headers: Self.json, body: latin).status == 400)
        let large = Data(repeating: UInt8(ascii: " "), count: 300 << 10)
        #expect(try await fixture.send("POST", "/api/v1/users", headers: Self.json, body: large).status == 413)
        #expect(fixture.server.calls.isEmpty)
        await fixture.stop()
    }

    @Test("a change of settings that is wrong is 422 with each field's problem, and changes nothing")
    func settings() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 4\n")
        let body = Data(#"{"values": {"log-level": "12", "nothing": "1"}}"#.utf8)
        let answer = try await fixture.send("PATCH", "/api/v1/settings", headers: Self.json, body: body)
        #expect(answer.status == 422)
        let problems = try #require(try answer.json(JSONAnswer.Problem.self).problems)
        #expect(Set(problems.compactMap(\.key)) == ["log-level", "nothing"])
        #expect(fixture.server.settings.settings.logLevel == 4)
        await fixture.stop()
    }

    @Test("a file that became wrong is 422 on reload, and the old settings stay")
    func reload() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 4\n")
        let file = fixture.folder.appending(path: "stund.yaml")
        try "log-level: 99\n".write(to: file, atomically: true, encoding: .utf8)
        let answer = try await fixture.send("POST", "/api/v1/reload")
        #expect(answer.status == 422)
        #expect(answer.text.contains("log-level"))
        #expect(fixture.server.settings.settings.logLevel == 4)
        await fixture.stop()
    }

    @Test("what an address does not know as a method is 405 with those that it does")
    func methods() async throws {
        let fixture = try await ConsoleFixture()
        for (method, path, allowed) in [
            ("PUT", "/status", "GET, HEAD"), ("GET", "/users", "POST"), ("HEAD", "/users", "POST"),
            ("POST", "/statistics", "DELETE, GET, HEAD"), ("OPTIONS", "/settings", "GET, HEAD, PATCH"),
            ("TRACE", "/status", "GET, HEAD"), ("PATCH", "/operators/x", "DELETE, PUT"),
        ] {
            let answer = try await fixture.send(method, "/api/v1\(path)")
            #expect(answer.status == 405, "\(method) \(path)")
            #expect(answer.headers["allow"] == allowed, "\(method) \(path)")
            #expect(answer.headers["access-control-allow-origin"] == nil)
        }
        #expect(try await fixture.get("/api/v1/nothing").status == 404)
        await fixture.stop()
    }

    @Test("another site's page can change nothing: no form, no fetch, no DELETE, no preflight (row 26)")
    func forgery() async throws {
        let fixture = try await ConsoleFixture()
        let evil = ["Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"]
        for endpoint in APIRoutes.endpoints(fixture.administrator) where endpoint.method != .get {
            let path = "/api/v1" + endpoint.path.replacing("{", with: "").replacing("}", with: "")
            for headers in [
                ["Origin": "https://evil.example"], ["Origin": "null"], ["Sec-Fetch-Site": "cross-site"],
                ["Sec-Fetch-Site": "same-site"],
            ] {
                let headers = headers.merging(Self.json) { $1 }
                let answer = try await fixture.send(endpoint.method.rawValue, path, headers: headers)
                #expect(answer.status == 403, "\(endpoint.method) \(path) \(headers)")
            }
            // A browser asks before it sends what no form can send: the answer never allows it.
            let preflight = try await fixture.send(
                "OPTIONS",
                path,
                headers: evil.merging(["Access-Control-Request-Method": endpoint.method.rawValue]) { $1 }
            )
            #expect(preflight.status == 403)
            #expect(!preflight.headers.keys.contains { $0.hasPrefix("access-control") })
            // The form of a browser of before 2020, which says nothing of where it comes from.
            guard endpoint.method == .post else { continue }
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let answer = try await fixture.send(
                    "POST",
                    path,
                    headers: ["Content-Type": type],
                    body: Data("{}".utf8)
                )
                #expect(answer.status == 415, "\(path) \(type)")
            }
        }
        #expect(fixture.server.calls.isEmpty)
        await fixture.stop()
    }

    @Test("a token that is wrong is 401 every time, and locks out nobody who has a right one or a password")
    func wrongToken() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        for _ in 1...8 {
            let answer = try await fixture.get("/api/v1/status", headers: ["Authorization": "Bearer stund_wrong"])
            #expect(answer.status == 401)
            #expect(answer.headers["content-type"] == "application/problem+json")
        }
        #expect(try await fixture.get("/api/v1/status", headers: ConsoleFixture.basic()).status == 200)
        await fixture.stop()
    }

    @Test("hostile texts come back from the API as they are, as JSON")
    func hostile() async throws {
        let fixture = try await ConsoleFixture()
        for text in HostileTexts.all where text.utf8.count < 8000 {
            let answer = try await fixture.get("/api/v1/explain?subject=\(Fields.encoded(text))")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(try answer.json(Explanation.self).subject == text)
        }
        await fixture.stop()
    }
}

@Suite("Metrics, health and readiness")
struct APIMonitoringTests {
    @Test("metrics need a login unless http-metrics-open is on, and have the console's own times")
    func metrics() async throws {
        let closed = try await ConsoleFixture(hasPassword: true)
        #expect(try await closed.get("/metrics").status == 401)
        #expect(try await closed.get("/metrics", headers: ConsoleFixture.basic()).status == 200)
        await closed.stop()
        let open = try await ConsoleFixture(hasPassword: true, settings: "http-metrics-open: on\n")
        _ = try await open.get("/api/v1/version", headers: ConsoleFixture.basic())
        let answer = try await open.get("/metrics")
        #expect(answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(answer.text.hasSuffix("# EOF\n"))
        #expect(answer.text.contains("stund_http_request_duration_seconds_count{route=\"api\"} 1\n"))
        #expect(answer.text.contains("stund_http_request_duration_seconds_bucket{route=\"page\",le=\"+Inf\"} 0\n"))
        // Nobody else gets in by it.
        #expect(try await open.get("/api/v1/status").status == 401)
        await open.stop()
    }

    @Test("who asks only for the older text gets it: counters with their whole name, no unit, no end")
    func oldText() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set {
            $0.metrics = [
                .init("stund_requests", .counter, help: "Requests.", samples: [.init(5, suffix: "_total")]),
                .init("stund_build", .info, help: "The build.", samples: [.init(1, suffix: "_info")]),
            ]
        }
        let answer = try await fixture.get("/metrics", headers: ["Accept": "text/plain;version=0.0.4"])
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(answer.text.contains("# TYPE stund_requests_total counter\n"))
        #expect(answer.text.contains("stund_requests_total 5\n"))
        #expect(answer.text.contains("# TYPE stund_build_info gauge\n"))
        #expect(!answer.text.contains("# UNIT") && !answer.text.contains("# EOF"))
        let both = try await fixture.get(
            "/metrics",
            headers: ["Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"]
        )
        #expect(both.text.hasSuffix("# EOF\n"))
        await fixture.stop()
    }

    @Test("the buckets of a histogram grow, and the last one has all")
    func buckets() throws {
        let times = RequestTimes()
        for milliseconds in [0, 3, 3, 70, 9000] { times.observe(.milliseconds(milliseconds), .page) }
        let samples = times.family.samples.filter { $0.labels.first?.value == "page" }
        let buckets = samples.filter { $0.suffix == "_bucket" }.map(\.value)
        #expect(buckets == buckets.sorted())
        #expect(buckets.first == 1 && buckets.last == 5)
        #expect(samples.first { $0.suffix == "_count" }?.value == 5)
        #expect(samples.first { $0.suffix == "_sum" }.map { abs($0.value - 9.076) < 1e-9 } == true)
        #expect(RequestTimes.RouteClass(path: "/live/stat.htm") == nil)
    }

    @Test("readyz tells strangers which checks are bad, and only who has logged in why")
    func readiness() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        #expect(try await fixture.get("/healthz").text == "ok\n")
        #expect(try await fixture.get("/readyz").status == 200)
        fixture.server.set { $0.checks.append(Check("store", isGood: false, "/var/lib/secret-place is gone")) }
        let stranger = try await fixture.get("/readyz")
        #expect(stranger.status == 503)
        #expect(stranger.text.contains("store") && !stranger.text.contains("secret-place"))
        let admin = try await fixture.get("/readyz", headers: ConsoleFixture.basic())
        #expect(admin.status == 503)
        #expect(admin.text.contains("secret-place"))
        #expect(try await fixture.get("/healthz").status == 200)
        await fixture.stop()
    }
}
