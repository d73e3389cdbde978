public import Addresses

/// What a worker knows of the other STUN servers: an immutable snapshot, replaced whole about once a second.
///
/// Made by the runtime from the settings, the name service and the heartbeats; the core only reads it.
public struct ClusterView: Sendable {
    /// How many other servers there may be.
    public static let mostPeers = 64

    /// The other servers, at most `mostPeers`, in the order of the settings.
    public var peers: [ClusterPeer]
    /// What this server tells the others of itself.
    public var own: ServerState

    /// Joins the two.
    public init(peers: [ClusterPeer], own: ServerState) {
        self.peers = Array(peers.prefix(Self.mostPeers))
        self.own = own
    }
}

/// Another STUN server as this one sees it.
public struct ClusterPeer: Sendable, Equatable {
    /// How requests are handed to it.
    public enum Kind: Sendable, Equatable {
        /// One of ours: by an envelope under the cluster key.
        case sealed
        /// A foreign server of RFC 3489 or the drafts: by RESPONSE-ADDRESS.
        case classic
    }

    /// Its place in the runtime's list, by which the log names it.
    public var id: UInt16
    /// How requests are handed to it.
    public var kind: Kind
    /// Where it answers by IPv4; nil when it has no such address.
    public var v4: PeerEndpoints?
    /// Where it answers by IPv6.
    public var v6: PeerEndpoints?
    /// Whether it answers heartbeats and its clock agrees with ours: requests are handed to no others.
    public var isHealthy: Bool
    /// What it said of itself last.
    public var state: ServerState

    /// Joins the parts.
    public init(
        id: UInt16,
        kind: Kind,
        v4: PeerEndpoints?,
        v6: PeerEndpoints?,
        isHealthy: Bool,
        state: ServerState = ServerState()
    ) {
        self.id = id
        self.kind = kind
        self.v4 = v4
        self.v6 = v6
        self.isHealthy = isHealthy
        self.state = state
    }

    /// Where it answers in a family.
    @inlinable
    public func endpoints(_ family: IPAddress.Family) -> PeerEndpoints? { family == .v4 ? v4 : v6 }
}

/// The address of another server in one family, and its two ports.
public struct PeerEndpoints: Sendable, Equatable {
    /// Its address as clients see it.
    public var address: IPAddress
    /// Its first port, which envelopes and heartbeats are sent to.
    public var port1: UInt16
    /// Its second port; nil while it is not known, or when it is not read.
    public var port2: UInt16?

    /// Joins the parts.
    public init(address: IPAddress, port1: UInt16, port2: UInt16? = nil) {
        self.address = address
        self.port1 = port1
        self.port2 = port2
    }
}

/// What a server says of itself in its heartbeats.
public struct ServerState: Sendable, Equatable {
    /// A random number of this start of the process, by which a server knows itself.
    public var instance: UInt64 = 0
    /// Major, minor and patch number of the version, a byte each from the lowest.
    public var version: UInt32 = 0
    /// How much of what it may relay is used, in thousandths; over 1000 means that it would rather have no more.
    public var load: UInt16 = 0
    /// How many allocations it has.
    public var allocations: UInt32 = 0
    /// Whether it takes no new allocations since it is about to stop.
    public var isDraining = false
    /// Its second port as clients reach it; 0 when requests there are not read.
    public var port2: UInt16 = 0

    /// Nothing known.
    public init() {}
}
