import AccountStore
import Foundation
import STUNAuthentication
import ServerSettings
import Synchronization
import Testing

@testable import Administration

@Suite("Users and secrets changed while the server runs")
struct AccountChangeTests {
    private let admin = AdministeredServer.admin

    @Test("A user is added, shown beside those of the settings, given a new password and removed")
    func users() async throws {
        let host = try AdministeredServer("turn-users: alice:wonderland\n")
        let who = host.administrator
        let made = try await who.addUser(
            name: "bob",
            realm: nil,
            password: nil,
            comment: "desk",
            replacing: false,
            by: admin
        )
        #expect(made.name == "bob" && made.secret.wholeMatch(of: /[A-Za-z0-9_-]{22}/) != nil)
        var report = try await who.accounts()
        #expect(
            report.users.map { [$0.name, $0.realm, $0.origin, $0.comment] } == [
                ["alice", "stund", "settings", ""], ["bob", "stund", "store", "desk"],
            ]
        )
        #expect(report.users[0].created == nil && report.users[1].created?.hasSuffix("Z") == true)
        #expect(report.realms == ["stund"])
        await refuses("there is a user \"bob\" in the realm \"stund\" already") {
            _ = try await who.addUser(name: "bob", realm: nil, password: "x", comment: "", replacing: false, by: admin)
        }
        let given = try await who.addUser(
            name: "bob",
            realm: "stund",
            password: "pass-word",
            comment: "",
            replacing: true,
            by: admin
        )
        #expect(given == NewSecret(name: "bob", secret: ""))
        #expect(host.server.reloads.withLock { $0 } == 2)
        try await who.removeUser(name: "bob", realm: nil, by: admin)
        report = try await who.accounts()
        #expect(report.users.map(\.name) == ["alice"])
        await refuses("there is no user \"bob\"") { try await who.removeUser(name: "bob", realm: nil, by: admin) }
        await refuses("stands in the settings") { try await who.removeUser(name: "alice", realm: nil, by: admin) }
        #expect(host.told.count == 3 && host.told.allSatisfy { $0.hasPrefix("1120 User \"bob\"") })
        for secret in [made.secret, "pass-word"] {
            #expect(!"\(host.told)\(report)".contains(secret))
            #expect(try !host.holds(secret))
        }
    }

    @Test(
        "Names, passwords and notes are those that clients can send (row 26)",
        arguments: ["", "a:b", "\u{1B}[2J", "a\r\nb"]
    )
    func names(_ text: String) async throws {
        let host = try AdministeredServer()
        await refuses("") {
            _ = try await host.administrator.addUser(
                name: text,
                realm: nil,
                password: nil,
                comment: "",
                replacing: false,
                by: admin
            )
        }
        if text != "a:b" {
            await refuses("") {
                _ = try await host.administrator.addUser(
                    name: "a",
                    realm: nil,
                    password: text,
                    comment: "",
                    replacing: false,
                    by: admin
                )
            }
        }
        #expect(try await host.administrator.accounts().users.isEmpty && host.told.isEmpty)
    }

    @Test(
        "A secret is changed without a gap: both are right until the old one is retired, then it is told whose it was"
    )
    func rotation() async throws {
        let host = try AdministeredServer("turn-secrets: web=0123456789abcdef\n")
        let who = host.administrator
        let made = try await who.addSecret(id: "new", secret: nil, by: admin)
        #expect(made.secret.count == 43)
        #expect(try await who.addSecret(id: "given", secret: "0123456789abcdeg", by: admin).secret.isEmpty)
        var secrets = try await who.accounts().secrets
        #expect(secrets.map(\.id) == ["web", "given", "new"])
        #expect(secrets.map(\.makesCredentials) == [true, false, false] && secrets.allSatisfy { !$0.isRetired })
        try await who.retireSecret(id: "new", by: admin)
        secrets = try await who.accounts().secrets
        #expect(secrets.last?.id == "new" && secrets.last?.isRetired == true && secrets.last?.retired != nil)
        await refuses("is retired already") { try await who.retireSecret(id: "new", by: admin) }
        await refuses("there is no secret called") { try await who.removeSecret(id: "new\0", by: admin) }
        try await who.removeSecret(id: "new", by: admin)
        await refuses("there is no secret called \"new\"") { try await who.removeSecret(id: "new", by: admin) }
        await refuses("stands in the settings") { try await who.retireSecret(id: "web", by: admin) }
        await refuses("stands in the settings") { try await who.removeSecret(id: "web", by: admin) }
        await refuses("there is a secret called") { _ = try await who.addSecret(id: "web", secret: nil, by: admin) }
        await refuses("fewer than 16 bytes") { _ = try await who.addSecret(id: "x", secret: "short", by: admin) }
        await refuses("up to 32 letters") { _ = try await who.addSecret(id: "a b", secret: nil, by: admin) }
        await refuses("control character") {
            _ = try await who.addSecret(id: "x", secret: "0123456789\nabcdefg", by: admin)
        }
        #expect(host.told.count == 4 && !"\(host.told)".contains(made.secret) && !"\(host.told)".contains("0123456789"))
    }

    @Test("A credential is made of the secret in use, for where clients reach the server")
    func credentials() async throws {
        let host = try AdministeredServer("stun-port-1: 3480\n", relayAddresses: ["2001:db8::7", "198.51.100.7"])
        let made = try await host.administrator.makeCredential(user: "alice", seconds: 60, host: nil)
        #expect(made.secret == "first" && host.told.contains { $0.hasPrefix("1116 ") })
        let relayed = ["udp", "tcp"].map { "turn:198.51.100.7:3480?transport=\($0)" }
        #expect(made.iceServers.map(\.urls) == [["stun:198.51.100.7:3480"], relayed])
        let username = try #require(made.iceServers[1].username)
        let stored = try #require(try AccountStore(path: host.database).secrets().first)
        let secret = try #require(SharedSecret(name: "first", secret: Array(stored.secret.utf8)))
        let expiry = try #require(UInt64(username.prefix { $0 != ":" }))
        let expected = TimedCredential(expiry: expiry, user: "alice", secret: secret)
        #expect(made.iceServers[1].credential == expected.password && username == expected.username)
        #expect(made.expires == SettingsEditor.text(ofTime: Int64(expiry)))
        let named = try await host.administrator.makeCredential(user: "alice", seconds: 60, host: "turn.example.org:9")
        #expect(named.iceServers[0].urls == ["stun:turn.example.org:9"])
        for (user, seconds, place) in [("a:b", 60, nil), ("a", 0, nil), ("a", 60, "a b")] as [(String, Int, String?)] {
            await refuses("") {
                _ = try await host.administrator.makeCredential(user: user, seconds: seconds, host: place)
            }
        }
        #expect(!"\(host.told)".contains(expected.password) && !"\(host.told)".contains(stored.secret))
    }

    @Test("TLS clients are sent to a name of the certificate that is served, and others than browsers have their URIs")
    func secureCredentials() async throws {
        let host = try AdministeredServer(
            "tls-certificate: /c.pem\n",
            relayAddresses: ["198.51.100.7"],
            certificateNames: ["*.example.org", "turn.example.org"]
        )
        let made = try await host.administrator.makeCredential(user: "alice", seconds: 60, host: nil)
        #expect(made.iceServers[0].urls == ["stun:198.51.100.7:3478"])
        #expect(made.iceServers[1].urls.last == "turns:turn.example.org:5349?transport=tcp")
        #expect(made.otherURIs == ["stuns:turn.example.org:5349", "turns:turn.example.org:5349?transport=udp"])
        let named = try await host.administrator.makeCredential(user: "a", seconds: 60, host: "a.example.org")
        #expect(named.iceServers[1].urls.last == "turns:a.example.org:5349?transport=tcp")
    }

    @Test("Where nothing is relayed there is no credential, and no secret is made for one")
    func nothingRelayed() async throws {
        let host = try AdministeredServer("turn: off\n")
        await refuses("turn is off") {
            _ = try await host.administrator.makeCredential(user: "a", seconds: 60, host: nil)
        }
        #expect(try AccountStore(path: host.database).secrets().isEmpty)
    }

    @Test("Where everybody has a password there is no secret to make a credential of, and that is said")
    func noSecret() async throws {
        let host = try AdministeredServer("turn-users: alice:wonderland\n")
        await refuses("there is no secret") {
            _ = try await host.administrator.makeCredential(user: "a", seconds: 60, host: nil)
        }
    }

    @Test("A change that the server does not take over is stored, and that is said")
    func refusedReload() async throws {
        let host = try AdministeredServer()
        host.server.refuses.withLock { $0 = true }
        await refuses("the change is stored, but the running server did not take it over: the port is taken") {
            _ = try await host.administrator.addSecret(id: "web", secret: nil, by: admin)
        }
        #expect(try await host.administrator.accounts().secrets.map(\.id) == ["web"])
    }
}

/// Does what must be refused with an `AdministrationError` that has these words.
func refuses(_ words: String, _ work: () async throws -> Void) async {
    let error = await #expect(throws: AdministrationError.self) { try await work() }
    #expect(error?.description.contains(words) == true || words.isEmpty, "\(String(describing: error))")
}
