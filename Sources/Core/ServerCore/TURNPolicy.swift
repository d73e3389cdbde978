public import Addresses
public import STUNAuthentication

/// What the relay may do; part of `Policy`.
public struct TURNPolicy: Sendable {
    /// Who may use it.
    public var authenticator: LongTermAuthenticator
    /// The lifetimes of each realm, in the order of the authenticator's realms; `lifetimes` holds for those that are
    /// missing.
    public var realmLifetimes: [Lifetimes?] = []
    /// The lifetimes of allocations.
    public var lifetimes = Lifetimes()
    /// Whether an allocation ends when its timed credential does.
    public var endsAtCredentialExpiry = false
    /// How many permissions an allocation may have.
    public var permissionsPerAllocation = 128
    /// How many channels an allocation may have.
    public var channelsPerAllocation = 256
    /// Whether TCP connections are relayed too (RFC 6062), for clients that come by TCP or TLS.
    public var relaysTCP = false
    /// Who may have mirrors; nil when the drafts before RFC 5766 are not answered.
    public var mirror: MirrorPolicy?
    /// How many TCP connections with peers an allocation may have.
    public var connectionsPerAllocation = 64
    /// Whether channel numbers up to 0x7FFE are accepted, as RFC 5766 had them.
    public var acceptsRFC5766Channels = false
    /// What users may use.
    public var quotas = Quotas()
    /// How many allocations are all that there can be: what the load is measured by.
    public var capacity = Int.max
    /// At which load, in thousandths, new allocations go to a less loaded server; nil means never.
    public var redirectLoad: UInt16?
    /// Which peers may be relayed to.
    public var peers: PeerRules
    /// The relay address of IPv4; nil when IPv4 is not relayed.
    public var relayV4: RelayAddress?
    /// The relay address of IPv6; nil when IPv6 is not relayed.
    public var relayV6: RelayAddress?

    /// Defaults with no relay address.
    public init(authenticator: LongTermAuthenticator, peers: PeerRules) {
        self.authenticator = authenticator
        self.peers = peers
    }

    /// The relay address of a family.
    @inlinable
    public func relayAddress(_ family: IPAddress.Family) -> RelayAddress? { family == .v4 ? relayV4 : relayV6 }

    func lifetimes(ofRealm realm: Int) -> Lifetimes {
        (realmLifetimes.indices.contains(realm) ? realmLifetimes[realm] : nil) ?? lifetimes
    }
}

/// The IP address that relay sockets are bound to, and the one that the world knows them by (1:1 NAT).
public struct RelayAddress: Sendable, Equatable {
    /// What sockets are bound to.
    public var local: IPAddress
    /// What clients and peers are told.
    public var external: IPAddress

    /// Joins the two.
    public init(local: IPAddress, external: IPAddress) {
        self.local = local
        self.external = external
    }
}

/// How long allocations live, in seconds.
public struct Lifetimes: Sendable, Equatable {
    /// The shortest lifetime, and that of a client that asks for none.
    public var shortest: UInt32 = 600
    /// The longest.
    public var longest: UInt32 = 3600

    /// RFC 8656 section 3.2's default of 10 minutes, and at most one hour as section 7.2 recommends.
    public init() {}

    /// Joins the two.
    public init(shortest: UInt32, longest: UInt32) {
        self.shortest = shortest
        self.longest = max(shortest, longest)
    }

    /// The lifetime for a client that asks for `requested` seconds (RFC 8656 section 7.2).
    func granted(_ requested: UInt32?) -> UInt32 {
        guard let requested else { return shortest }
        return max(shortest, min(requested, longest))
    }
}

/// Limits on what is used.
public struct Quotas: Sendable, Equatable {
    /// Allocations of one user at a time.
    public var userAllocations = Int.max
    /// Allocations of all users at a time.
    public var totalAllocations = Int.max
    /// Bytes that all allocations may take with their permissions and channels (`MemoryCost`).
    public var memory = Int.max
    /// Bytes of application data of one user, both directions together; nil means no limit.
    public var userBytes: Rate?
    /// Bytes of application data of all users; nil means no limit.
    public var totalBytes: Rate?
    /// Bytes of application data of one user in a calendar month (UTC).
    public var userBytesPerMonth = UInt64.max

    /// No limits.
    public init() {}
}
