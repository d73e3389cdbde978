public import STUNCodec

/// What an integrity attribute says of a message (RFC 8489 section 9).
public enum IntegrityCheck: Equatable, Sendable {
    /// The message has no attribute of the key's algorithm.
    case absent
    /// The HMAC is right.
    ///
    /// Whoever has no key may have added attributes from byte `end` of the message on: all of them must be ignored but
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 section 9, attacks row 15).
    case valid(end: Int)
    /// The HMAC is wrong: another key, or a changed message.
    case invalid
    /// The attribute has a length that the RFC or the caller forbids.
    case malformed
}

/// A key that is ready to check messages: OpenSSL has taken it in once, so that a message costs only its own hashing.
///
/// Nothing here allocates for a message; OpenSSL 3.0 itself takes two small blocks for each HMAC and gives them back.
/// Checking changes the OpenSSL context behind the key, hence `mutating`: a key belongs to one worker.
public struct IntegrityKey: ~Copyable, Sendable {
    /// The HMAC that the key is for.
    public let algorithm: IntegrityAlgorithm
    private var hmac: HMAC

    /// Takes the bytes of a key.
    ///
    /// For short-term credentials these are the UTF-8 of the password as OpaqueString of RFC 8265 leaves it (RFC 8489
    /// section 9.1.1): the caller has prepared it. For long-term ones see `PasswordAlgorithm`.
    public init(_ algorithm: IntegrityAlgorithm, key: Span<UInt8>) throws(CryptographyError) {
        self.algorithm = algorithm
        hmac = try HMAC(digest: algorithm.digestName, key: key)
    }

    /// Checks the first integrity attribute of the key's algorithm, in constant time.
    ///
    /// HMAC-SHA256 may be cut down to `minimumLength` bytes, which counts as at least 16; the default allows no cut.
    /// Messages older than RFC 5389 count as having none, since what those RFCs hash is padded. Throws only when
    /// OpenSSL fails; the message must then not be trusted.
    public mutating func check(
        _ message: Message,
        minimumLength: Int = 32
    ) throws(CryptographyError) -> IntegrityCheck {
        guard message.dialect == .cookie, let location = message.first(algorithm.attributeType) else { return .absent }
        guard algorithm.permits(length: location.count, cutTo: minimumLength) else { return .malformed }
        let end = location.start &+ location.count
        let code = try code(of: message.bytes.extracting(first: location.start &- 4), endingAt: end)
        let received = message.value(location)
        let isRight = constantTimeEquals(code.span.extracting(first: received.byteCount), received)
        return isRight ? .valid(end: end) : .invalid
    }

    /// The HMAC of the bytes that precede the integrity attribute, which itself ends at byte `end`.
    ///
    /// The length field is hashed as if the message ended there, whatever FINGERPRINT or other attributes follow (RFC
    /// 8489 sections 14.5 and 14.6). `bytes` is at least a header.
    mutating func code(of bytes: RawSpan, endingAt end: Int) throws(CryptographyError) -> HMAC.Code {
        let length = UInt16(truncatingIfNeeded: end &- Dialect.cookie.headerLength)
        let head: [4 of UInt8] = [
            bytes.uint8(at: 0), bytes.uint8(at: 1), UInt8(length >> 8), UInt8(length & 0xFF),
        ]
        return try hmac.code(of: head.span, bytes.extracting(4...))
    }
}
