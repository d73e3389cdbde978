public import Addresses

/// Whether a relay may exchange datagrams with a peer.
public enum PeerDecision: Sendable, Equatable {
    /// It may.
    case allowed
    /// The peer has one of our own relay addresses: allowed on a port that an allocation has now.
    ///
    /// On other ports the rule decides; without one they are allowed too, since a setting opens the address.
    case ownRelayAddress(elsewhere: PeerRule?)
    /// It may not, by this rule.
    case denied(PeerRule)

    /// Whether it may only while an allocation has the port.
    var needsAllocation: Bool {
        if case .ownRelayAddress(elsewhere: .some) = self { true } else { false }
    }

    /// Whether it may not, on any port.
    var isDenied: Bool {
        if case .denied = self { true } else { false }
    }
}

/// The rule that denies a peer.
public enum PeerRule: Sendable, Equatable {
    /// Nothing can be sent to port 0.
    case portZero
    /// The server itself listens there (RFC 8656 section 21.1.7; attacks rows 8, 12, 30).
    case listeningSocket(SocketAddress)
    /// A prefix of the setting `deny-peers`.
    case denyPeers(IPPrefix)
    /// An address of the server's host, outside the ports that allocations have.
    case hostAddress(IPAddress)
    /// A range that is no place on the public Internet.
    case specialPurpose(SpecialPurposeRange)
    /// An IPv6 form of this IPv4 address, which itself is denied.
    case disguise(PeerDisguise, of: IPAddress, by: DisguisedRule)

    /// A stable name for logs and statistics: `special-purpose`.
    public var name: String {
        switch self {
        case .portZero: "port-zero"
        case .listeningSocket: "listening-socket"
        case .denyPeers: "deny-peers"
        case .hostAddress: "host-address"
        case .specialPurpose: "special-purpose"
        case .disguise: "disguise"
        }
    }

    /// The range that the rule denies; for a disguise that of IPv4, nil where there is none.
    public var prefix: IPPrefix? {
        switch self {
        case .portZero: nil
        case .listeningSocket(let socket): IPPrefix(host: socket.address)
        case .denyPeers(let prefix): prefix
        case .hostAddress(let address): IPPrefix(host: address)
        case .specialPurpose(let range): range.prefix
        case .disguise(_, of: let address, by: let rule): rule.prefix(of: address)
        }
    }
}

/// Why the IPv4 address within an IPv6 address is denied.
public enum DisguisedRule: Sendable, Equatable {
    /// The server itself listens there.
    case listeningSocket
    /// A prefix of the setting `deny-peers`.
    case denyPeers(IPPrefix)
    /// It is an address of the server's host.
    case hostAddress
    /// It is no place on the public Internet.
    case specialPurpose(SpecialPurposeRange)
    /// Nothing denies it, but a tunnel would be used to get there (RFC 8656 section 21.4).
    case tunnel

    /// A stable name for logs and statistics, those of `PeerRule` where it is the same rule.
    public var name: String {
        switch self {
        case .listeningSocket: "listening-socket"
        case .denyPeers: "deny-peers"
        case .hostAddress: "host-address"
        case .specialPurpose: "special-purpose"
        case .tunnel: "tunnel"
        }
    }

    /// The IPv4 range that is denied around an address.
    func prefix(of address: IPAddress) -> IPPrefix? {
        switch self {
        case .listeningSocket, .hostAddress, .tunnel: IPPrefix(host: address)
        case .denyPeers(let prefix): prefix
        case .specialPurpose(let range): range.prefix
        }
    }
}

/// The forms in which an IPv6 address carries an IPv4 address.
public enum PeerDisguise: UInt8, Sendable, CaseIterable {
    /// `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
    case mapped
    /// `::a.b.c.d` (RFC 4291 section 2.5.5.1).
    case compatible
    /// `::ffff:0:a.b.c.d` (RFC 2765).
    case translated
    /// `64:ff9b::a.b.c.d` (RFC 6052 section 2.1).
    case nat64
    /// `64:ff9b:1::/48` (RFC 8215), with the address where RFC 6052 section 2.2 puts it.
    case localNAT64
    /// `2002:ab:cd::/48` (RFC 3056).
    case sixToFour
    /// `2001:0:server::client`, the client's bits inverted (RFC 4380 section 4).
    case teredo
    /// An interface identifier of `0:5efe:a.b.c.d` or `200:5efe:a.b.c.d` in any prefix (RFC 5214 section 6.1).
    case isatap

    /// A stable name for logs and statistics: `6to4`.
    public var name: String {
        switch self {
        case .mapped: "ipv4-mapped"
        case .compatible: "ipv4-compatible"
        case .translated: "ipv4-translated"
        case .nat64: "nat64"
        case .localNAT64: "nat64-local"
        case .sixToFour: "6to4"
        case .teredo: "teredo"
        case .isatap: "isatap"
        }
    }
}

extension IPPrefix {
    /// The range of one address.
    init?(host address: IPAddress) { self.init(address, length: address.bitWidth) }
}
