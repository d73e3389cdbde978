import Addresses
import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("Who gets into the console")
struct AccessTests {
    @Test("without a password this host gets in, and the page says that everybody may")
    func openOnThisHost() async throws {
        let fixture = try await ConsoleFixture()
        let answer = try await fixture.get("/")
        #expect(answer.status == 200)
        #expect(answer.text.contains("no password set"))
        await fixture.stop()
    }

    @Test("without a password another host's name is refused, as DNS rebinding would have it (row 26)")
    func foreignHost() async throws {
        let fixture = try await ConsoleFixture()
        for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]"] {
            #expect(try await fixture.get("/", headers: ["Host": host]).status == 421, "\(host)")
        }
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:5068", "[::1]:5068", "[::1]", "a.localhost"] {
            #expect(try await fixture.get("/", headers: ["Host": host]).status == 200, "\(host)")
        }
        await fixture.stop()
    }

    @Test("on IPv6 it is the same: loopback alone without a password, and the brake for a /64")
    func ipv6() async throws {
        let open = try await ConsoleFixture(settings: "http-address: ::1\n")
        #expect(open.console.url?.hasPrefix("http://[::1]:") == true)
        #expect(try await open.get("/").status == 200)
        await open.stop()
        let fixture = try await ConsoleFixture(hasPassword: true, settings: "http-address: ::1\n")
        for _ in 1...5 { #expect(try await fixture.get("/", headers: ConsoleFixture.basic("a", "b")).status == 401) }
        #expect(try await fixture.get("/", headers: ConsoleFixture.basic()).status == 429)
        #expect(fixture.server.told.contains { $0.hasPrefix("1123 ") && $0.contains("from ::1") })
        await fixture.stop()
    }

    @Test("where the console listens follows from password and http-address")
    func addresses() throws {
        func address(_ change: (inout Settings) throws -> Void) rethrows -> ConsoleAddress {
            var settings = Settings()
            try change(&settings)
            return ConsoleAddress(settings)
        }
        let v4 = try #require(IPAddress("192.0.2.1"))
        #expect(address { _ in }.hosts == ["127.0.0.1"])
        #expect(address { $0.httpAddress = [v4] }.hosts == ["127.0.0.1"])
        #expect(address { $0.httpPasswordHash = "x" }.hosts == ["::"])
        let set = address { ($0.httpPasswordHash, $0.httpAddress) = ("x", [v4]) }
        #expect(set.hosts == ["192.0.2.1"] && !set.isLocal)
        #expect(address { $0.httpPort = 5070 }.ports.prefix(3) == [5070, 5068, 5069])
        #expect(address { $0.httpPort = 5070 }.ports.count == 32)
    }

    @Test("with a password a browser is sent to the form, and a script is asked for HTTP Basic")
    func asksForLogin() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let browser = try await fixture.get("/log.htm", headers: ["Accept": "text/html"])
        #expect(browser.status == 303)
        #expect(browser.headers["location"] == "/login?next=%2Flog.htm")
        let script = try await fixture.get("/", headers: ["Accept": "*/*"])
        #expect(script.status == 401)
        #expect(script.headers["www-authenticate"]?.hasPrefix("Basic ") == true)
        await fixture.stop()
    }

    @Test("X-Forwarded-For changes nothing: the brake counts the connection's address")
    func forwardedFor() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        for number in 1...5 {
            let headers = ConsoleFixture.basic("admin", "wrong \(number)")
                .merging(["X-Forwarded-For": "198.51.100.\(number)"]) { $1 }
            #expect(try await fixture.get("/", headers: headers).status == 401)
        }
        let answer = try await fixture.get("/", headers: ConsoleFixture.basic())
        #expect(answer.status == 429)
        #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 > 20)
        #expect(fixture.server.told.contains { $0.hasPrefix("1123 ") && $0.contains("from 127.0.0.1") })
        #expect(!fixture.server.told.joined().contains("wrong 1"))
        await fixture.stop()
    }

    @Test("HTTP Basic with the right password gets in, again and again, until the password changes")
    func basic() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        for _ in 1...3 { #expect(try await fixture.get("/", headers: ConsoleFixture.basic()).status == 200) }
        let person = Operator(name: "admin", role: .admin, way: .console)
        let change = SettingsChange(["http-password-hash": try PasswordHash(password: "another one").description])
        _ = try await fixture.administrator.apply(change, by: person)
        #expect(try await fixture.get("/", headers: ConsoleFixture.basic()).status == 401)
        #expect(try await fixture.get("/", headers: ConsoleFixture.basic("admin", "another one")).status == 200)
        await fixture.stop()
    }

    @Test("a viewer stays logged in and may change nothing; who is removed is out at once")
    func viewer() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let person = Operator(name: "admin", role: .admin, way: .console)
        let password = "a viewer's password"
        let administrator = fixture.administrator
        try await administrator.setOperator(name: "vera", password: password, role: .viewer, by: person)
        let login = try await fixture.post("/login", ["token": "", "name": "vera", "password": password])
        let cookie = ["Cookie": String(try #require(login.headers["set-cookie"]).prefix { $0 != ";" })]
        for headers in [cookie, ConsoleFixture.basic("vera", password)] {
            for _ in 1...2 { #expect(try await fixture.get("/stat.htm", headers: headers).status == 200) }
            #expect(try await fixture.post("/stat.htm", ["clear": "1"], headers: headers).status == 403)
        }
        #expect(fixture.server.calls.isEmpty)
        try await administrator.removeOperator(name: "vera", by: person)
        for headers in [cookie, ConsoleFixture.basic("vera", password)] {
            #expect(try await fixture.get("/stat.htm", headers: headers).status == 401)
        }
        await fixture.stop()
    }

    @Test("the form begins a session whose cookie no script and no other site can use; logging out ends it")
    func session() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let wrong = try await fixture.post("/login", ["token": "", "name": "admin", "password": "no"])
        #expect(wrong.status == 401)
        #expect(wrong.text.contains("do not belong together"))
        let right = try await fixture.post(
            "/login",
            ["token": "", "name": "admin", "password": ConsoleFixture.password, "next": "//evil.example/"]
        )
        #expect(right.status == 303)
        #expect(right.headers["location"] == "/")
        let cookie = try #require(right.headers["set-cookie"])
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        let header = ["Cookie": String(cookie.prefix { $0 != ";" })]
        let page = try await fixture.get("/", headers: header)
        #expect(page.status == 200)
        #expect(try await fixture.post("/logout", ["token": "0"], headers: header).status == 403)
        #expect(try await fixture.post("/logout", ["token": page.formToken], headers: header).status == 303)
        #expect(try await fixture.get("/", headers: header).status == 401)
        await fixture.stop()
    }

    @Test("a form that the page of another site sends is not carried out")
    func foreignOrigin() async throws {
        let fixture = try await ConsoleFixture()
        let token = try await fixture.get("/").formToken
        for headers in [["Origin": "https://evil.example"], ["Sec-Fetch-Site": "cross-site"], ["Origin": "null"]] {
            #expect(try await fixture.post("/stat.htm", ["token": token], headers: headers).status == 403, "\(headers)")
        }
        await fixture.stop()
    }

    @Test("every answer has a policy that forbids scripts of others, and framing")
    func securityHeaders() async throws {
        let fixture = try await ConsoleFixture()
        for path in ["/", "/nothing.htm", "/login", "/api/v1/nothing"] {
            let answer = try await fixture.get(path)
            #expect(answer.headers["content-security-policy"]?.contains("default-src 'none'") == true, "\(path)")
            #expect(answer.headers["content-security-policy"]?.contains("unsafe") == false, "\(path)")
            #expect(answer.headers["x-content-type-options"] == "nosniff", "\(path)")
        }
        await fixture.stop()
    }
}

