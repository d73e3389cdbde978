import AccountStore
import Administration
import ArgumentParser
import Foundation
import STUNAuthentication
import ServerSettings
import Testing

@testable import stund

@Suite("The users and secrets of TURN on the command line")
struct AccountTests {
    private func settings(_ flags: [String: String]) throws -> Settings {
        try Settings.load(from: SettingsSources(file: "/nonexistent/stund.yaml", flags: flags)).settings
    }

    private func user(_ name: String, comment: String = "") throws -> StoredUser {
        StoredUser(
            name: try OpaqueString(name),
            realm: try OpaqueString("stund"),
            password: try OpaqueString("secret"),
            created: 0,
            comment: comment
        )
    }

    @Test("user list shows the users of both places, and no password")
    func userList() throws {
        let written = try settings(["turn-users": "alice:wonder"])
        let list = UserList(written, [try user("bob", comment: "front desk")], place: "x")
        #expect(
            list.text == """
                name   realm  from      added       comment
                alice  stund  settings
                bob    stund  store     1970-01-01  front desk

                """
        )
        #expect(!(try jsonText(list.rows)).contains("wonder"))
        #expect(UserList(Settings(), [], place: "/x").text == "No users in the settings or in /x.\n")
    }

    @Test("secret list says which secret makes new credentials, and shows secrets only when asked to")
    func secretList() throws {
        let written = try settings(["turn-secrets": "web=0123456789abcdef", "retired-turn-secrets": "0123456789abcdeg"])
        let stored = [StoredSecret(id: "first", secret: "of-the-store", created: 0)]
        let list = SecretList(written, stored, show: false, place: "x")
        #expect(
            list.text == """
                id                      from      state     added       retired
                web                     settings  in use
                first                   store     accepted  1970-01-01
                retired-turn-secrets-1  settings  retired

                """
        )
        for secret in ["0123456789abcdef", "of-the-store"] {
            #expect(!(try jsonText(list.rows)).contains(secret))
            #expect(SecretList(written, stored, show: true, place: "x").text.contains(secret))
        }
        let none = SecretList(Settings(), [], show: false, place: "/x").text
        #expect(none.hasPrefix("No secrets in the settings or in /x:"))
    }

    @Test("No name moves the cursor of whoever lists it (row 26)")
    func escapes() {
        #expect(table(["a"], [["\u{1B}[2J"]]) == "a\n\\u{1B}[2J\n")
    }

    @Test(
        "Clients are sent where --host or the settings say",
        arguments: [
            (nil, [:], "127.0.0.1:3478"), (nil, ["stun-port-1": "3480"], "127.0.0.1:3480"),
            (nil, ["address": "192.0.2.1"], "192.0.2.1:3478"), (nil, ["address": "0.0.0.0"], "127.0.0.1:3478"),
            (nil, ["address": "2001:db8::1"], "[2001:db8::1]:3478"),
            (nil, ["address": "10.0.0.5", "external-ip": "203.0.113.5/10.0.0.5"], "203.0.113.5:3478"),
            (
                nil, ["address": "10.0.0.5", "external-ip": "203.0.113.6/10.0.0.6 203.0.113.5/10.0.0.5"],
                "203.0.113.5:3478"
            ), (nil, ["external-ip": "203.0.113.5"], "203.0.113.5:3478"),
            ("turn.example.org", ["stun-port-1": "3480"], "turn.example.org:3480"),
            ("turn.example.org:99", ["stun-port-1": "3480"], "turn.example.org:99"),
            ("2001:db8::1", ["stun-port-1": "3480"], "[2001:db8::1]:3480"),
            ("[2001:db8::1]", ["stun-port-1": "3480"], "[2001:db8::1]:3480"),
            ("[2001:db8::1]:99", ["stun-port-1": "3480"], "[2001:db8::1]:99"),
        ] as [(String?, [String: String], String)]
    )
    func place(host: String?, flags: [String: String], place: String) throws {
        #expect(IceServers.place(host, try settings(flags)).description == place)
    }

    @Test("The JSON is what RTCPeerConnection takes, and the command beside it is one a shell takes")
    func iceServers() throws {
        let secret = try #require(SharedSecret(name: "x", secret: Array("secret".utf8)))
        let credential = TimedCredential(expiry: 1_800_000_000, user: "it's", secret: secret)
        let servers = IceServers(credential, at: try #require(OtherServer("turn.example.org:99")), Settings())
        #expect(
            try jsonText(servers) == """
                {
                  "iceServers" : [
                    {
                      "urls" : [
                        "stun:turn.example.org:99"
                      ]
                    },
                    {
                      "credential" : "\(credential.password)",
                      "urls" : [
                        "turn:turn.example.org:99?transport=udp",
                        "turn:turn.example.org:99?transport=tcp"
                      ],
                      "username" : "1800000000:it's"
                    }
                  ]
                }

                """
        )
        let text = servers.explanation(expiry: 1_800_000_000, secret: "x", isNamed: true)
        #expect(text.contains("right until 2027-01-15T08:00:00Z, made of the secret \"x\""), "\(text)")
        #expect(text.contains(#"-p 99 -u '1800000000:it'\''s' -w "#) && text.contains(" turn.example.org "))
        #expect(
            !text.contains("--host") && servers.explanation(expiry: 0, secret: "x", isNamed: false).contains("--host")
        )
    }

    @Test(
        "TCP, TLS and DTLS have URIs where they are served; what no browser takes stands beside the JSON",
        arguments: [
            (["tcp": "off"], ["turn:a.test:99?transport=udp"], []),
            (
                ["tls-certificate": "/c.pem"],
                ["turn:a.test:99?transport=udp", "turn:a.test:99?transport=tcp", "turns:a.test:5349?transport=tcp"],
                ["stuns:a.test:5349", "turns:a.test:5349?transport=udp"]
            ),
            (
                ["tls-certificate": "/c.pem", "tls-port": "443", "dtls": "off", "tcp": "off"],
                ["turn:a.test:99?transport=udp", "turns:a.test:443?transport=tcp"], ["stuns:a.test:443"]
            ),
        ] as [([String: String], [String], [String])]
    )
    func transports(flags: [String: String], relays: [String], others: [String]) throws {
        let servers = try iceServers("a.test:99", flags, [])
        #expect(servers.iceServers.last?.urls == relays && servers.otherURIs == others)
        let text = servers.explanation(expiry: 0, secret: "x", isNamed: true)
        #expect(text.contains("for clients that are no browsers") == !others.isEmpty)
        #expect(others.allSatisfy(text.contains))
    }

    @Test(
        "Ports of stream-ports have URIs for TCP or TLS alone, 443 before others; --host with one of them means that one",
        arguments: [
            ("a.test:3478", [:], ["turn:a.test:443?transport=tcp"]),
            ("a.test:80", [:], ["turn:a.test:80?transport=tcp"]),
            (
                "a.test:443", ["tls-certificate": "/c.pem"],
                ["turns:a.test:5349?transport=tcp", "turns:a.test:443?transport=tcp"]
            ),
            (
                "a.test:5349", ["tls-certificate": "/c.pem", "stream-ports": ""], ["turns:a.test:5349?transport=tcp"]
            ),
        ] as [(String, [String: String], [String])]
    )
    func streamPorts(host: String, flags: [String: String], more: [String]) throws {
        let servers = try iceServers(host, ["stream-ports": "80 443"].merging(flags) { $1 }, [])
        let usual = ["turn:a.test:3478?transport=udp", "turn:a.test:3478?transport=tcp"]
        #expect(servers.iceServers.map(\.urls) == [["stun:a.test:3478"], usual + more])
        #expect(servers.explanation(expiry: 0, secret: "x", isNamed: true).contains("-p 3478 "))
    }

    @Test(
        "TLS clients are sent to a name of the certificate, since they accept no other (RFC 8489 section 6.2.3)",
        arguments: [
            ("a.test", [], "a.test:5349"), ("a.test", ["b.test", "A.test"], "a.test:5349"),
            ("a.test", ["*.test", "b.test"], "a.test:5349"), ("a.b.test", ["*.test", "c.test"], "c.test:5349"),
            ("192.0.2.1", ["*.test", "192.0.2.9", "c.test"], "c.test:5349"),
            ("192.0.2.1", ["c.test", "192.0.2.1"], "192.0.2.1:5349"), ("192.0.2.1", ["*.test"], "192.0.2.1:5349"),
            ("192.0.2.1", ["*.test", "2001:db8::1"], "[2001:db8::1]:5349"),
            ("[2001:db8::1]", ["2001:DB8:0::1", "c.test"], "[2001:db8::1]:5349"),
            ("192.0.2.1", ["no name", "c.test"], "192.0.2.1:5349"),
        ] as [(String, [String], String)]
    )
    func certificateNames(host: String, names: [String], place: String) throws {
        let servers = try iceServers(host, ["tls-certificate": "/c.pem"], names)
        #expect(servers.iceServers.last?.urls.last == "turns:\(place)?transport=tcp")
        #expect(servers.iceServers.first?.urls == ["stun:\(host):3478"])
    }

    private func iceServers(_ host: String, _ flags: [String: String], _ names: [String]) throws -> IceServers {
        let secret = try #require(SharedSecret(name: "x", secret: Array("secret".utf8)))
        let credential = TimedCredential(expiry: 1_800_000_000, user: "u", secret: secret)
        return IceServers(credential, at: try #require(OtherServer(host)), try settings(flags), names: names)
    }

    @Test("The commands are understood, their options before or after the subcommand")
    func parsing() throws {
        let add = try parse([
            "-config", "x", "user", "add", "--realm", "r", "--comment=c d", "alice", "-password_stdin",
        ])
        let user = try #require(add as? UserCommand.Add)
        #expect(user.file.config == "x" && user.name == "alice" && user.realm == "r" && user.comment == "c d")
        #expect(user.passwordStdin && !user.replace)
        #expect(try (parse(["user", "remove", "add"]) as? UserCommand.Remove)?.name == "add")
        #expect(try (parse(["user", "-json", "list"]) as? UserCommand.List)?.json == true)
        #expect(try (parse(["secret", "add", "list"]) as? SecretCommand.Add)?.id == "list")
        #expect(try (parse(["secret", "retire", "a"]) as? SecretCommand.Retire)?.id == "a")
        let credentials = try #require(try parse(["credentials", "-user", "user", "-ttl", "5"]) as? CredentialsCommand)
        #expect(credentials.user == "user" && credentials.ttl == 5 && credentials.host == nil)
    }

    @Test(
        "A wrong command line is a usage error",
        arguments: [
            ["user", "add"], ["user", "nonsense"], ["credentials", "--ttl", "0"], ["credentials", "--ttl", "-1"],
            ["credentials", "--ttl", "99999999999"], ["credentials", "--host", "a b"], ["secret", "retire"],
        ]
    )
    func usage(words: [String]) throws {
        let error = try #require(throws: (any Error).self) { try parse(words) }
        #expect(Stund.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }

    private func parse(_ words: [String]) throws -> Any {
        try Stund.parseAsRoot(ArgumentSpelling.normalized(words))
    }
}
