public import STUNCodec

/// Which HMAC protects a message.
public enum IntegrityAlgorithm: Sendable, CaseIterable {
    /// MESSAGE-INTEGRITY, an HMAC-SHA1 of 20 bytes (RFC 8489 section 14.5).
    case hmacSHA1
    /// MESSAGE-INTEGRITY-SHA256, an HMAC-SHA256 of 32 bytes (RFC 8489 section 14.6).
    ///
    /// A usage of STUN may explicitly allow to cut it; TURN does not (RFC 8656 does not speak of it; attacks row 18).
    case hmacSHA256

    /// The attribute that carries the HMAC.
    public var attributeType: AttributeType {
        switch self {
        case .hmacSHA1: .messageIntegrity
        case .hmacSHA256: .messageIntegritySHA256
        }
    }

    /// The length of the HMAC in bytes.
    public var length: Int {
        switch self {
        case .hmacSHA1: 20
        case .hmacSHA256: 32
        }
    }

    /// The HMAC of what precedes an integrity attribute that ends at byte `end` of its message.
    ///
    /// The length field is hashed as if the message ended there, whatever FINGERPRINT or other attributes follow (RFC
    /// 8489 sections 14.5 and 14.6). `bytes` is at least a header.
    func code(of bytes: RawSpan, endingAt end: Int, key: RawSpan) -> Digest {
        switch self {
        case .hmacSHA1: Self.code(HMAC<SHA1>(key: key), of: bytes, endingAt: end)
        case .hmacSHA256: Self.code(HMAC<SHA256>(key: key), of: bytes, endingAt: end)
        }
    }

    private static func code<Hash>(_ keyed: HMAC<Hash>, of bytes: RawSpan, endingAt end: Int) -> Digest {
        var hmac = keyed
        let length = UInt16(truncatingIfNeeded: end &- Dialect.cookie.headerLength)
        let head: [4 of UInt8] = [
            bytes.uint8(at: 0), bytes.uint8(at: 1), UInt8(length >> 8), UInt8(length & 0xFF),
        ]
        hmac.update(head.rawBytes)
        hmac.update(bytes.extracting(4...))
        return hmac.finish()
    }
}
