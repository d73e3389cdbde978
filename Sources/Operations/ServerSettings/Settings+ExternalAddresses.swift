public import Addresses

extension Settings {
    /// What clients are told in place of an address of this host; nil where `external-ip` names no NAT that maps it.
    ///
    /// - Parameter isFirst: whether a pair that names no local address may stand for this one. Two addresses of a host
    ///   cannot be the same one outside, so it never stands for the second.
    public func external(for local: IPAddress, isFirst: Bool) -> IPAddress? {
        let pairs = externalIp.filter { $0.external.family == local.family }
        // The pair that names it comes before one that names none.
        return (pairs.first { $0.local == local } ?? (isFirst ? pairs.first { $0.local == nil } : nil))?.external
    }

    /// What clients are told in place of the first address of a family that the server listens at.
    ///
    /// A pair that names no local address is the relay's, where that has another one.
    public func external(forFirst local: IPAddress) -> IPAddress? {
        let relay = relayAddress.first { $0.family == local.family } ?? local
        return external(for: local, isFirst: relay == local)
    }

    /// Of a server on all addresses of its host: the one that `external-ip` is about, which relays or leads to the Internet,
    /// and what clients are told in its place; nil where no pair stands for it.
    public func externalOnAll(
        _ family: IPAddress.Family,
        outgoing: (IPAddress.Family) -> IPAddress?
    ) -> (local: IPAddress, external: IPAddress)? {
        guard let local = relayAddress.first(where: { $0.family == family }) ?? outgoing(family) else { return nil }
        return external(for: local, isFirst: true).map { (local, $0) }
    }

    /// Whether NAT discovery tells of an address of this host, so that `external-ip` may name it although it does not relay.
    public func isForDiscovery(_ local: IPAddress) -> Bool {
        secondAddress.contains(local)
            || address.contains(local) && secondAddress.contains { $0.family == local.family }
    }
}
