import Foundation
import ServerRuntime
import Testing

@testable import stund

@Suite("What stund doctor makes of a firewall's rules")
struct FirewallLookTests {
    private func finding(_ rules: String?, tcp: String = "3478") -> Finding {
        FirewallLook.finding(needed: ("3478, 49152-65535", tcp), rules: rules.map { Data($0.utf8) })
    }

    @Test("A chain that drops by default is a warning with the rules to add")
    func closed() {
        let found = finding(
            """
            {"nftables": [{"metainfo": {"version": "1.0.6"}}, {"chain": {"family": "inet", "table": "filter", "name": "input", \
            "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}]}
            """
        )
        #expect(found.state == .warning)
        #expect(found.remedy.contains("nft add rule inet filter input udp dport '{ 3478, 49152-65535 }' accept"))
        #expect(found.remedy.contains("nft add rule inet filter input tcp dport '{ 3478 }' accept"))
    }

    @Test("Open chains, other chains and rules that cannot be read are told with the ports that must come in")
    func open() {
        let accepting =
            #"{"nftables": [{"chain": {"family": "ip", "table": "nat", "name": "out", "hook": "output", "policy": "drop"}}]}"#
        for rules in [accepting, #"{"nftables": []}"#, "no JSON", nil] {
            let found = finding(rules, tcp: "")
            #expect(found.state == .good && found.remedy.contains("UDP 3478, 49152-65535 in"), "\(found)")
        }
    }
}
