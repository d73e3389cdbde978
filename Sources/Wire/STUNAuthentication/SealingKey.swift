internal import STUNCodec

/// HMAC-SHA256 (RFC 2104, RFC 6234) under a secret that servers share, with the key already taken in.
///
/// One secret serves many purposes, each by a key of its own that follows from the secret and a label: what is sealed for
/// one purpose is nothing for another.
public struct SealingKey: Sendable {
    private let hmac: HMAC<SHA256>

    /// Takes a secret of any length.
    ///
    /// It is hashed to 32 bytes: HMAC itself would make one key of two that differ in zeros at their end.
    public init(secret: [UInt8]) {
        hmac = HMAC(key: SHA256.digest(secret.rawBytes).rawBytes)
    }

    /// The 32 bytes that follow from the secret for a purpose.
    public func bytes(for label: String) -> [32 of UInt8] {
        hmac.code(of: Array(label.utf8).rawBytes)
    }

    /// The key that follows from the secret for a purpose.
    public func key(for label: String) -> SealingKey {
        SealingKey(key: bytes(for: label))
    }

    private init(key: [32 of UInt8]) { hmac = HMAC(key: key.rawBytes) }

    /// The tag of a text: the first 16 bytes of its HMAC.
    public func tag(of text: RawSpan) -> SealingTag { SealingTag(hmac.code(of: text)) }

    /// The tag of a text, if it is the one that `value` holds in its 16 bytes; nil for any other.
    public func tag(_ value: RawSpan, ifOf text: RawSpan) -> SealingTag? {
        let digest = hmac.code(of: text)
        let isRight = constantTimeEquals(value, digest.rawBytes.extracting(first: SealingTag.length))
        return isRight ? SealingTag(digest) : nil
    }
}

/// What proves that a datagram was made with a `SealingKey`: 128 bits.
public struct SealingTag: Sendable {
    /// The length in bytes.
    public static var length: Int { 16 }
    /// The first eight bytes as a number.
    public let high: UInt64
    /// The last eight bytes as a number.
    public let low: UInt64

    /// Whether two numbers are the tag, in a time that tells nothing about them.
    public func isEqual(_ high: UInt64, _ low: UInt64) -> Bool { (self.high ^ high) | (self.low ^ low) == 0 }

    init(_ digest: Digest) {
        high = digest.rawBytes.uint64(at: 0)
        low = digest.rawBytes.uint64(at: 8)
    }
}
