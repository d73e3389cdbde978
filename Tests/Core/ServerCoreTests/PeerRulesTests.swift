import Addresses
import Testing
import WireFixtures

@testable import ServerCore

@Suite("PeerRules: by default relays reach the public Internet and nothing else")
struct PeerRulesTests {
    @Test(
        "loopback, this network, private, shared, link-local, multicast, broadcast and all others (rows 1, 2, 5, 6, 11)",
        arguments: [
            ("127.0.0.1", "Loopback"), ("127.255.255.254", "Loopback"), ("0.0.0.0", "This network"),
            ("0.1.2.3", "This network"), ("::", "Unspecified Address"), ("::1", "Loopback Address"),
            ("169.254.169.254", "Link Local"), ("fe80::1", "Link-Local Unicast"), ("fc00::1", "Unique-Local"),
            ("fd00:ec2::254", "Unique-Local"), ("fec0::1", "Site-Local Unicast (deprecated)"),
            ("224.0.0.1", "Multicast"),
            ("239.255.255.255", "Multicast"), ("ff02::1", "Multicast"), ("255.255.255.255", "Limited Broadcast"),
            ("240.0.0.1", "Reserved"), ("255.255.255.254", "Reserved"), ("10.0.0.1", "Private-Use"),
            ("172.16.0.1", "Private-Use"), ("172.31.255.255", "Private-Use"), ("192.168.0.1", "Private-Use"),
            ("100.64.0.1", "Shared Address Space"), ("100.127.255.255", "Shared Address Space"),
            ("192.0.0.9", "IETF Protocol Assignments"), ("192.0.2.1", "Documentation (TEST-NET-1)"),
            ("192.88.99.1", "Deprecated (6to4 Relay Anycast)"), ("198.19.255.255", "Benchmarking"),
            ("198.51.100.1", "Documentation (TEST-NET-2)"), ("203.0.113.1", "Documentation (TEST-NET-3)"),
            ("100::1", "Discard-Only Address Block"), ("100:0:0:1::1", "Dummy IPv6 Prefix"),
            ("2001:1::1", "IETF Protocol Assignments"), ("2001:2::1", "Benchmarking"),
            ("2001:10::1", "Deprecated (previously ORCHID)"), ("2001:20::1", "ORCHIDv2"),
            ("2001:db8::1", "Documentation"), ("3fff:fff::1", "Documentation"),
            ("5f00::1", "Segment Routing (SRv6) SIDs"),
            ("200::1", "Reserved by IETF"), ("4000::1", "Reserved by IETF"), ("e000::1", "Reserved by IETF"),
            ("64:ff9b::8.8.8.8", "IPv4-IPv6 Translat."), ("64:ff9b:1::808:808", "IPv4-IPv6 Translat."),
            ("2002:808:808::1", "6to4"), ("2001:0:808:808::f7f7:f7f7", "TEREDO"),
            ("::ffff:8.8.8.8", "IPv4-mapped Address"), ("::8.8.8.8", "IPv4-compatible Address"),
        ]
    )
    func defaults(text: String, range: String) throws {
        let peer = try #require(IPAddress(text))
        for decision in [PeerRules.standard.check(peer), PeerRules.standard.check(SocketAddress(peer, port: 443))] {
            guard case .denied(.specialPurpose(let found)) = decision else {
                Issue.record("\(text): \(decision)")
                continue
            }
            #expect(found.name == range)
            #expect(found.prefix.contains(peer))
        }
    }

    @Test(
        "the neighbours of the ranges, and the public Internet, are allowed",
        arguments: [
            "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
            "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
            "8.8.8.8",
            "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::", "2001:200::1",
            "2001:db7:ffff::1", "2001:db9::", "2001:4860:4860::8888", "2003::1", "3ffe:ffff::", "3fff:1000::",
            "2a00::5eff:1.2.3.4",
        ]
    )
    func neighbours(text: String) throws {
        #expect(PeerRules.standard.check(try #require(IPAddress(text))) == .allowed)
    }

    @Test("each range has the registry's data, and none is lost")
    func table() {
        #expect(SpecialPurposeRange.all.count == 41)
        #expect(Set(SpecialPurposeRange.all.map(\.prefix)).count == 41)
        for range in SpecialPurposeRange.all {
            #expect(!range.name.isEmpty)
            #expect((700...9999).contains(range.rfc))
            #expect(PeerRules.standard.check(range.prefix.address) != .allowed)
        }
    }

