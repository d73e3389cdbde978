/// The number of an attribute (IANA "STUN Attributes").
public struct AttributeType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt16

    /// Takes the number.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Whether a receiver that does not know the attribute must refuse the message (RFC 8489 section 14).
    @inlinable
    public var isComprehensionRequired: Bool { rawValue < 0x8000 }

    /// MAPPED-ADDRESS (RFC 8489 section 14.1).
    @inlinable public static var mappedAddress: Self { Self(rawValue: 0x0001) }
    /// RESPONSE-ADDRESS (RFC 3489 section 11.2.2), reserved since RFC 5389.
    @inlinable public static var responseAddress: Self { Self(rawValue: 0x0002) }
    /// CHANGE-REQUEST (RFC 5780 section 7.2); FLAGS in the drafts.
    @inlinable public static var changeRequest: Self { Self(rawValue: 0x0003) }
    /// SOURCE-ADDRESS (RFC 3489 section 11.2.5), reserved since RFC 5389.
    @inlinable public static var sourceAddress: Self { Self(rawValue: 0x0004) }
    /// CHANGED-ADDRESS (RFC 3489 section 11.2.3), reserved since RFC 5389.
    @inlinable public static var changedAddress: Self { Self(rawValue: 0x0005) }
    /// USERNAME (RFC 8489 section 14.3).
    @inlinable public static var username: Self { Self(rawValue: 0x0006) }
    /// PASSWORD (RFC 3489 section 11.2.7).
    @inlinable public static var password: Self { Self(rawValue: 0x0007) }
    /// MESSAGE-INTEGRITY (RFC 8489 section 14.5).
    @inlinable public static var messageIntegrity: Self { Self(rawValue: 0x0008) }
    /// ERROR-CODE (RFC 8489 section 14.8).
    @inlinable public static var errorCode: Self { Self(rawValue: 0x0009) }
    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
    @inlinable public static var unknownAttributes: Self { Self(rawValue: 0x000A) }
    /// CHANNEL-NUMBER (RFC 8656 section 18.1).
    @inlinable public static var channelNumber: Self { Self(rawValue: 0x000C) }
    /// LIFETIME (RFC 8656 section 18.2).
    @inlinable public static var lifetime: Self { Self(rawValue: 0x000D) }
    /// XOR-PEER-ADDRESS (RFC 8656 section 18.3).
    @inlinable public static var xorPeerAddress: Self { Self(rawValue: 0x0012) }
    /// DATA (RFC 8656 section 18.4).
    @inlinable public static var data: Self { Self(rawValue: 0x0013) }
    /// REALM (RFC 8489 section 14.9).
    @inlinable public static var realm: Self { Self(rawValue: 0x0014) }
    /// NONCE (RFC 8489 section 14.10).
    @inlinable public static var nonce: Self { Self(rawValue: 0x0015) }
    /// XOR-RELAYED-ADDRESS (RFC 8656 section 18.5).
    @inlinable public static var xorRelayedAddress: Self { Self(rawValue: 0x0016) }
    /// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6).
    @inlinable public static var requestedAddressFamily: Self { Self(rawValue: 0x0017) }
    /// EVEN-PORT (RFC 8656 section 18.7).
    @inlinable public static var evenPort: Self { Self(rawValue: 0x0018) }
    /// REQUESTED-TRANSPORT (RFC 8656 section 18.8).
    @inlinable public static var requestedTransport: Self { Self(rawValue: 0x0019) }
    /// DONT-FRAGMENT (RFC 8656 section 18.9).
    @inlinable public static var dontFragment: Self { Self(rawValue: 0x001A) }
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6).
    @inlinable public static var messageIntegritySHA256: Self { Self(rawValue: 0x001C) }
    /// PASSWORD-ALGORITHM (RFC 8489 section 14.12).
    @inlinable public static var passwordAlgorithm: Self { Self(rawValue: 0x001D) }
    /// USERHASH (RFC 8489 section 14.4).
    @inlinable public static var userHash: Self { Self(rawValue: 0x001E) }
    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
    @inlinable public static var xorMappedAddress: Self { Self(rawValue: 0x0020) }
    /// RESERVATION-TOKEN (RFC 8656 section 18.10).
    @inlinable public static var reservationToken: Self { Self(rawValue: 0x0022) }
    /// PADDING (RFC 5780 section 7.6).
    @inlinable public static var padding: Self { Self(rawValue: 0x0026) }
    /// RESPONSE-PORT (RFC 5780 section 7.5).
    @inlinable public static var responsePort: Self { Self(rawValue: 0x0027) }
    /// CONNECTION-ID (RFC 6062 section 6.2.1).
    @inlinable public static var connectionID: Self { Self(rawValue: 0x002A) }
    /// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 18.11).
    @inlinable public static var additionalAddressFamily: Self { Self(rawValue: 0x8000) }
    /// ADDRESS-ERROR-CODE (RFC 8656 section 18.12).
    @inlinable public static var addressErrorCode: Self { Self(rawValue: 0x8001) }
    /// PASSWORD-ALGORITHMS (RFC 8489 section 14.11).
    @inlinable public static var passwordAlgorithms: Self { Self(rawValue: 0x8002) }
    /// ICMP (RFC 8656 section 18.13).
    @inlinable public static var icmp: Self { Self(rawValue: 0x8004) }
    /// ALTERNATE-SERVER (RFC 8489 section 14.15).
    @inlinable public static var alternateServer: Self { Self(rawValue: 0x8023) }
    /// FINGERPRINT (RFC 8489 section 14.7).
    @inlinable public static var fingerprint: Self { Self(rawValue: 0x8028) }
    /// RESPONSE-ORIGIN (RFC 5780 section 7.3).
    @inlinable public static var responseOrigin: Self { Self(rawValue: 0x802B) }
    /// OTHER-ADDRESS (RFC 5780 section 7.4).
    @inlinable public static var otherAddress: Self { Self(rawValue: 0x802C) }
}
