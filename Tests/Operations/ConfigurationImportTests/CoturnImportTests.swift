import ConfigurationImport
import ServerSettings
import Testing

@Suite("What coturn's turnserver.conf becomes")
struct CoturnImportTests {
    @Test("The lines that settings can say become those settings")
    func settings() throws {
        let result = try coturn(
            """
            listening-port=5000
            tls-listening-port 5350
            listening-ip=192.0.2.1
            listening-ip=2001:db8::1
            listening-ip=192.0.2.2
            relay-ip=192.0.2.1
            external-ip=203.0.113.5/192.0.2.1
            min-port=50000
            max-port=50999
            realm=example.org
            user=alice:wonderland
            user=bob:0x8493fbc53ba582fb4c044c456bdc40eb
            user-quota=12
            total-quota=0
            stale-nonce
            relay-threads=0
            no-tcp
            no-tcp-relay
            verbose
            cert=cert.pem
            pkey=/etc/key.pem
            log-file=/var/log/turn.log
            simple-log
            no-multicast-peers
            lt-cred-mech
            max-allocate-lifetime=300
            """
        )
        #expect(result.isWhole, "\(result.lines.filter { $0.outcome != .honoured })")
        #expect(
            values(result) == [
                "stun-port-1": "5000", "stun-port-2": "5001", "tls-port": "5350", "address": "192.0.2.1 2001:db8::1",
                "second-address": "192.0.2.2", "relay-address": "192.0.2.1", "external-ip": "203.0.113.5/192.0.2.1",
                "relay-ports": "50000-50999", "realm": "example.org",
                "turn-users": "alice:wonderland bob:0x8493fbc53ba582fb4c044c456bdc40eb", "user-allocations": "12",
                "max-allocations": "unlimited", "nonce-lifetime": "600", "workers": "1", "tcp": "off",
                "tcp-relay": "off",
                "log-level": "6", "tls-certificate": "/etc/coturn/cert.pem", "tls-key": "/etc/key.pem",
                "log-file": "/var/log/turn.log", "max-lifetime": "300", "default-binding-duration": "300",
                "rfc5766-channels": "on",
            ]
        )
        #expect(throws: Never.self) { try load(result) }
    }

    @Test("Every option that coturn knows has a word of its own, with any value and without one")
    func everyOption() throws {
        let options = coturnOptions
        #expect(options.count == 151)
        for option in options {
            for value in ["", "=1", "=192.0.2.7", "=0"] {
                let lines = try coturn(option + value).lines
                #expect(lines.count == 1, "\(option)\(value): \(lines)")
                #expect(lines.allSatisfy { $0.outcome != .unknown && !$0.text.isEmpty }, "\(option)\(value): \(lines)")
            }
        }
    }

    @Test("The user that coturn becomes is that of run-as")
    func user() throws {
        let result = try coturn("proc-user=turnserver\nproc-group=turnserver")
        #expect(values(result)["run-as"] == "turnserver")
        #expect(result.lines.map(\.outcome) == [.differs, .missing])
    }

    @Test("What differs says how, and what is not here says why")
    func differences() throws {
        let result = try coturn(
            """
            no-auth
            max-bps=1000
            bps-capacity=500000
            stale-nonce=0
            oauth
            userdb=/var/lib/turn/turndb
            mobility
            no-udp
            pkey-pwd=secret-of-the-key
            cert=/not/there.pem
            frobnicate=1
            relam=example.org
            """
        )
        #expect(!result.isRefused && !result.isWhole)
        #expect(
            outcomes(result)
                == "missing missing differs differs missing missing missing missing missing missing unknown unknown"
        )
        #expect(values(result)["total-bandwidth"] == "1000000")
        #expect(values(result)["user-bandwidth"] == nil)
        #expect(values(result)["tls-certificate"] == nil)
        #expect(result.lines.last?.text.contains("did you mean realm?") == true)
        #expect(!"\(result.lines)".contains("secret-of-the-key"))
        #expect(result.notes.contains { $0.contains("relays for everybody") })
    }

    @Test("A user's allocations and both ways share what coturn gives each of them")
    func bandwidth() throws {
        let result = try coturn("max-bps=1000\nuser-quota=3")
        #expect(values(result)["user-bandwidth"] == "6000")
        #expect(outcomes(result) == "differs honoured")
        #expect(try coturn("max-bps=99999999999999999999").isRefused)
        #expect(outcomes(try coturn("max-bps=9223372036854775807\nuser-quota=3")) == "missing honoured")
    }

    @Test("Of an option that stands twice the last one counts, as with coturn")
    func twice() throws {
        let result = try coturn("realm=one\nlistening-port=1\nrealm=two\nlistening-port=3478")
        #expect(values(result)["realm"] == "two")
        #expect(values(result)["stun-port-1"] == "3478")
        #expect(result.lines.map(\.text).filter { $0.contains("the last one counts") }.count == 2)
    }

    @Test(
        "Values are taken apart as coturn does it",
        arguments: [
            ("realm=a.b", "a.b"), ("realm a.b", "a.b"), ("\t realm\t= a.b \r", "a.b"), ("realm=\"a.b\"", "a.b"),
            ("realm==a.b", "a.b"), ("realm=\"a.b", "a.b"),
        ]
    )
    func spelling(line: String, realm: String) throws {
        #expect(values(try coturn(line))["realm"] == realm)
    }

    @Test("On and off are read in each of coturn's spellings")
    func switches() throws {
        for word in ["", "=1", "=on", "=yes", "=true", "=t"] {
            #expect(values(try coturn("no-tcp" + word))["tcp"] == "off")
        }
        for word in ["=0", "=off", "=no", "=false", "=f"] { #expect(values(try coturn("no-tcp" + word))["tcp"] == nil) }
        #expect(try coturn("no-tcp=perhaps").isRefused)
    }

    @Test(
        "A value that nobody can read is refused, and so is the whole",
        arguments: [
            "listening-port=99999", "listening-port=0", "listening-port=http", "listening-ip=eth0", "relay-ip=1.2.3",
            "external-ip=1.2.3.4/::1", "external-ip=1.2.3.4/5.6.7.8/9", "min-port=60000\nmax-port=50000",
            "max-port=70000",
            "denied-peer-ip=10.0.0.0/8", "denied-peer-ip=10.0.0.9-10.0.0.1", "allowed-peer-ip=10.0.0.1-::1",
            "user=alice",
            "user=:secret", "user=alice:", "user=bob:0x1234\nrealm=r", "user=bob:0x8493fbc53ba582fb4c044c456bdc40eb",
            "static-auth-secret=two words", "realm=a:b", "redis-userdb=\"ip=1.2.3.4 colour=red\"",
            "alt-listening-port=3478",
            "total-quota=many", "web-admin-ip=nowhere", "realm=" + String(repeating: "x", count: 200),
        ]
    )
    func wrong(text: String) throws {
        let result = try coturn(text)
        #expect(result.isRefused, "\(result.lines)")
    }

    @Test("An end of the relay ports is told of when the other one cannot be read", arguments: ["min", "max"])
    func wrongEnd(wrong: String) throws {
        let result = try coturn(
            "min-port=\(wrong == "min" ? "x" : "50000")\nmax-port=\(wrong == "max" ? "x" : "51000")"
        )
        #expect(outcomes(result) == (wrong == "min" ? "wrong honoured" : "honoured wrong"))
    }

    @Test("Beside a secret coturn lets no users in, so none are taken over")
    func secrets() throws {
        let result = try coturn(
            "use-auth-secret\nstatic-auth-secret=north-of-the-tests\nstatic-auth-secret=web=abc\nuser=alice:wonderland"
        )
        #expect(values(result)["turn-secrets"] == "north-of-the-tests coturn2=web=abc")
        #expect(values(result)["turn-users"] == nil)
        #expect(!"\(result.lines)\(result.notes)".contains("north-of-the-tests"))
        #expect(try load(result).settings.turnSecrets.map(\.secret) == ["north-of-the-tests", "web=abc"])
        #expect(outcomes(try coturn("use-auth-secret")) == "missing")
        #expect(outcomes(result) == "honoured honoured honoured missing")
    }

    @Test("Users whom the settings cannot write go to the store, and of one name the last password counts")
    func users() throws {
        let result = try coturn("realm=r\nuser=alice:two words\nuser=bob:a:b\nuser=bob:c:d\nuser=carol:0x12")
        #expect(result.users.map(\.name) == ["alice"])
        #expect(result.users.first?.password == "two words")
        #expect(values(result)["turn-users"] == "bob:r:c:d")
        #expect(outcomes(result) == "honoured honoured honoured honoured wrong")
        let many = try coturn("realm=r\n" + (0..<1030).map { "user=u\($0):password\($0)" }.joined(separator: "\n"))
        #expect(many.users.count == 6)
        #expect(try load(many).settings.turnUsers.count == 1024)
    }

    @Test("Ports that listen are left out of those that relay")
    func relayPorts() throws {
        let result = try coturn("min-port=1024\nmax-port=65535\nlistening-port=5060")
        #expect(values(result)["relay-ports"] == "5350-65535")
        #expect(outcomes(result) == "differs differs honoured")
        #expect(throws: Never.self) { try load(result) }
    }

    @Test("coturn's Redis is asked for its users")
    func redis() throws {
        let result = try coturn("redis-userdb=\"ip=10.0.0.5 dbname=2 password=pa:ss port=6380 connect_timeout=30\"")
        #expect(values(result)["redis"] == "redis://10.0.0.5:6380/2")
        #expect(values(result)["redis-password"] == "default:pa:ss")
        #expect(values(result)["redis-coturn-users"] == "on")
        #expect(!"\(result.lines)".contains("pa:ss"))
    }
}

