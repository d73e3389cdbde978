import STUNCodec

/// What the first record of a DTLS datagram is, as far as it is not encrypted (RFC 6347 section 4.1).
enum DTLSRecord {
    /// Whether a datagram can be DTLS by its first byte (RFC 7983 section 7).
    @inline(__always)
    static func isMeant(_ first: UInt8) -> Bool { first &- 20 < 44 }

    /// Whether it is of a handshake: not yet encrypted, or a message that ends one.
    static func isOfHandshake(_ datagram: RawSpan) -> Bool {
        guard datagram.byteCount >= 13 else { return false }
        let isPlain = datagram.uint16(at: 3) == 0
        return isPlain || datagram.uint8(at: 0) == 20 || datagram.uint8(at: 0) == 22
    }
}
