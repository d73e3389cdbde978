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
    /// MESSAGE-INTEGRITY (RFC 8489 section 14.5).
    @inlinable public static var messageIntegrity: Self { Self(rawValue: 0x0008) }
    /// ERROR-CODE (RFC 8489 section 14.8).
    @inlinable public static var errorCode: Self { Self(rawValue: 0x0009) }
    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
    @inlinable public static var unknownAttributes: Self { Self(rawValue: 0x000A) }
    /// REALM (RFC 8489 section 14.9).
    @inlinable public static var realm: Self { Self(rawValue: 0x0014) }
    /// NONCE (RFC 8489 section 14.10).
    @inlinable public static var nonce: Self { Self(rawValue: 0x0015) }
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6).
    @inlinable public static var messageIntegritySHA256: Self { Self(rawValue: 0x001C) }
    /// PASSWORD-ALGORITHM (RFC 8489 section 14.12).
    @inlinable public static var passwordAlgorithm: Self { Self(rawValue: 0x001D) }
    /// USERHASH (RFC 8489 section 14.4).
    @inlinable public static var userHash: Self { Self(rawValue: 0x001E) }
    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
    @inlinable public static var xorMappedAddress: Self { Self(rawValue: 0x0020) }
    /// PADDING (RFC 5780 section 7.6).
    @inlinable public static var padding: Self { Self(rawValue: 0x0026) }
    /// RESPONSE-PORT (RFC 5780 section 7.5).
    @inlinable public static var responsePort: Self { Self(rawValue: 0x0027) }
    /// FINGERPRINT (RFC 8489 section 14.7).
    @inlinable public static var fingerprint: Self { Self(rawValue: 0x8028) }
    /// RESPONSE-ORIGIN (RFC 5780 section 7.3).
    @inlinable public static var responseOrigin: Self { Self(rawValue: 0x802B) }
    /// OTHER-ADDRESS (RFC 5780 section 7.4).
    @inlinable public static var otherAddress: Self { Self(rawValue: 0x802C) }
}