@Suite("The brake on guessing")
struct LoginBrakeTests {
    @Test("five wrong passwords lock a client out for thirty seconds, and no other client (row 26)")
    func locks() throws {
        let brake = LoginBrake()
        let now = ContinuousClock.now
        let client = try #require(IPAddress("192.0.2.1"))
        let other = try #require(IPAddress("192.0.2.2"))
        for number in 1...4 { #expect(!brake.failed(client, now: now), "\(number)") }
        #expect(brake.wait(for: client, now: now) == nil)
        #expect(brake.failed(client, now: now))
        #expect(brake.wait(for: client, now: now) == .seconds(30))
        #expect(brake.wait(for: other, now: now) == nil)
        #expect(brake.wait(for: client, now: now + .seconds(31)) == nil)
    }

    @Test("an IPv6 client is its /64, and a right password forgets the wrong ones")
    func prefix() throws {
        let brake = LoginBrake()
        let now = ContinuousClock.now
        for number in 1...4 { _ = brake.failed(try #require(IPAddress("2001:db8::\(number)")), now: now) }
        #expect(brake.failed(try #require(IPAddress("2001:db8::ffff")), now: now))
        let client = try #require(IPAddress("192.0.2.1"))
        for _ in 1...4 { _ = brake.failed(client, now: now) }
        brake.succeeded(client)
        #expect(!brake.failed(client, now: now))
    }

    @Test("a million clients that fail cost bounded memory")
    func bounded() throws {
        let brake = LoginBrake()
        for number in 0..<10_000 {
            _ = brake.failed(try #require(IPAddress("10.0.\(number >> 8).\(number & 255)")))
        }
        #expect(brake.count <= 4096)
    }
}
