/// Tells the dialects on one port apart by length and cookie, without guessing.
///
/// A datagram of `n` bytes whose length field says `len` is
/// - RFC 5389/8489 when the cookie stands at byte 4 (then `20 + len == n` is demanded later, by `Message`),
/// - rosenberg when `8 + len == n`, and classic when `20 + len == n`: the two sums can never both hold,
/// - classic with a wrong length when neither holds but it is a Binding request with a whole header: the old server
///   logged that as message 1008 and went on,
/// - ChannelData when the first two bits are 01 (RFC 8656 section 12: 0x4000 and up can be no message type),
/// - else not STUN.
public enum Demultiplexer {
    /// What a datagram is.
    public enum Kind: Equatable, Sendable {
        /// A message of this dialect.
        case message(Dialect)
        /// A classic Binding request whose length field is wrong.
        case wrongLength
        /// ChannelData of a TURN client: a channel number and a length, then data.
        case channelData
        /// Anything else: no answer.
        case notSTUN
    }

    /// Classifies one datagram.
    @inlinable
    public static func classify(_ bytes: RawSpan) -> Kind {
        let count = bytes.byteCount
        guard count >= 4 else { return .notSTUN }
        let type = bytes.uint16(at: 0)
        if type & 0xC000 == 0x4000 { return .channelData }
        guard count >= 8, type & 0xC000 == 0 else { return .notSTUN }
        if bytes.uint32(at: 4) == magicCookie {
            // A cut-off header with a cookie must not pass for an 8-byte header whose id looks like one.
            return count >= 20 ? .message(.cookie) : .notSTUN
        }
        let length = Int(bytes.uint16(at: 2))
        if 8 + length == count { return .message(.rosenberg) }
        guard count >= 20 else { return .notSTUN }
        if 20 + length == count { return .message(.classic) }
        return type == 1 ? .wrongLength : .notSTUN
    }
}
