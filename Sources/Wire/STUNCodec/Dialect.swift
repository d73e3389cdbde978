/// Which generation of STUN a message speaks.
///
/// They share a port and are told apart by length and cookie.
///
/// The midcom drafts of 2002 and RFC 3489 use the same bytes for what a server sees, so they are one dialect here; the
/// drafts' "discard" flag is honoured in it because RFC 3489 never sets that bit.
public enum Dialect: UInt8, Sendable, CaseIterable {
    /// draft-rosenberg-midcom-stun-00 and -01 (2001, 2002): an 8-byte header with a 32-bit transaction id.
    case rosenberg
    /// draft-ietf-midcom-stun (2002) and RFC 3489: a 20-byte header with a 128-bit transaction id and no cookie.
    case classic
    /// RFC 5389 and RFC 8489: a 20-byte header with the magic cookie.
    case cookie

    /// The name in statistics: of the document that most of its speakers follow.
    public var name: String {
        switch self {
        case .rosenberg: "rosenberg"
        case .classic: "rfc3489"
        case .cookie: "rfc8489"
        }
    }

    /// The header's length in bytes; the length field counts what follows it.
    @inlinable
    public var headerLength: Int { self == .rosenberg ? 8 : 20 }
}

/// How an address stands in an attribute.
public enum AddressLayout: UInt8, Sendable, CaseIterable {
    /// zero byte, family, port, address (draft-ietf-midcom-stun-00 and everything after it).
    case standard
    /// port, family, zero byte, address (draft-rosenberg-midcom-stun-01).
    case draft01
    /// port, family, address without padding: 7 bytes for IPv4 (draft-rosenberg-midcom-stun-00).
    case draft00

    /// The bytes before the address itself.
    @inlinable
    public var prefixLength: Int { self == .draft00 ? 3 : 4 }
}

/// The magic cookie of RFC 8489 section 5, bytes 4 to 7 of a message.
public let magicCookie: UInt32 = 0x2112_A442

/// A transaction id as it stands from byte 4 on: 32 bits in the rosenberg drafts, else 128 with the cookie's place.
public struct TransactionID: Hashable, Sendable {
    /// Bytes 4 to 11 of the message; for the rosenberg drafts bytes 4 to 7 in the low half.
    public let high: UInt64
    /// Bytes 12 to 19 of the message; zero for the rosenberg drafts.
    public let low: UInt64

    /// Makes a transaction id from its two halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
