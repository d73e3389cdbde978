import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("Users and keys")
struct AdministrationUsersTests {
    @Test("a password that is made is shown once")
    func addUser() async throws {
        let fixture = try await ConsoleFixture()
        let answer = try await fixture.post("/users.htm", ["do": "addUser", "name": "alice", "comment": "first"])
        #expect(answer.status == 200)
        let password = try #require(answer.text.firstMatch(of: /<pre id="made">([^<]+)<\/pre>/)).output.1
        #expect(answer.headers["cache-control"] == "no-store")
        let page = try await fixture.get("/users.htm")
        #expect(page.text.contains("<bdi>alice</bdi>"))
        #expect(!page.text.contains(password))
        let command = UsersCommand.text("removeUser", [("name", "alice"), ("realm", "stund")])
        #expect(page.text.contains("value=\"\(command.replacing("&", with: "&amp;"))\""))
        let removed = try await fixture.post("/users.htm", ["do": command])
        #expect(removed.headers["location"] == "/users.htm?done=removeUser")
        #expect(!(try await fixture.get("/users.htm")).text.contains("alice"))
        await fixture.stop()
    }

    @Test("a password that was given is not shown, and an error keeps the name")
    func givenPassword() async throws {
        let fixture = try await ConsoleFixture()
        let fields = ["do": "addUser", "name": "alice", "password": "wonderland"]
        #expect(try await fixture.post("/users.htm", fields).status == 303)
        let again = try await fixture.post("/users.htm", fields)
        #expect(again.status == 422)
        #expect(again.text.contains("name=\"name\" required value=\"alice\""))
        #expect(!again.text.contains("wonderland"))
        await fixture.stop()
    }

    @Test("a new password of a user keeps the remark")
    func newPassword() async throws {
        let fixture = try await ConsoleFixture()
        _ = try await fixture.post("/users.htm", ["do": "addUser", "name": "alice", "comment": "the first one"])
        let command = UsersCommand.text("setUser", [("name", "alice"), ("realm", "stund")])
        #expect(try await fixture.post("/users.htm", ["do": command]).text.contains("id=\"made\""))
        #expect(try await fixture.get("/users.htm").text.contains("the first one"))
        await fixture.stop()
    }

    @Test("a secret is added, retired and removed")
    func secrets() async throws {
        let fixture = try await ConsoleFixture()
        for id in ["old", "new"] {
            #expect(try await fixture.post("/users.htm", ["do": "addSecret", "id": id]).text.contains("id=\"made\""))
        }
        #expect(try await fixture.get("/users.htm").text.contains("still accepted"))
        let retire = UsersCommand.text("retireSecret", [("id", "old")])
        #expect(try await fixture.post("/users.htm", ["do": retire]).status == 303)
        #expect(try await fixture.get("/users.htm").text.contains("<td>retired "))
        let remove = UsersCommand.text("removeSecret", [("id", "old")])
        #expect(try await fixture.post("/users.htm", ["do": remove]).status == 303)
        #expect(try await fixture.administrator.accounts().secrets.map(\.id) == ["new"])
        await fixture.stop()
    }

    @Test("a credential comes as iceServers and as a line for coturn's client")
    func credential() async throws {
        let fixture = try await ConsoleFixture()
        let fields = ["do": "credential", "user": "o'hara", "hours": "2", "host": "turn.example.org:3480"]
        let answer = try await fixture.post("/users.htm", fields)
        #expect(answer.status == 200)
        #expect(answer.text.contains("&quot;iceServers&quot;"))
        #expect(answer.text.contains("-p 3480 "))
        #expect(answer.text.contains("turn.example.org"))
        #expect(answer.text.contains("o&#39;\\&#39;&#39;hara"))
        let wrong = try await fixture.post("/users.htm", ["do": "credential", "user": "x", "hours": "soon"])
        #expect(wrong.status == 422)
        #expect(wrong.text.contains("no whole number"))
        await fixture.stop()
    }

