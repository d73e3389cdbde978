public import Addresses
public import STUNAuthentication
public import STUNCodec

/// What a server may do and how: replaced whole, never changed in place.
///
/// Knows nothing of settings files.
public struct Policy: Sendable {
    /// The four sockets of IPv4.
    public var v4 = Endpoints()
    /// The four sockets of IPv6.
    public var v6 = Endpoints()
    /// How the rosenberg drafts' addresses are written.
    public var draftAddressLayout = AddressLayout.draft01
    /// Success answers to Binding requests a second and prefix.
    public var bindingRate = Rate(perSecond: 5_000, burst: 10_000)
    /// Error answers a second and prefix.
    public var challengeRate = Rate(perSecond: 100, burst: 400)
    /// Prefixes that no rate limit holds for.
    public var rateLimitExempt: [IPPrefix] = []
    /// How many sources the statistics remember.
    public var statisticsRows = 100

    /// The secrets that are handed out over TLS for one exchange of RFC 3489; nil: none are.
    public var oneTimeSecrets: OneTimeSecrets?
    /// The relay; nil when TURN is off.
    public var turn: TURNPolicy?

    /// Defaults with no sockets and no relay.
    public init() {}

    /// The sockets of a family.
    @inlinable
    public func endpoints(_ family: IPAddress.Family) -> Endpoints { family == .v4 ? v4 : v6 }
}

/// The addresses of RFC 5780's four sockets in one address family.
public struct Endpoints: Sendable, Equatable {
    /// A1; nil while the sockets are bound to all addresses and neither a second address nor a NAT needs it named.
    public var primary: IPAddress?
    /// A2; nil when the host has no second address.
    public var alternate: IPAddress?
    /// What clients are told in place of A1, where a NAT maps it one to one; nil where they reach A1 itself.
    public var primaryExternal: IPAddress?
    /// The same for A2.
    public var alternateExternal: IPAddress?
    /// P1.
    public var port1: UInt16 = 3478
    /// P2.
    public var port2: UInt16 = 3479
    /// Whether requests to P2 are read; the server of 2002 only answered from it.
    public var readsPort2 = true
    /// Whether all of the sockets take TCP connections too, so that clients can be told of the others over TCP.
    public var takesTCP = false

    /// No second address, default ports.
    public init() {}

    /// Whether answers can come from a second address.
    @inlinable
    public var hasAlternate: Bool { alternate != nil && primary != nil }

    /// Whether all four sockets send and receive, which RFC 5780 section 6 demands.
    @inlinable
    public var supportsBehaviourDiscovery: Bool { hasAlternate && readsPort2 }

    /// The address of the socket of a role, for a request that was received as `flow` says; nil when there is none.
    @inlinable
    public func address(of role: SocketRole, for flow: ClientFlow) -> SocketAddress? {
        let port = role.isOnAlternatePort ? port2 : port1
        if role.isOnAlternateAddress == flow.role.isOnAlternateAddress {
            // The same IP address: the one that was asked, which on a wildcard socket only the packet tells.
            return SocketAddress(flow.destination.address, port: port)
        }
        return (role.isOnAlternateAddress ? alternate : primary).map { SocketAddress($0, port: port) }
    }

    /// The same address as clients know it, beyond a NAT that maps it.
    @inlinable
    public func externalAddress(of role: SocketRole, for flow: ClientFlow) -> SocketAddress? {
        guard var told = address(of: role, for: flow) else { return nil }
        if let primaryExternal, told.address == primary {
            told.address = primaryExternal
        } else if let alternateExternal, told.address == alternate {
            told.address = alternateExternal
        }
        return told
    }
}

/// So many a second, and so many at once after a pause.
public struct Rate: Sendable, Equatable {
    /// Events a second in the long run, at least 1.
    public var perSecond: Int
    /// Events at once, at least 1.
    public var burst: Int

    /// Joins the two.
    public init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}
