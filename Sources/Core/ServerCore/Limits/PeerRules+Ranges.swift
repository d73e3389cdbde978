public import Addresses

/// A range of addresses that is no place on the public Internet, as IANA's registries list it.
///
/// The IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890) without what is globally reachable, multicast, and
/// all of IPv6 outside 2000::/3, the only part from which addresses are given out.
public struct SpecialPurposeRange: Sendable, Hashable {
    private let index: UInt8

    /// All of them.
    public static let all = table.indices.map { SpecialPurposeRange(index: $0) }

    init(index: Int) { self.index = UInt8(truncatingIfNeeded: index) }

    /// The range.
    public var prefix: IPPrefix { row.prefix }
    /// The name in IANA's registry.
    public var name: String { row.name }
    /// The number of the RFC that set the range apart.
    public var rfc: Int { row.rfc }

    /// Whether a local network uses it, so that the switch for relaying into local networks opens it.
    var isLocalNetwork: Bool { row.kind == .local }
    /// Whether packets to it leave through a tunnel or translator to an address that no rule has seen.
    var isTunnel: Bool { row.kind == .tunnel }

    private var row: Row { Self.table[Int(index)] }
}

extension SpecialPurposeRange {
    private enum Kind {
        case closed
        case local
        case tunnel
    }

    private struct Row {
        let prefix: IPPrefix
        let name: String
        let rfc: Int
        let kind: Kind

        /// Nil when the text is no prefix, which a test would show.
        init?(_ text: String, _ name: String, rfc: Int, _ kind: Kind = .closed) {
            guard let prefix = IPPrefix(text) else { return nil }
            self.prefix = prefix
            self.name = name
            self.rfc = rfc
            self.kind = kind
        }
    }

    private static let table: [Row] = ([v4, v6, v6Outside].joined()).compactMap(\.self)

    private static let v4 = [
        Row("0.0.0.0/8", "This network", rfc: 791),
        Row("10.0.0.0/8", "Private-Use", rfc: 1918, .local),
        Row("100.64.0.0/10", "Shared Address Space", rfc: 6598, .local),
        Row("127.0.0.0/8", "Loopback", rfc: 1122),
        Row("169.254.0.0/16", "Link Local", rfc: 3927),
        Row("172.16.0.0/12", "Private-Use", rfc: 1918, .local),
        Row("192.0.0.0/24", "IETF Protocol Assignments", rfc: 6890),
        Row("192.0.2.0/24", "Documentation (TEST-NET-1)", rfc: 5737),
        Row("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", rfc: 7526, .tunnel),
        Row("192.168.0.0/16", "Private-Use", rfc: 1918, .local),
        Row("198.18.0.0/15", "Benchmarking", rfc: 2544),
        Row("198.51.100.0/24", "Documentation (TEST-NET-2)", rfc: 5737),
        Row("203.0.113.0/24", "Documentation (TEST-NET-3)", rfc: 5737),
        Row("224.0.0.0/4", "Multicast", rfc: 5771),
        Row("240.0.0.0/4", "Reserved", rfc: 1112),
        Row("255.255.255.255/32", "Limited Broadcast", rfc: 8190),
    ]

    private static let v6 = [
        Row("::/96", "IPv4-compatible Address", rfc: 4291, .tunnel),
        Row("::/128", "Unspecified Address", rfc: 4291),
        Row("::1/128", "Loopback Address", rfc: 4291),
        Row("::ffff:0:0/96", "IPv4-mapped Address", rfc: 4291, .tunnel),
        Row("::ffff:0:0:0/96", "IPv4-translated Address", rfc: 2765, .tunnel),
        Row("64:ff9b::/96", "IPv4-IPv6 Translat.", rfc: 6052, .tunnel),
        Row("64:ff9b:1::/48", "IPv4-IPv6 Translat.", rfc: 8215, .tunnel),
        Row("100::/64", "Discard-Only Address Block", rfc: 6666),
        Row("100:0:0:1::/64", "Dummy IPv6 Prefix", rfc: 9780),
        Row("2001::/23", "IETF Protocol Assignments", rfc: 2928),
        Row("2001::/32", "TEREDO", rfc: 4380, .tunnel),
        Row("2001:2::/48", "Benchmarking", rfc: 5180),
        Row("2001:10::/28", "Deprecated (previously ORCHID)", rfc: 4843),
        Row("2001:20::/28", "ORCHIDv2", rfc: 7343),
        Row("2001:db8::/32", "Documentation", rfc: 3849),
        Row("2002::/16", "6to4", rfc: 3056, .tunnel),
        Row("3fff::/20", "Documentation", rfc: 9637),
        Row("5f00::/16", "Segment Routing (SRv6) SIDs", rfc: 9602),
        Row("fc00::/7", "Unique-Local", rfc: 4193, .local),
        Row("fe80::/10", "Link-Local Unicast", rfc: 4291),
        Row("fec0::/10", "Site-Local Unicast (deprecated)", rfc: 3879),
        Row("ff00::/8", "Multicast", rfc: 4291),
    ]

    /// All but 2000::/3, for what the rows above leave over.
    private static let v6Outside = [
        Row("::/3", "Reserved by IETF", rfc: 4291),
        Row("4000::/2", "Reserved by IETF", rfc: 4291),
        Row("8000::/1", "Reserved by IETF", rfc: 4291),
    ]
}
