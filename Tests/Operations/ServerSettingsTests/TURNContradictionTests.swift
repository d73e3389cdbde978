import ServerSettings
import Testing

@Suite("TURN settings that contradict each other, and those that are unwise")
struct TURNContradictionTests {
    @Test(
        "Refused, with both places",
        arguments: [
            (
                "relay-ports: 3000-4000",
                "1: relay-ports 3000-4000 include stun-port-1 3478: a port can't do both (stun-port-1 is the default)"
            ),
            (
                "stun-port-2: 50000\nrelay-ports: 50000-50009",
                "2: relay-ports 50000-50009 include stun-port-2 50000: a port can't do both "
                    + "(stun-port-2 comes from stund.yaml:1)"
            ),
            (
                "tls-certificate: a.pem\nrelay-ports: 5000-6000",
                "2: relay-ports 5000-6000 include tls-port 5349: a port can't do both (tls-port is the default)"
            ),
            (
                "stream-ports: 80 50000\nrelay-ports: 50000-50009",
                "2: relay-ports 50000-50009 include stream-ports 50000: a port can't do both "
                    + "(stream-ports comes from stund.yaml:1)"
            ),
            (
                "web-server: 127.0.0.1:3478",
                "1: web-server 127.0.0.1:3478 is stun-port-1 of this server itself: name the address and port of the web "
                    + "server (stun-port-1 is the default)"
            ),
            (
                "stream-ports: 443\naddress: 192.0.2.1\nweb-tls-server: 192.0.2.1:443",
                "3: web-tls-server 192.0.2.1:443 is stream-ports of this server itself: name the address and port of the web "
                    + "server (stream-ports comes from stund.yaml:1)"
            ),
            (
                "max-lifetime: 599",
                "1: default-binding-duration 600 is more than max-lifetime 599 (default-binding-duration is the default)"
            ),
            (
                "realm: a\nrealm-lifetimes: b=1-2",
                "2: realm-lifetimes has the realm \"b\", which realm does not have (realm comes from stund.yaml:1)"
            ),
            (
                "address: 192.0.2.1\nrealm: a b@192.0.2.2",
                "2: the realm \"b\" is for clients that ask 192.0.2.2, where this server does not listen "
                    + "(address comes from stund.yaml:1)"
            ),
            (
                "turn-users: alice:se:cret",
                "1: turn-users has the user \"alice\" with a realm between two colons which realm does not have; "
                    + "if the password itself has a colon, write the realm before it (realm is the default)"
            ),
            (
                "turn-users: alice:x alice:stund:y",
                "1: turn-users has the user \"alice\" twice in the realm \"stund\" (realm is the default)"
            ),
            (
                "turn-secrets: a=0123456789abcdef\nretired-turn-secrets: 0123456789abcdef",
                "2: turn-secrets and retired-turn-secrets both have one secret (turn-secrets comes from stund.yaml:1)"
            ),
            (
                "turn-secrets: a=0123456789abcdef\nretired-turn-secrets: a=0123456789abcdeg",
                "2: turn-secrets and retired-turn-secrets both have the id \"a\" (turn-secrets comes from stund.yaml:1)"
            ),
            (
                "relay-address: 10.0.0.5\nexternal-ip: 203.0.113.5/10.0.0.6",
                "2: external-ip 203.0.113.5/10.0.0.6 stands for 10.0.0.6, which is not in relay-address "
                    + "(relay-address comes from stund.yaml:1)"
            ),
            (
                "relay-address: 10.0.0.5\nexternal-ip: 2001:db8::5",
                "2: external-ip has the IPv6 address 2001:db8::5, and relay-address has no IPv6 address "
                    + "(relay-address comes from stund.yaml:1)"
            ),
            (
                "allow-peers: 10.0.0.0/8\ndeny-peers: 192.0.2.0/24 10.0.0.0/8",
                "2: allow-peers and deny-peers both have 10.0.0.0/8 (allow-peers comes from stund.yaml:1)"
            ),
        ]
    )
    func refused(text: String, complaint: String) throws {
        #expect(try load(text).complaint == "stund.yaml:" + complaint)
    }