@Suite("Peers that coturn allows and denies")
struct CoturnPeerTests {
    @Test("Ranges become the fewest prefixes, and neighbours one")
    func ranges() throws {
        let result = try coturn(
            """
            denied-peer-ip=83.166.64.0-83.166.95.255
            denied-peer-ip=10.0.0.0-10.127.255.255
            denied-peer-ip=10.128.0.0-10.255.255.255
            denied-peer-ip=192.0.2.1-192.0.2.6
            denied-peer-ip=2001:db8::-2001:db8::ffff
            allowed-peer-ip=83.166.68.45
            """
        )
        #expect(
            values(result)["deny-peers"]
                == "10.0.0.0/8 83.166.64.0/19 192.0.2.1/32 192.0.2.2/31 192.0.2.4/31 192.0.2.6/32 2001:db8::/112"
        )
        #expect(values(result)["allow-peers"] == "83.166.68.45/32")
        #expect(result.isWhole)
        #expect(throws: Never.self) { try load(result) }
    }

    @Test("What is allowed stays allowed where something smaller, or the same, is denied")
    func allowedWins() throws {
        let result = try coturn(
            "allowed-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=10.1.0.0-10.1.255.255\ndenied-peer-ip=9.0.0.0-10.255.255.255"
        )
        #expect(values(result)["allow-peers"] == "10.0.0.0/8")
        #expect(values(result)["deny-peers"] == "9.0.0.0/8")
        #expect(throws: Never.self) { try load(result) }
    }

    @Test("All addresses there are, and the last ones, are ranges like others")
    func edges() throws {
        let all = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        let result = try coturn("denied-peer-ip=0.0.0.0-255.255.255.255\ndenied-peer-ip=\(all)")
        #expect(values(result)["deny-peers"] == "0.0.0.0/0 ::/0")
        let last = try coturn("denied-peer-ip=255.255.255.254-255.255.255.255\ndenied-peer-ip=255.255.255.255")
        #expect(values(last)["deny-peers"] == "255.255.255.254/31")
    }

    @Test("More prefixes than the setting takes are refused: a peer that was denied must not be allowed")
    func tooMany() throws {
        let lines = (0..<65).map { "denied-peer-ip=198.51.\($0).1" }
        #expect(try coturn(lines.joined(separator: "\n")).isRefused)
        #expect(try !coturn(lines.dropLast().joined(separator: "\n")).isRefused)
    }

    @Test("Loopback peers are allowed where coturn allows them")
    func loopback() throws {
        #expect(values(try coturn("allow-loopback-peers"))["allow-peers"] == "127.0.0.0/8 ::1/128")
    }
}
