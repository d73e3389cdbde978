import Administration
import Foundation
import HTTPTypes
import ServerSettings
import Testing

@testable import Console

@Suite("The API for programs")
struct APITests {
    private static let json = ["Content-Type": "application/json"]

    @Test("openapi.json describes the addresses that there are, and no other, and is served")
    func description() async throws {
        let fixture = try await ConsoleFixture()
        let answer = try await fixture.get("/api/v1/openapi.json")
        #expect(answer.headers["content-type"] == "application/json")
        let object = try JSONSerialization.jsonObject(with: Data(answer.text.utf8))
        let paths = try #require((object as? [String: Any])?["paths"] as? [String: [String: Any]])
        var described: Set<String> = []
        for (path, methods) in paths { for method in methods.keys { described.insert("\(method) \(path)") } }
        let endpoints = APIRoutes.endpoints(fixture.administrator)
        let served = Set(endpoints.map { "\($0.method.rawValue.lowercased()) \($0.path)" })
        #expect(described == served)
        // Queries, too: what is described is accepted, and the other way round.
        for endpoint in endpoints where !endpoint.path.hasPrefix("/explain") {
            let operation = paths[endpoint.path]?[endpoint.method.rawValue.lowercased()] as? [String: Any]
            let parameters = operation?["parameters"] as? [[String: Any]] ?? []
            let names = parameters.filter { $0["in"] as? String == "query" }.compactMap { $0["name"] as? String }
            #expect(Set(names) == endpoint.query, "\(endpoint.path)")
        }
        await fixture.stop()
    }

    @Test("every address that only reads answers with 200 and JSON or text, and HEAD with the same headers")
    func reads() async throws {
        let fixture = try await ConsoleFixture()
        for endpoint in APIRoutes.endpoints(fixture.administrator) where endpoint.method == .get {
            let query = endpoint.path == "/explain" ? "?subject=alice" : ""
            let answer = try await fixture.get("/api/v1\(endpoint.path)\(query)")
            #expect(answer.status == 200, "\(endpoint.path): \(answer.text)")
            let head = try await fixture.send("HEAD", "/api/v1\(endpoint.path)\(query)")
            #expect(head.status == 200 && head.text.isEmpty, "\(endpoint.path)")
            #expect(head.headers["content-type"] == answer.headers["content-type"], "\(endpoint.path)")
        }
        await fixture.stop()
    }

