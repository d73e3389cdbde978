import Addresses
import ServerCore
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("Which addresses relay, and what is told of them")
struct RelayPlanTests {
    @Test("a public address is relayed from and nothing is told; with external-ip clients are told the other one")
    func plain() throws {
        #expect(try plan("relay-address", "198.51.100.1").warnings.isEmpty)
        let mapped = try plan("external-ip", "203.0.113.5/10.0.0.5", v4: "10.0.0.5")
        #expect(mapped.addresses.map { "\($0.local) \($0.external)" } == ["10.0.0.5 203.0.113.5"])
        #expect(mapped.warnings.isEmpty)
    }

    @Test("a private, shared, link-local or loopback address is told with what to do")
    func reach() throws {
        for address in ["10.0.0.5", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.0.1", "fd00::1"] {
            let warnings = try plan("relay-address", address).warnings
            #expect(warnings.count == 1 && warnings[0].contains("\(address) is private"), "\(address)")
        }
        for address in ["127.0.0.1", "::1"] {
            let warnings = try plan("relay-address", address).warnings
            #expect(warnings.count == 1 && warnings[0].contains("\(address) is a loopback address"), "\(address)")
        }
    }

    @Test("an IPv6 address that the server finds and others cannot reach does not relay")
    func foundIPv6() throws {
        #expect(try plan("realm", "r", v4: "198.51.100.1", v6: "fd00::1").addresses.count == 1)
        #expect(try plan("realm", "r", v4: "198.51.100.1", v6: "2001:db8::1").addresses.count == 2)
    }

    @Test(
        "an external-ip pair that is not used is told, with the address that relays",
        arguments: [
            ("203.0.113.5/10.0.0.6", "the relay address is 198.51.100.1, not 10.0.0.6"),
            ("2001:db8::5", "no IPv6 address of this host relays"),
            ("203.0.113.5 203.0.113.6/198.51.100.1", "not used: clients are told 203.0.113.5"),
        ]
    )
    func unusedPair(pairs: String, text: String) throws {
        let warnings = try plan("external-ip", pairs, v4: "198.51.100.1").warnings
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.first?.hasPrefix("external-ip \(pairs.split(separator: " ").last ?? "") is not used") == true)
        #expect(warnings.first?.contains(text) == true, "\(warnings)")
    }

    private func plan(_ key: String, _ value: String, v4: String? = nil, v6: String? = nil) throws -> RelayPlan {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: [key: value])
        return RelayPlan(try Settings.load(from: sources).settings) { family in
            (family == .v4 ? v4 : v6).flatMap { IPAddress($0) }
        }
    }
}
