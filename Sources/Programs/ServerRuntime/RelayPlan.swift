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
            let external = settings.external(for: local, isFirst: true)
            addresses.append(RelayAddress(local: local, external: external ?? local))
        }
        for pair in settings.externalIp {
            let relay = address(pair.external.family)
            if relay?.external == pair.external, pair.local == nil || pair.local == relay?.local { continue }
            if let local = pair.local, local != relay?.local, settings.isForDiscovery(local) { continue }
            warnings.append(Self.warning(ofUnused: pair, relay))
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

    /// A pair that is not used: clients would be told another address than its author meant.
    private static func warning(ofUnused pair: ExternalAddress, _ relay: RelayAddress?) -> String {
        let family = pair.external.family == .v4 ? "IPv4" : "IPv6"
        guard let relay else {
            return """
                external-ip \(pair) is not used: no \(family) address of this host relays; set relay-address to the one it \
                stands for
                """
        }
        if let local = pair.local, local != relay.local {
            return """
                external-ip \(pair) is not used: the relay address is \(relay.local), not \(local); set relay-address to \
                \(local), or the pair to \(pair.external)/\(relay.local)
                """
        }
        return """
            external-ip \(pair) is not used: clients are told \(relay.external), as another pair stands for the relay \
            address \(relay.local)
            """
    }

    /// Who can reach an address.
    private enum Reach {
        case host
        case network
        case world

        init(_ address: IPAddress) {
            self = address.isLoopback ? .host : address.isPrivate || address.isLinkLocal ? .network : .world
        }
    }
}
