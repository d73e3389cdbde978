public import STUNCodec

/// What an integrity attribute says of a message (RFC 8489 section 9).
public enum IntegrityCheck: Equatable, Sendable {
    /// The message has no attribute of the algorithm.
    case absent
    /// The HMAC is right.
    ///
    /// Whoever has no key may have added attributes from byte `end` of the message on: all of them must be ignored but
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 section 9, attacks row 15).
    case valid(end: Int)
    /// The HMAC is wrong: another key, or a changed message.
    case invalid
    /// The attribute has a length that the RFC forbids.
    case malformed
}

extension Message {
    /// Checks the first integrity attribute of an algorithm, in constant time and without allocating.
    ///
    /// Messages older than RFC 5389 count as having none, since what those RFCs hash is padded.
    public func checkIntegrity(_ algorithm: IntegrityAlgorithm, key: LongTermKey) -> IntegrityCheck {
        checkIntegrity(algorithm, key: key.rawBytes)
    }

    /// The same with the bytes of any key.
    func checkIntegrity(_ algorithm: IntegrityAlgorithm, key: RawSpan) -> IntegrityCheck {
        guard dialect == .cookie, let location = first(algorithm.attributeType) else { return .absent }
        guard location.count == algorithm.length else { return .malformed }
        let end = location.start &+ location.count
        let code = algorithm.code(of: bytes.extracting(first: location.start &- 4), endingAt: end, key: key)
        let isRight = constantTimeEquals(code.rawBytes.extracting(first: algorithm.length), value(location))
        return isRight ? .valid(end: end) : .invalid
    }
}

extension MessageWriter {
    /// Appends the integrity attribute over all that is written so far; false when it does not fit.
    ///
    /// FINGERPRINT and MESSAGE-INTEGRITY-SHA256 may follow, nothing else (RFC 8489 sections 14.5 and 14.6). Only for
    /// messages with a cookie.
    public mutating func appendIntegrity(
        _ algorithm: IntegrityAlgorithm,
        key: LongTermKey,
        to packet: inout Packet
    ) -> Bool {
        packet.resize(to: count)
        let code = algorithm.code(of: packet.bytes, endingAt: count &+ 4 &+ algorithm.length, key: key.rawBytes)
        return append(algorithm.attributeType, code.rawBytes.extracting(first: algorithm.length), to: &packet)
    }
}