    @Test("a viewer may get everything and change nothing; nobody without a login gets anything")
    func roles() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let person = Operator(name: "admin", role: .admin, way: .console)
        let viewer = try await fixture.administrator.addToken(name: "v", role: .viewer, days: nil, by: person).secret
        let bearer = ["Authorization": "Bearer \(viewer)"].merging(Self.json) { $1 }
        for endpoint in APIRoutes.endpoints(fixture.administrator) {
            let path = "/api/v1" + endpoint.path.replacing("{", with: "").replacing("}", with: "")
            let query = endpoint.path == "/explain" ? "?subject=alice" : ""
            let stranger = try await fixture.send(endpoint.method.rawValue, path, headers: Self.json)
            #expect(stranger.status == 401, "\(endpoint.method) \(path)")
            let answer = try await fixture.send(endpoint.method.rawValue, path + query, headers: bearer)
            #expect(answer.status == (endpoint.method == .get ? 200 : 403), "\(endpoint.method) \(path)")
        }
        #expect(fixture.server.calls.isEmpty)
        await fixture.stop()
    }

    @Test("HTTP Basic, the cookie of the form and a token all let an admin change things")
    func ways() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let person = Operator(name: "admin", role: .admin, way: .console)
        let token = try await fixture.administrator.addToken(name: "t", role: .admin, days: 1, by: person).secret
        let login = try await fixture.post(
            "/login",
            ["token": "", "name": "admin", "password": ConsoleFixture.password]
        )
        let cookie = String(try #require(login.headers["set-cookie"]).prefix { $0 != ";" })
        for headers in [ConsoleFixture.basic(), ["Cookie": cookie], ["Authorization": "Bearer \(token)"]] {
            #expect(try await fixture.send("DELETE", "/api/v1/log", headers: headers).status == 204, "\(headers)")
        }
        #expect(fixture.server.calls == ["clearLog", "clearLog", "clearLog"])
        await fixture.stop()
    }

    @Test("queries become the server's own; the id of a session ends one, a subject all of it")
    func sessions() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set { $0.rows = (0..<5).map { .init(source: "192.0.2.\($0):1", lastAccess: $0) } }
        let page = try await fixture.get("/api/v1/statistics?search=192&offset=3&limit=9&sort=hits&reversed=true")
        let report = try page.json(StatisticsReport.self)
        #expect(report.rows.map(\.source) == ["192.0.2.3:1", "192.0.2.4:1"])
        #expect(report.totalSources == 5)
        #expect(try await fixture.send("DELETE", "/api/v1/sessions/0-15").status == 200)
        #expect(try await fixture.send("DELETE", "/api/v1/sessions?subject=al%20ice").status == 200)
        // A user's name is no id.
        #expect(try await fixture.send("DELETE", "/api/v1/sessions/9-9").status == 404)
        #expect(try await fixture.send("DELETE", "/api/v1/sessions").status == 400)
        #expect(
            fixture.server.calls == [
                #"disconnect session("0-15")"#, #"disconnect any("al ice")"#, #"disconnect session("9-9")"#,
            ]
        )
        await fixture.stop()
    }

    @Test("a drain begins with its time and its end, and is taken back; the log learns who wanted it")
    func drain() async throws {
        let fixture = try await ConsoleFixture()
        func post(_ body: String) async throws -> ConsoleFixture.Answer {
            try await fixture.send("POST", "/api/v1/drain", headers: Self.json, body: Data(body.utf8))
        }
        let begun = try await post(#"{"seconds": 600, "stay": true}"#)
        let report = try begun.json(DrainReport.self)
        #expect(begun.status == 200 && report.state == .draining && report.allocations == 2 && report.stays)
        #expect(try await fixture.get("/api/v1/status").json(ServerStatus.self).drain == report)
        #expect(try await post("{}").status == 200)
        for body in [#"{"seconds": -1}"#, #"{"seconds": 2592001}"#] { #expect(try await post(body).status == 409) }
        for body in [#"{"seconds": "1"}"#, #"{"until": 1}"#, ""] { #expect(try await post(body).status == 400) }
        let ended = try await fixture.send("DELETE", "/api/v1/drain")
        #expect(try ended.json(DrainReport.self).state == .serving)
        let who = #""anybody on this host" (console)"#
        #expect(
            fixture.server.calls == ["drain 600 true by \(who)", "drain - false by \(who)", "undrain by \(who)"],
            "\(fixture.server.calls)"
        )
        await fixture.stop()
    }

    @Test("settings are tried, changed, and taken back; null gives a setting its default")
    func settings() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 4 # quiet\n")
        let body = Data(#"{"values": {"log-level": "7", "relay-ports": null}}"#.utf8)
        let preview = try await fixture.send("POST", "/api/v1/settings/preview", headers: Self.json, body: body)
        #expect(try preview.json(SettingsPreview.self).rows.map(\.key) == ["log-level"])
        #expect(fixture.server.settings.settings.logLevel == 4)
        #expect(try await fixture.send("PATCH", "/api/v1/settings", headers: Self.json, body: body).status == 200)
        #expect(fixture.server.settings.settings.logLevel == 7)

        struct History: Decodable { let changes: [SettingsHistoryEntry] }
        let entry = try #require(try await fixture.get("/api/v1/settings/history").json(History.self).changes.first)
        #expect(entry.by?.name == "anybody on this host")
        #expect(try await fixture.send("POST", "/api/v1/settings/history/\(entry.id)/undo").status == 200)
        #expect(fixture.server.settings.settings.logLevel == 4)
        #expect(try await fixture.send("POST", "/api/v1/settings/history/99999/undo").status == 404)
        #expect(try await fixture.send("POST", "/api/v1/reload").status == 204)
        await fixture.stop()
    }

    @Test("a secret is told in the answer that makes it, and nowhere else")
    func secrets() async throws {
        let fixture = try await ConsoleFixture()
        var made: [String] = []
        for (path, body) in [
            ("users", #"{"name": "alice"}"#), ("secrets", #"{"id": "web"}"#),
            ("tokens", #"{"name": "prometheus", "role": "viewer"}"#),
        ] {
            let answer = try await fixture.send("POST", "/api/v1/\(path)", headers: Self.json, body: Data(body.utf8))
            #expect(answer.status == 201, "\(path): \(answer.text)")
            let secret = try answer.json(NewSecret.self).secret
            #expect(secret.count >= 20)
            made.append(secret)
        }
        let credential = try await fixture.send(
            "POST",
            "/api/v1/credentials",
            headers: Self.json,
            body: Data(#"{"user": "bob", "seconds": 60, "host": "turn.example.org"}"#.utf8)
        )
        let servers = try credential.json(CredentialReport.self).iceServers
        #expect(servers.last?.urls.first?.hasPrefix("turn:turn.example.org:3478") == true)
        made.append(try #require(servers.last?.credential))
        for endpoint in APIRoutes.endpoints(fixture.administrator) where endpoint.method == .get {
            let answer = try await fixture.get(
                "/api/v1\(endpoint.path)?\(endpoint.path == "/explain" ? "subject=a" : "")"
            )
            for secret in made { #expect(!answer.text.contains(secret), "\(endpoint.path)") }
        }
        for secret in made { #expect(!fixture.server.told.joined().contains(secret)) }
        for path in ["users/alice", "secrets/web", "tokens/prometheus"] {
            #expect(try await fixture.send("DELETE", "/api/v1/\(path)").status == 204, "\(path)")
            #expect(try await fixture.send("DELETE", "/api/v1/\(path)").status == 404, "\(path)")
        }
        await fixture.stop()
    }
}

@Suite("Tables for spreadsheets, RFC 4180")
struct APITableTests {
    @Test("no cell is a formula, whatever a stranger sent (row 26)")
    func formulas() throws {
        for text in ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "\u{FF1D}1"] {
            let cell = CSVText.cell(text)
            #expect(cell.hasPrefix("'") || cell.hasPrefix("\"'"), "\(cell)")
        }
        #expect(CSVText.cell("192.0.2.1:5") == "192.0.2.1:5")
    }

    @Test("quotes are doubled, also those that a combining mark makes one character with")
    func quotes() throws {
        #expect(CSVText.cell("a\"b") == "\"a\"\"b\"")
        #expect(CSVText.cell("a\"\u{301},b") == "\"a\"\"\u{301},b\"")
        #expect(CSVText.cell("a\r\nb") == "\"a\r\nb\"")
    }

    @Test("the hostile texts stay in their cells")
    func table() async throws {
        let fixture = try await ConsoleFixture()
        fixture.server.set { state in
            state.sessions = HostileTexts.all.map { text in
                .init(
                    id: "0-1",
                    user: text,
                    realm: "stund",
                    client: "192.0.2.1:1",
                    listener: "192.0.2.2:3478",
                    relays: [],
                    toPeers: .init(packets: 0, bytes: 0),
                    toClient: .init(packets: 0, bytes: 0),
                    age: 1,
                    expiresIn: 1
                )
            }
        }
        let answer = try await fixture.get("/api/v1/sessions.csv")
        #expect(answer.headers["content-type"] == "text/csv; charset=utf-8")
        #expect(answer.headers["content-disposition"]?.contains("attachment") == true)
        let rows = Self.parse(answer.text)
        #expect(rows.count == HostileTexts.all.count + 1)
        for (row, text) in zip(rows.dropFirst(), HostileTexts.all) {
            #expect(row.count == 17)
            #expect([text, "'" + text].contains(row.dropFirst().first))
        }
        await fixture.stop()
    }

    /// A reader of RFC 4180.
    private static func parse(_ text: String) -> [[String]] {
        var rows: [[String]] = [[""]]
        var isQuoted = false
        var rest = text.unicodeScalars[...]
        func add(_ scalar: Unicode.Scalar, to rows: inout [[String]]) {
            rows[rows.count - 1][rows[rows.count - 1].count - 1].unicodeScalars.append(scalar)
        }
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"" where isQuoted && rest.first == "\"":
                rest.removeFirst()
                add(scalar, to: &rows)
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: rows[rows.count - 1].append("")
            case "\r" where !isQuoted && rest.first == "\n":
                rest.removeFirst()
                rows.append([""])
            default: add(scalar, to: &rows)
            }
        }
        return rows.filter { $0 != [""] }
    }
}