    @Test("the switch for local networks opens RFC 1918, 100.64/10 and fc00::/7, and nothing else")
    func localNetworks() throws {
        let rules = PeerRules.standard(lanPeers: true)
        for text in ["10.1.2.3", "172.16.0.1", "192.168.255.255", "100.64.0.1", "fc00::1", "fdff::1"] {
            #expect(rules.check(try #require(IPAddress(text))) == .allowed, "\(text)")
        }
        let opened = SpecialPurposeRange.all.filter { rules.check($0.prefix.address) == .allowed }
        #expect(
            opened.map(\.prefix.description) == [
                "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
            ]
        )
        for form in PeerDisguise.allCases {
            let peer = form.address(carrying: IPAddress(v4: 0x0A01_0203))
            #expect(rules.check(peer) != .allowed, "\(form)")
        }
    }

    @Test("allow-peers opens what it names, metadata services too, and no neighbour (row 5)")
    func allowing() throws {
        let rules = PeerRules.standard(allow: ["169.254.169.254", "fd00:ec2::254", "fe80::/64", "127.0.0.1", "::1"])
        for (text, isAllowed) in [
            ("169.254.169.254", true), ("169.254.169.253", false), ("fd00:ec2::254", true), ("fd00:ec2::253", false),
            ("fe80::1", true), ("fe80:0:0:1::1", false), ("127.0.0.1", true), ("127.0.0.2", false), ("::1", true),
            ("::2", false), ("::ffff:127.0.0.1", false), ("::ffff:169.254.169.254", false),
            ("fe80::5efe:127.0.0.1", false),
        ] {
            #expect((rules.check(try #require(IPAddress(text))) == .allowed) == isAllowed, "\(text)")
        }
    }

    @Test("the longest prefix decides, of equal ones the one that denies")
    func longestPrefix() throws {
        let rules = PeerRules.standard(
            allow: ["10.0.0.0/8", "10.1.1.0/24", "8.8.8.8", "0.0.0.0/0", "9.9.9.0/24", "2001:db8::/32"],
            deny: ["10.1.0.0/16", "8.8.8.0/24", "9.9.9.0/24", "10.1.1.7", "2001:db8:1::/48"]
        )
        for (text, denying) in [
            ("10.0.0.1", nil), ("10.1.0.1", "10.1.0.0/16"), ("10.1.1.1", nil), ("10.1.1.7", "10.1.1.7/32"),
            ("10.2.0.1", nil), ("8.8.8.8", nil), ("8.8.8.9", "8.8.8.0/24"), ("127.0.0.1", nil),
            ("9.9.9.9", "9.9.9.0/24"), ("9.9.10.0", nil), ("2001:db8::1", nil), ("2001:db8:1::1", "2001:db8:1::/48"),
            ("2001:db8:2::1", nil), ("255.255.255.255", nil), ("0.0.0.0", nil),
        ] as [(String, String?)] {
            let expected = try denying.map { PeerDecision.denied(.denyPeers(try #require(IPPrefix($0)))) } ?? .allowed
            #expect(rules.check(try #require(IPAddress(text))) == expected, "\(text)")
        }
    }

    @Test("port 0 and our own sockets are denied whatever the settings allow (rows 2, 8, 12, 30)")
    func ownSockets() throws {
        let rules = PeerRules.standard(
            allow: ["0.0.0.0/0", "::/0"],
            listening: ["0.0.0.0:3478", "[::]:3478", "127.0.0.1:6379", "[2a00::1]:9641"],
            host: ["8.1.1.1", "2a00::1"],
            relay: ["8.1.1.2", "10.0.0.5"]
        )
        for (text, socket) in [
            ("8.1.1.1:3478", "0.0.0.0:3478"), ("8.1.1.2:3478", "0.0.0.0:3478"), ("10.0.0.5:3478", "0.0.0.0:3478"),
            ("127.0.0.1:3478", "0.0.0.0:3478"), ("127.9.9.9:3478", "0.0.0.0:3478"), ("0.0.0.0:3478", "0.0.0.0:3478"),
            ("[2a00::1]:3478", "[::]:3478"), ("[::1]:3478", "[::]:3478"), ("[::]:3478", "[::]:3478"),
            ("127.0.0.1:6379", "127.0.0.1:6379"), ("0.0.0.0:6379", "127.0.0.1:6379"),
            ("[2a00::1]:9641", "[2a00::1]:9641"), ("[::]:9641", "[2a00::1]:9641"),
        ] {
            let peer = try #require(SocketAddress(text))
            let expected = PeerRule.listeningSocket(try #require(SocketAddress(socket)))
            #expect(rules.check(peer) == .denied(expected), "\(text)")
        }
        #expect(rules.check(try #require(SocketAddress("9.9.9.9:0"))) == .denied(.portZero))
        #expect(rules.check(try #require(SocketAddress("8.1.1.2:0"))) == .denied(.portZero))
        for text in ["9.9.9.9:3478", "127.0.0.2:6379", "[2a00::2]:3478", "8.1.1.1:3479", "127.0.0.1:9641"] {
            #expect(rules.check(try #require(SocketAddress(text))) == .allowed, "\(text)")
        }
    }

    @Test("the host's other addresses are denied, unless allow-peers names them")
    func hostAddresses() throws {
        let host = try #require(IPAddress("8.1.1.1"))
        let rules = PeerRules.standard(host: ["8.1.1.1", "2a00::1", "0.0.0.0"])
        #expect(rules.check(SocketAddress(host, port: 22)) == .denied(.hostAddress(host)))
        #expect(rules.check(try #require(IPAddress("2a00::1"))) != .allowed)
        #expect(rules.check(try #require(IPAddress("8.1.1.2"))) == .allowed)
        let opened = PeerRules.standard(allow: ["8.1.1.0/24"], host: ["8.1.1.1"])
        #expect(opened.check(SocketAddress(host, port: 22)) == .allowed)
    }

    @Test("own relay addresses are for allocated ports; elsewhere the other rules decide (row 10)")
    func ownRelayAddresses() throws {
        let (external, local) = (try #require(IPAddress("8.1.1.1")), try #require(IPAddress("10.0.0.5")))
        let rules = PeerRules.standard(relay: ["8.1.1.1", "10.0.0.5"])
        #expect(rules.check(external) == .ownRelayAddress(elsewhere: .hostAddress(external)))
        #expect(rules.check(SocketAddress(local, port: 50000)) == .ownRelayAddress(elsewhere: .hostAddress(local)))
        let opened = PeerRules.standard(allow: ["10.0.0.5"], deny: ["8.1.1.1"], relay: ["8.1.1.1", "10.0.0.5"])
        #expect(opened.check(local) == .ownRelayAddress(elsewhere: nil))
        let prefix = try #require(IPPrefix("8.1.1.1"))
        #expect(opened.check(external) == .ownRelayAddress(elsewhere: .denyPeers(prefix)))
    }

    @Test("every rule has a stable name and the prefix that denies")
    func names() throws {
        let host = try #require(IPAddress("8.1.1.1"))
        let loopback = try #require(SpecialPurposeRange.all.first { $0.name == "Loopback" })
        let wide = try #require(IPPrefix("8.0.0.0/8"))
        let rules: [(PeerRule, String, String?)] = [
            (.portZero, "port-zero", nil),
            (.listeningSocket(SocketAddress(host, port: 1)), "listening-socket", "8.1.1.1/32"),
            (.denyPeers(wide), "deny-peers", "8.0.0.0/8"), (.hostAddress(host), "host-address", "8.1.1.1/32"),
            (.specialPurpose(loopback), "special-purpose", "127.0.0.0/8"),
            (.disguise(.mapped, of: host, by: .specialPurpose(loopback)), "disguise", "127.0.0.0/8"),
            (.disguise(.mapped, of: host, by: .denyPeers(wide)), "disguise", "8.0.0.0/8"),
            (.disguise(.mapped, of: host, by: .hostAddress), "disguise", "8.1.1.1/32"),
        ]
        for (rule, name, prefix) in rules {
            #expect(rule.name == name)
            #expect(rule.prefix?.description == prefix)
        }
        #expect(Set(PeerDisguise.allCases.map(\.name)).count == PeerDisguise.allCases.count)
    }
}

extension PeerRules {
    /// No settings, no sockets.
    static let standard = standard()

    /// Rules from texts; a text that is none is a fault of the test, and shows by the rule it lacks.
    static func standard(
        allow: [String] = [],
        deny: [String] = [],
        lanPeers: Bool = false,
        listening: [String] = [],
        host: [String] = [],
        relay: [String] = []
    ) -> PeerRules {
        PeerRules(
            allow: allow.compactMap { IPPrefix($0) },
            deny: deny.compactMap { IPPrefix($0) },
            lanPeers: lanPeers,
            listening: listening.compactMap { SocketAddress($0) },
            hostAddresses: host.compactMap { IPAddress($0) },
            relayAddresses: relay.compactMap { IPAddress($0) }
        )
    }
}
