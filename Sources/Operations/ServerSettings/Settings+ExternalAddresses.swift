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

    /// Whether NAT discovery tells of an address of this host, so that `external-ip` may name it although it does not relay.
    public func isForDiscovery(_ local: IPAddress) -> Bool {
        secondAddress.contains(local)
            || address.contains(local) && secondAddress.contains { $0.family == local.family }
    }
}
