/// ERROR-CODE (RFC 8489 section 14.8): the number of a refusal; the server never sends a reason phrase.
///
/// The phrase would make the answer larger than it must be, which reflects (attacks row 27), and says nothing that the
/// number does not.
public struct ErrorCode: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .errorCode }
    /// The code, 300...699.
    public let code: UInt16

    /// Wraps a code; nil outside 300...699.
    @inlinable
    public init?(_ code: UInt16) {
        guard (300...699).contains(code) else { return nil }
        self.code = code
    }

    init(unchecked code: UInt16) { self.code = code }

    /// 300 Try Alternate (RFC 8489 section 14.8).
    public static let tryAlternate = ErrorCode(unchecked: 300)
    /// 400 Bad Request (RFC 8489 section 14.8).
    public static let badRequest = ErrorCode(unchecked: 400)
    /// 401 Unauthenticated (RFC 8489 section 14.8).
    public static let unauthenticated = ErrorCode(unchecked: 401)
    /// 403 Forbidden (RFC 8656 section 19).
    public static let forbidden = ErrorCode(unchecked: 403)
    /// 420 Unknown Attribute (RFC 8489 section 14.8).
    public static let unknownAttribute = ErrorCode(unchecked: 420)
    /// 430 Stale Credentials (RFC 3489 section 11.2.9).
    public static let staleCredentials = ErrorCode(unchecked: 430)
    /// 431 Integrity Check Failure (RFC 3489 section 11.2.9).
    public static let integrityCheckFailure = ErrorCode(unchecked: 431)
    /// 432 Missing Username (RFC 3489 section 11.2.9).
    public static let missingUsername = ErrorCode(unchecked: 432)
    /// 433 Use TLS (RFC 3489 section 11.2.9).
    public static let useTLS = ErrorCode(unchecked: 433)
    /// 437 Allocation Mismatch (RFC 8656 section 19).
    public static let allocationMismatch = ErrorCode(unchecked: 437)
    /// 438 Stale Nonce (RFC 8489 section 14.8).
    public static let staleNonce = ErrorCode(unchecked: 438)
    /// 440 Address Family not Supported (RFC 8656 section 19).
    public static let addressFamilyNotSupported = ErrorCode(unchecked: 440)
    /// 441 Wrong Credentials (RFC 8656 section 19).
    public static let wrongCredentials = ErrorCode(unchecked: 441)
    /// 442 Unsupported Transport Protocol (RFC 8656 section 19).
    public static let unsupportedTransport = ErrorCode(unchecked: 442)
    /// 443 Peer Address Family Mismatch (RFC 8656 section 19).
    public static let peerAddressFamilyMismatch = ErrorCode(unchecked: 443)
    /// 446 Connection Already Exists (RFC 6062 section 6.3).
    public static let connectionAlreadyExists = ErrorCode(unchecked: 446)
    /// 447 Connection Timeout or Failure (RFC 6062 section 6.3).
    public static let connectionTimeoutOrFailure = ErrorCode(unchecked: 447)
    /// 486 Allocation Quota Reached (RFC 8656 section 19).
    public static let allocationQuotaReached = ErrorCode(unchecked: 486)
    /// 500 Server Error (RFC 8489 section 14.8).
    public static let serverError = ErrorCode(unchecked: 500)
    /// 508 Insufficient Capacity (RFC 8656 section 19).
    public static let insufficientCapacity = ErrorCode(unchecked: 508)

    /// Reads class and number; a reason phrase is passed over.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount >= 4 else { return nil }
        let number = value.uint8(at: 3)
        guard number <= 99 else { return nil }
        self.init(UInt16(value.uint8(at: 2) & 7) * 100 + UInt16(number))
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes class and number.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt16(0), at: offset)
        packet.write((code / 100) << 8 | code % 100, at: offset &+ 2)
    }
}
