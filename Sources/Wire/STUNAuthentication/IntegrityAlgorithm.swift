public import STUNCodec

/// Which HMAC protects a message.
public enum IntegrityAlgorithm: Sendable, CaseIterable {
    /// MESSAGE-INTEGRITY, an HMAC-SHA1 of 20 bytes (RFC 8489 section 14.5).
    case hmacSHA1
    /// MESSAGE-INTEGRITY-SHA256, an HMAC-SHA256 of 32 bytes that a usage may allow to be cut (RFC 8489 section 14.6).
    case hmacSHA256

    /// The attribute that carries the HMAC.
    public var attributeType: AttributeType {
        switch self {
        case .hmacSHA1: .messageIntegrity
        case .hmacSHA256: .messageIntegritySHA256
        }
    }

    /// The length of the whole HMAC in bytes.
    public var length: Int {
        switch self {
        case .hmacSHA1: 20
        case .hmacSHA256: 32
        }
    }

    /// The hash as OpenSSL calls it.
    var digestName: String {
        switch self {
        case .hmacSHA1: "SHA1"
        case .hmacSHA256: "SHA256"
        }
    }

    /// Whether an attribute's value may have this length when HMAC-SHA256 may be cut down to `minimum` bytes.
    ///
    /// RFC 8489 section 14.6 lets a usage demand more than 16 bytes, never fewer.
    func permits(length: Int, cutTo minimum: Int) -> Bool {
        switch self {
        case .hmacSHA1: length == 20
        case .hmacSHA256: length & 3 == 0 && length <= 32 && length >= min(max(minimum, 16), 32)
        }
    }
}
