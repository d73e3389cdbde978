import Addresses
import PacketEngine
import ServerCore
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Which sockets the settings ask for")
struct ListenPlanTests {
    let host = [
        HostAddresses.Entry(interface: "lo", address: .v4("127.0.0.1"), prefixLength: 8),
        HostAddresses.Entry(interface: "eth0", address: .v4("198.51.100.10"), prefixLength: 24),
        HostAddresses.Entry(interface: "eth0", address: .v4("198.51.100.11"), prefixLength: 24),
        HostAddresses.Entry(interface: "eth1", address: .v4("203.0.113.5"), prefixLength: 24),
    ]

    @Test("without addresses both ports listen on all addresses of both families, IPv6 only where there is one")
    func defaults() throws {
        let plan = try ListenPlan(Settings(), host: host)
        let sockets = plan.sockets.filter { !$0.isShortcut }
        #expect(sockets.map { "\($0.local)" } == ["0.0.0.0:3478", "0.0.0.0:3479", "[::]:3478", "[::]:3479"])
        #expect(sockets.map(\.isOptional) == [false, false, true, true])
        #expect(plan.sockets.allSatisfy { $0.isRead })
        #expect(!plan.v4.hasAlternate)
    }

    @Test(
        "beside a socket on all addresses each address of the host gets its own, but for link-local ones, up to a limit"
    )
    func shortcuts() throws {
        let linkLocal = HostAddresses.Entry(interface: "eth0", address: .v4("169.254.1.1"), prefixLength: 16)
        let one = try ListenPlan(settings { $0.workers = 1 }, host: host + [linkLocal])
        #expect(
            one.sockets.filter { $0.isShortcut && $0.role == .primaryPrimary }.map { "\($0.local.address)" }
                == ["198.51.100.10", "198.51.100.11", "203.0.113.5", "127.0.0.1"]
        )
        let many = try ListenPlan(settings { $0.workers = 64 }, host: host)
        #expect(
            many.sockets.filter { $0.isShortcut && $0.role == .primaryPrimary }.map { "\($0.local.address)" }
                == ["198.51.100.10", "198.51.100.11"]
        )
        let second = try ListenPlan(settings { $0.secondAddress = [.v4("198.51.100.11")] }, host: host)
        #expect(!second.sockets.contains { $0.isShortcut && $0.local.address == .v4("198.51.100.11") })
    }

    @Test("TCP listens at the first STUN port, TLS at its own and more ports where asked, each once a family")
    func streams() throws {
        let locals = { (change: (inout Settings) -> Void) in
            try ListenPlan(self.settings(change), host: self.host).streams.map { "\($0.local)" }
        }
        #expect(try locals { _ in } == ["0.0.0.0:3478", "[::]:3478"])
        #expect(try locals { $0.tcp = false } == [])
        #expect(
            try locals {
                $0.tcp = false
                $0.streamPorts = [443]
            } == [],
            "nothing is spoken there"
        )
        let one = { (settings: inout Settings) in
            settings.address = [.v4("198.51.100.10")]
            settings.tlsCertificate = "a.pem"
            settings.streamPorts = [443, 5349]
        }
        #expect(try locals(one) == ["198.51.100.10:3478", "198.51.100.10:5349", "198.51.100.10:443"])
        let secure = { (settings: inout Settings) in
            one(&settings)
            settings.tcp = false
        }
        #expect(try locals(secure) == ["198.51.100.10:5349", "198.51.100.10:443"])
        #expect(try ListenPlan(Settings(), host: host).streams.map(\.isOptional) == [false, true])
    }

    @Test("DTLS has a UDP socket of its own at tls-port, which is none of RFC 5780's four and no shortcut of one")
    func securePort() throws {
        let plan = { (change: (inout Settings) -> Void) in
            try ListenPlan(
                self.settings {
                    $0.tlsCertificate = "a.pem"
                    change(&$0)
                },
                host: self.host
            )
        }
        let both = try plan { _ in }
        #expect(both.sockets.filter(\.isSecure).map { "\($0.local)" } == ["0.0.0.0:5349", "[::]:5349"])
        #expect(both.sockets.filter(\.isSecure).map(\.isOptional) == [false, true])
        #expect(both.sockets.allSatisfy { $0.isSecure == ($0.local.port == 5349) })
        let one = try plan {
            $0.address = [.v4("198.51.100.10")]
            $0.secondAddress = [.v4("203.0.113.5")]
            $0.tlsPort = 443
        }
        #expect(one.sockets.filter(\.isSecure).map { "\($0.local)" } == ["198.51.100.10:443"])
        #expect(one.channelPlaces.map { "\($0)" } == ["198.51.100.10:3478"])
        for shared: UInt16 in [3478, 3479] {
            #expect(try plan { $0.tlsPort = shared }.sockets.allSatisfy { !$0.isSecure }, "DTLS comes to that one too")
        }
        #expect(try plan { $0.dtls = false }.sockets.allSatisfy { !$0.isSecure })
        #expect(try plan { $0.tlsCertificate = nil }.sockets.allSatisfy { !$0.isSecure })
    }

    @Test("no answer of RFC 5780 leaves from DTLS's own socket, whatever its place among the others")
    func securePortIsNotChosen() throws {
        let open = { (role: SocketRole, isSecure: Bool) in
            let socket = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 65_536)
            return (socket, Worker.Port(socket: socket.handle, role: role, isSecure: isSecure))
        }
        let secure = try open(.primaryPrimary, true)
        let first = try open(.primaryPrimary, false)
        let other = try open(.primaryAlternate, false)
        let home = first.1.socket.local.address
        for ports in [[secure.1, first.1, other.1], [other.1, first.1, secure.1]] {
            let chosen = ClientDatagram.choose(.primaryPrimary, home, among: ports)
            #expect(chosen?.isSecure == false)
        }
        #expect(ClientDatagram.choose(.primaryPrimary, home, among: [secure.1, other.1]) == nil)
        withExtendedLifetime((secure.0, first.0, other.0)) {}
    }

    @Test("an address of one family leaves the other family out")
    func oneFamily() throws {
        let plan = try ListenPlan(settings { $0.address = [.v4("198.51.100.10")] }, host: host)
        #expect(plan.sockets.map { "\($0.local)" } == ["198.51.100.10:3478", "198.51.100.10:3479"])
    }

    @Test("two addresses make the four sockets of RFC 5780")
    func fourSockets() throws {
        let plan = try ListenPlan(
            settings {
                $0.address = [.v4("198.51.100.10")]
                $0.secondAddress = [.v4("203.0.113.5")]
            },
            host: host
        )
        #expect(
            plan.sockets.map { "\($0.role) \($0.local)" } == [
                "primaryPrimary 198.51.100.10:3478", "primaryAlternate 198.51.100.10:3479",
                "alternatePrimary 203.0.113.5:3478", "alternateAlternate 203.0.113.5:3479",
            ]
        )
        #expect(plan.v4.supportsBehaviourDiscovery)
    }

    @Test(
        "on all addresses the first address is another one of the second's interface, else any that is no loopback",
        arguments: [
            ("198.51.100.11", "198.51.100.10"), ("127.0.0.2", "127.0.0.1"), ("203.0.113.5", "198.51.100.10"),
        ]
    )
    func firstBesideSecond(second: String, first: String) throws {
        let plan = try ListenPlan(settings { $0.secondAddress = [.v4(second)] }, host: host)
        #expect(plan.v4.primary == .v4(first))
        #expect(plan.v4.alternate == .v4(second))
        #expect(plan.sockets.first.map { "\($0.local)" } == "0.0.0.0:3478")
    }

    @Test("external-ip says what clients are told of both addresses; one without a local address stands for the first")
    func external() throws {
        let local = (IPAddress.v4("198.51.100.10"), IPAddress.v4("198.51.100.11"))
        let cases = [
            ("192.0.2.1/198.51.100.10 192.0.2.2/198.51.100.11", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1 192.0.2.2/198.51.100.11", "192.0.2.1", "192.0.2.2"), ("192.0.2.1", "192.0.2.1", nil),
            ("192.0.2.2/198.51.100.11", nil, "192.0.2.2"), ("192.0.2.1/203.0.113.5 2001:db8::1", nil, nil),
            ("192.0.2.9 192.0.2.1/198.51.100.10", "192.0.2.1", nil),
        ]
        for (text, first, second) in cases {
            let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: ["external-ip": text])
            let pairs = try Settings.load(from: sources).settings.externalIp
            let plan = try ListenPlan(
                settings {
                    $0.address = [local.0]
                    $0.secondAddress = [local.1]
                    $0.externalIp = pairs
                },
                host: host
            )
            #expect(plan.v4.primaryExternal.map { "\($0)" } == first, "\(text)")
            #expect(plan.v4.alternateExternal.map { "\($0)" } == second, "\(text)")
            #expect(plan.v4.primary == local.0 && plan.v4.alternate == local.1)
        }
    }

    @Test("with one address too external-ip stands for it, and on all addresses for the one that relays or is named")
    func externalOfOne() throws {
        func plan(_ flags: [String: String]) throws -> Endpoints {
            let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: flags)
            let settings = try Settings.load(from: sources).settings
            return try ListenPlan(settings, host: host) { $0 == .v4 ? .v4("198.51.100.11") : nil }.v4
        }
        let cases: [([String: String], String?, String?)] = [
            (["external-ip": "192.0.2.1", "address": "198.51.100.10"], "198.51.100.10", "192.0.2.1"),
            (["external-ip": "192.0.2.1/198.51.100.10", "address": "198.51.100.10"], "198.51.100.10", "192.0.2.1"),
            (["external-ip": "192.0.2.1"], "198.51.100.11", "192.0.2.1"),
            (["external-ip": "192.0.2.1", "relay-address": "203.0.113.5"], "203.0.113.5", "192.0.2.1"),
            (["external-ip": "192.0.2.1/198.51.100.10"], "198.51.100.10", "192.0.2.1"),
            (["external-ip": "192.0.2.1/10.9.9.9"], nil, nil), (["external-ip": "2001:db8::1"], nil, nil),
            ([:], nil, nil),
        ]
        for (flags, primary, external) in cases {
            let found = try plan(flags)
            #expect(found.primary.map { "\($0)" } == primary, "\(flags)")
            #expect(found.primaryExternal.map { "\($0)" } == external, "\(flags)")
            #expect(!found.hasAlternate && found.alternateExternal == nil)
        }
    }

    @Test("a pair without a local address is the relay's where that has an address of its own")
    func externalOfRelay() throws {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: ["external-ip": "192.0.2.7"])
        let pairs = try Settings.load(from: sources).settings.externalIp
        let plan = try ListenPlan(
            settings {
                $0.address = [.v4("198.51.100.10")]
                $0.secondAddress = [.v4("198.51.100.11")]
                $0.relayAddress = [.v4("198.51.100.12")]
                $0.externalIp = pairs
            },
            host: host
        )
        #expect(plan.v4.primaryExternal == nil && plan.v4.alternateExternal == nil)
    }

    @Test("a second address without any other address is a mistake in the settings")
    func nothingBesideSecond() {
        let alone = [HostAddresses.Entry(interface: "eth0", address: .v4("198.51.100.10"), prefixLength: 24)]
        let error = #expect(throws: StartError.self) {
            try ListenPlan(settings { $0.secondAddress = [.v4("198.51.100.10")] }, host: alone)
        }
        #expect(error?.description.contains("set address") == true)
    }

    @Test("the write-only second port of the 2002 manual is opened but not read")
    func writeOnlyPort() throws {
        let plan = try ListenPlan(settings { $0.stunPort2Reads = false }, host: host)
        #expect(plan.sockets.filter { !$0.isShortcut }.map(\.isRead) == [true, false, true, false])
        #expect(plan.sockets.allSatisfy { $0.isRead == ($0.local.port == 3478) })
        #expect(!plan.v4.supportsBehaviourDiscovery)
    }

    @Test("a rate limit is shared by the workers; one that is too low to share is a mistake")
    func sharedRates() throws {
        let settings = settings {
            $0.bindingRateLimit = 5000
            $0.challengeRateBurst = 7
        }
        let policy = try Policy(settings, plan: try ListenPlan(settings, host: host), workers: 4)
        #expect(policy.bindingRate == Rate(perSecond: 1250, burst: 2500))
        #expect(policy.challengeRate == Rate(perSecond: 25, burst: 1))
        let plan = try ListenPlan(settings, host: host)
        let error = #expect(throws: StartError.self) { try Policy(settings, plan: plan, workers: 8) }
        #expect(error?.description.hasPrefix("challenge-rate-burst: 7 is shared by 8 workers") == true)
    }

    private func settings(_ change: (inout Settings) -> Void) -> Settings {
        var settings = Settings()
        change(&settings)
        return settings
    }
}

extension IPAddress {
    /// An address of a test; 0.0.0.0 when the text is wrong, which no test expects.
    static func v4(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }
}
