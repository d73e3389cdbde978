import Addresses
import PacketEngine
import ServerCore
import ServerSettings

/// Which addresses relay, and what is to be said of them: decided before anything is opened.
struct RelayPlan: Equatable {
    /// At most one address of each family.
    private(set) var addresses: [RelayAddress] = []
    /// What the person who starts the server should know.
    private(set) var warnings: [String] = []

    /// The address of a family; nil when it is not relayed.
    func address(_ family: IPAddress.Family) -> RelayAddress? { addresses.first { $0.local.family == family } }

    /// Chooses the addresses.
    ///
    /// - `outgoing`: the address by which this host reaches the Internet in a family.
    init(_ settings: Settings, outgoing: (IPAddress.Family) -> IPAddress?) {
        guard settings.turn else { return }
        for family in IPAddress.Family.allCases {
            guard let local = Self.local(family, settings, outgoing) else { continue }
            let external = settings.externalIp.first {
                $0.external.family == family && ($0.local == nil || $0.local == local)
            }
            addresses.append(RelayAddress(local: local, external: external?.external ?? local))
        }
        for address in addresses {
            if let warning = Self.warning(of: address) { warnings.append(warning) }
        }
    }

    private static func local(
        _ family: IPAddress.Family,
        _ settings: Settings,
        _ outgoing: (IPAddress.Family) -> IPAddress?
    ) -> IPAddress? {
        if !settings.relayAddress.isEmpty { return settings.relayAddress.first { $0.family == family } }
        if !settings.address.isEmpty {
            // Who listens on some addresses only, or on one family only, means the relay too.
            guard let address = settings.address.first(where: { $0.family == family }) else { return nil }
            if !address.isUnspecified { return address }
        }
        guard let found = outgoing(family) else { return nil }
        // An IPv6 address that only this host can reach is worse than none: clients would try it in vain.
        return family == .v6 && Reach(found) != .world && settings.address.isEmpty ? nil : found
    }

    private static func warning(of address: RelayAddress) -> String? {
        switch Reach(address.external) {
        case .world: nil
        case .host:
            """
            relay address \(address.external) is a loopback address: only clients and peers on this host can use the \
            relay; set relay-address to an address of this host that others reach
            """
        case .network:
            """
            relay address \(address.external) is private: only peers in the same network reach it; where a NAT maps a \
            public address to this host, set external-ip to that one
            """
        }
    }

    /// Who can reach an address.
    private enum Reach {
        case host
        case network
        case world

        init(_ address: IPAddress) {
            // Names of ranges that nobody routes: RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291.
            let networks = [
                "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
                "fe80::/10",
            ]
            let hosts = ["127.0.0.0/8", "::1/128"]
            if hosts.contains(where: { IPPrefix($0)?.contains(address) == true }) {
                self = .host
            } else if networks.contains(where: { IPPrefix($0)?.contains(address) == true }) {
                self = .network
            } else {
                self = .world
            }
        }
    }
}
