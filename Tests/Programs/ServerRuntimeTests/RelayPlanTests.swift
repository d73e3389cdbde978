import Addresses
import ServerCore
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("Which addresses relay, and what is said of them")
struct RelayPlanTests {
    private let v4 = IPAddress.v4("198.51.100.10")
    private let v6 = IPAddress(v6High: 0x2606_2800_0220_0001, low: 1)

    private func plan(
        _ v4: IPAddress? = .v4("198.51.100.10"),
        _ v6: IPAddress? = IPAddress(v6High: 0x2606_2800_0220_0001, low: 1),
        _ change: (inout Settings) -> Void = { _ in }
    ) -> RelayPlan {
        var settings = Settings()
        change(&settings)
        return RelayPlan(settings) { $0 == .v4 ? v4 : v6 }
    }

    private func external(_ text: String) throws -> [ExternalAddress] {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: ["external-ip": text])
        return try Settings.load(from: sources).settings.externalIp
    }

    @Test("without settings it is the address by which this host reaches the Internet, of each family")
    func found() {
        let plan = plan()
        #expect(plan.addresses == [RelayAddress(local: v4, external: v4), RelayAddress(local: v6, external: v6)])
        #expect(plan.address(.v4)?.local == v4 && plan.address(.v6)?.local == v6)
        #expect(plan.warnings.isEmpty)
        #expect(self.plan(v4, nil).address(.v6) == nil)
        #expect(self.plan(nil, nil).addresses.isEmpty)
        #expect(self.plan { $0.turn = false }.addresses.isEmpty)
    }

    @Test("IPv6 that is found is used only where others can reach it", arguments: ["::1", "fd00::5", "fe80::1"])
    func uselessIPv6(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(plan(v4, address).addresses.map(\.local) == [v4])
        // Who names it, or listens on IPv6 on purpose, has it.
        #expect(plan(v4, nil) { $0.relayAddress = [address] }.addresses.map(\.local) == [address])
        #expect(plan(v4, address) { $0.address = [.unspecified(.v6)] }.addresses.map(\.local) == [address])
    }

    @Test("relay-address is what relays, and a family that it does not name is not relayed")
    func relayAddress() {
        let named = IPAddress.v4("203.0.113.5")
        #expect(plan { $0.relayAddress = [named] }.addresses == [RelayAddress(local: named, external: named)])
        #expect(plan { $0.relayAddress = [v6] }.addresses.map(\.local) == [v6])
        #expect(plan { $0.relayAddress = [named, v6] }.addresses.map(\.local) == [named, v6])
        #expect(plan { ($0.address, $0.relayAddress) = ([v4], [named]) }.addresses.map(\.local) == [named])
    }

    @Test("who listens on some addresses or on one family only means the relay too")
    func address() {
        let named = IPAddress.v4("203.0.113.5")
        #expect(plan { $0.address = [named] }.addresses.map(\.local) == [named])
        #expect(plan { $0.address = [named, v6] }.addresses.map(\.local) == [named, v6])
        #expect(plan { $0.address = [.unspecified(.v4)] }.addresses.map(\.local) == [v4])
        #expect(plan { $0.address = [.unspecified(.v6)] }.addresses.map(\.local) == [v6])
    }

    @Test("external-ip is what clients are told, for the local address beside it or for the only one of its family")
    func externalAddress() throws {
        let inside = IPAddress.v4("10.0.0.5")
        let outside = IPAddress.v4("203.0.113.5")
        for text in ["203.0.113.5", "203.0.113.5/10.0.0.5"] {
            let external = try external(text)
            let plan = plan(inside) { $0.externalIp = external }
            #expect(plan.address(.v4) == RelayAddress(local: inside, external: outside))
            #expect(plan.address(.v6) == RelayAddress(local: v6, external: v6))
            #expect(plan.warnings.isEmpty, "what clients are told is public")
        }
        let elsewhere = try external("203.0.113.5/10.0.0.6")
        let other = plan(inside) { $0.externalIp = elsewhere }
        #expect(other.address(.v4) == RelayAddress(local: inside, external: inside))
    }

    @Test(
        "an address that few can reach is told with what that means and what to do",
        arguments: [
            ("10.0.0.5", "private"), ("172.31.255.255", "private"), ("192.168.1.1", "private"),
            ("100.64.0.1", "private"), ("169.254.1.1", "private"), ("127.0.0.1", "loopback"),
            ("172.32.0.1", nil), ("192.169.1.1", nil), ("100.128.0.1", nil), ("11.0.0.1", nil),
        ] as [(String, String?)]
    )
    func warnings(text: String, word: String?) {
        let warnings = plan(.v4(text), nil).warnings
        guard let word else { return #expect(warnings.isEmpty, "\(warnings)") }
        #expect(warnings.count == 1)
        let cure = word == "private" ? "set external-ip to that one" : "set relay-address to an address"
        #expect(warnings.first?.hasPrefix("relay address \(text) is ") == true, "\(warnings)")
        #expect(warnings.first?.contains(word) == true && warnings.first?.contains(cure) == true, "\(warnings)")
    }

    @Test(
        "an external-ip pair that is not used is told, with the address that relays",
        arguments: [
            ("203.0.113.5/10.0.0.6", "the relay address is 198.51.100.10, not 10.0.0.6"),
            ("2001:db8::5", "no IPv6 address of this host relays"),
            ("203.0.113.6/198.51.100.10 203.0.113.5", "clients are told 203.0.113.6"),
        ]
    )
    func unusedPair(pairs: String, text: String) throws {
        let external = try external(pairs)
        let warnings = plan(v4, nil) { $0.externalIp = external }.warnings
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.first?.hasPrefix("external-ip \(pairs.split(separator: " ").last ?? "") is not used") == true)
        #expect(warnings.first?.contains(text) == true, "\(warnings)")
    }

    @Test("a pair for the second address is used, by NAT discovery, and is nothing to warn of")
    func pairOfDiscovery() throws {
        let pairs = try external("203.0.113.5/198.51.100.10 203.0.113.6/198.51.100.11")
        let plan = plan(v4, nil) {
            $0.secondAddress = [.v4("198.51.100.11")]
            $0.externalIp = pairs
        }
        #expect(plan.warnings.isEmpty && plan.address(.v4)?.external == .v4("203.0.113.5"), "\(plan.warnings)")
    }

    @Test("an external address that is private is told too, and of each family")
    func warningsOfBoth() throws {
        let inside = try external("192.168.1.5")
        let mistaken = plan { $0.externalIp = inside }
        #expect(mistaken.warnings.count == 1 && mistaken.warnings[0].contains("192.168.1.5"))
        let loopback = try #require(IPAddress("::1"))
        let both = plan { $0.relayAddress = [.v4("10.0.0.5"), loopback] }
        #expect(both.warnings.count == 2)
        #expect(both.warnings.last?.hasPrefix("relay address ::1 is a loopback address") == true)
    }
}