    @Test(
        "Allowed, as nothing contradicts",
        arguments: [
            "address: 10.0.0.5\nsecond-address: 10.0.0.6\nrelay-address: 10.0.0.7\n"
                + "external-ip: 203.0.113.5/10.0.0.5 203.0.113.6/10.0.0.6",
            "relay-ports: 3480-65535", "stun-port-1: 50000", "default-binding-duration: 60\nmax-lifetime: 60",
            "realm: b\nrealm-lifetimes: b=1-2",
            "address: 192.0.2.1\nsecond-address: 192.0.2.2\nrealm: a b@192.0.2.2",
            "address: 0.0.0.0\nrealm: a b@192.0.2.9",
            "realm: a b@192.0.2.1\nturn-users: alice:x alice:b:x", "external-ip: 203.0.113.5/10.0.0.6",
            "relay-address: 10.0.0.5\nexternal-ip: 203.0.113.5",
        ]
    )
    func allowed(text: String) throws {
        let outcome = try load(text)
        // The test's file can be read by others, which is told of one with a password.
        let warnings = outcome.loaded?.warnings.filter { !$0.hasSuffix("run chmod 600 on it") }
        #expect(outcome.complaint.isEmpty && warnings == [], "\(outcome)")
    }

    @Test("No error message shows a part of a password or a secret")
    func secrets() throws {
        for text in ["turn-users: alice:hidden:hidden", "turn-users: alice:hid\u{200B}den", "turn-users: hidden"] {
            #expect(try !load(text).complaint.contains("hid"), "\(text)")
        }
        #expect(try !load("turn-secrets: a=hidden b=hidden").complaint.contains("hidden"))
        #expect(try !load("nonce-key: hidden").complaint.contains("hidden"))
    }

    @Test("A bad prefix refuses the start with file, line and key (row 9)")
    func badPrefix() throws {
        let complaint = try load("# rules\ndeny-peers: 192.0.2.0/24 10.0.0.0/255.0.0.0\n").complaint
        #expect(
            complaint.hasPrefix("stund.yaml:2: deny-peers: \"10.0.0.0/255.0.0.0\" is not an address"),
            "\(complaint)"
        )
    }

    @Test(
        "Networks of strangers in mirror-clients are a warning: they relay without a password",
        arguments: [
            ("0.0.0.0/0", true), ("::/0", true), ("128.0.0.0/1 10.0.0.0/8", true), ("2000::/3", true),
            ("198.0.0.0/8", true),
            ("198.51.0.0/16", false), ("2001:db8::/32", false), ("10.0.0.0/8 172.16.0.0/12 fd00::/8", false),
        ]
    )
    func strangersHaveMirrors(clients: String, isWarned: Bool) throws {
        for (text, expected) in [("mirror: on\n", isWarned), ("", false), ("mirror: on\nturn: off\n", false)] {
            let warnings = try #require(try load("\(text)mirror-clients: \(clients)").loaded?.warnings)
            let found = warnings.filter { $0.contains("relays without a password") }
            #expect(found.count == (expected ? 1 : 0), "\(warnings)")
            // Networks of one's own are not named with them.
            #expect(!found.contains { $0.contains("10.0.0.0") })
        }
    }

    @Test("A realm that nobody is offered and a secret that can be guessed bring a warning")
    func warnings() throws {
        let realms = try #require(try load("realm: a b").loaded)
        #expect(realms.warnings.count == 1 && realms.warnings[0].contains("\"b\" is offered to nobody"))
        let secrets = try #require(try load("", flags: ["turn-secrets": "x=short"]).loaded)
        #expect(secrets.warnings.count == 1 && secrets.warnings[0].contains("fewer than 16 bytes"))
        #expect(try load("", flags: ["turn-secrets": "0123456789abcdef"]).loaded?.warnings == [])
        let key = try #require(try load("tls-key: a.pem\ntls-port: 443").loaded)
        #expect(key.warnings.map { $0.prefix { $0 != " " } } == ["tls-key", "tls-port"])
        #expect(key.warnings.allSatisfy { $0.contains("has no effect without tls-certificate") })
        #expect(try load("tls-key: a.pem\ntls-port: 443\ntls-certificate: b.pem").loaded?.warnings == [])
        let console = try #require(try load("http-tls: on\ntls-certificate: b.pem").loaded)
        #expect(
            console.warnings == ["http-tls has no effect until the console has a password: `stund password` sets it"]
        )
        #expect(try load("web-server: 127.0.0.1:8080\nstream-ports: 80").loaded?.warnings == [])
        for (site, warns) in [
            ("", true), ("web-server: 127.0.0.1:8080\n", false), ("web-tls-server: 127.0.0.1:8443\n", false),
        ] {
            let warnings = try #require(try load("web-proxy-protocol: on\n" + site).loaded).warnings
            #expect(warnings.contains { $0.hasPrefix("web-proxy-protocol has no effect without web-server") } == warns)
        }
    }
}