    @Test("people are added with a password typed twice, and removed")
    func people() async throws {
        let fixture = try await ConsoleFixture()
        var fields = ["do": "setOperator", "name": "vera", "password": "long enough", "role": "viewer"]
        fields["password-2"] = "something else"
        #expect(try await fixture.post("/users.htm", fields).status == 422)
        fields["password-2"] = "long enough"
        #expect(try await fixture.post("/users.htm", fields).status == 303)
        #expect(try await fixture.get("/users.htm").text.contains("<bdi>vera</bdi>"))
        let remove = UsersCommand.text("removeOperator", [("name", "vera")])
        #expect(try await fixture.post("/users.htm", ["do": remove]).status == 303)
        await fixture.stop()
    }

    @Test("a token is shown once, works, and is gone when it is removed")
    func token() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let basic = ConsoleFixture.basic()
        let fields = ["do": "addToken", "name": "grafana", "role": "viewer", "days": "30"]
        let answer = try await fixture.post("/users.htm", fields, headers: basic)
        let token = try #require(answer.text.firstMatch(of: /<pre id="made">([^<]+)<\/pre>/)).output.1
        #expect(answer.text.contains("curl -H"))
        #expect(!(try await fixture.get("/users.htm", headers: basic)).text.contains(token))
        let bearer = ["Authorization": "Bearer \(token)"]
        let page = try await fixture.get("/users.htm", headers: bearer)
        #expect(page.status == 200)
        #expect(!page.text.contains("<button name=\"do\""))
        let remove = UsersCommand.text("removeToken", [("name", "grafana")])
        #expect(try await fixture.post("/users.htm", ["do": remove], headers: basic).status == 303)
        #expect(try await fixture.get("/users.htm", headers: bearer).status == 401)
        await fixture.stop()
    }

    @Test("a viewer sees the pages without forms, and may change nothing")
    func viewer() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let person = Operator(name: "admin", role: .admin, way: .console)
        try await fixture.administrator.setOperator(name: "vera", password: "long enough", role: .viewer, by: person)
        _ = try await fixture.administrator.addUser(
            name: "alice",
            realm: nil,
            password: nil,
            comment: "",
            replacing: false,
            by: person
        )
        let vera = ConsoleFixture.basic("vera", "long enough")
        for name in ["admin", "users", "info", "license", "explain"] {
            let page = try await fixture.get("/\(name).htm", headers: vera)
            #expect(page.status == 200, "\(name)")
            #expect(!page.text.contains("method=\"post\""), "\(name)")
            let token = try await fixture.get("/users.htm", headers: ConsoleFixture.basic()).formToken
            let answer = try await fixture.post("/\(name).htm", ["token": token, "do": "save"], headers: vera)
            #expect(answer.status == 403, "\(name)")
        }
        #expect(try await fixture.get("/admin.htm", headers: vera).text.contains("<output id=\"s-log-level\""))
        await fixture.stop()
    }

    @Test("hostile names are shown literally, and a thousand users fit into 60 kB (row 26)")
    func hostile() async throws {
        let fixture = try await ConsoleFixture(settings: Self.manyUsers)
        let person = Operator(name: "<script>alert(1)</script>", role: .admin, way: .token)
        for text in HostileTexts.all where text.utf8.count < 500 {
            _ = try? await fixture.administrator.addUser(
                name: text,
                realm: nil,
                password: nil,
                comment: text,
                replacing: false,
                by: person
            )
            let page = try await fixture.post(
                "/users.htm",
                ["do": "addUser", "name": text, "comment": text, "host": text]
            )
            for markup in HostileTexts.markup { #expect(!page.text.contains(markup), "\(text.debugDescription)") }
        }
        for search in ["script", "img", "textarea", "<"] {
            let page = try await fixture.get("/users.htm?search=\(Fields.encoded(search))")
            #expect(page.text.contains("&lt;"))
            for markup in HostileTexts.markup { #expect(!page.text.contains(markup), "\(search)") }
        }
        let page = try await fixture.get("/users.htm?search=a")
        #expect(page.text.utf8.count < 60_000)
        print("users page: \(page.text.utf8.count) bytes")
        await fixture.stop()
    }

    private static let manyUsers = "turn-users:\n" + (1...1000).map { "  - alice\($0):wonderland\n" }.joined()
}
