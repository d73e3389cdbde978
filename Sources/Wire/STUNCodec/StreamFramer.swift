/// What the first bytes of a stream are.
public enum StreamFrame: Equatable, Sendable {
    /// The frame is not whole: there is nothing to decide before `needed` bytes have come, counted from its first one.
    case incomplete(needed: Int)
    /// A frame of `count` bytes, for which `padded` bytes are to be taken off the stream.
    case whole(count: Int, padded: Int)
    /// No frame begins here, and nobody can know where the next one would: the connection must be closed.
    case invalid
}

/// Cuts a stream of TCP or TLS into STUN messages and ChannelData.
///
/// A stream has no framing of its own (RFC 8489 section 6.2.2): only the length fields tell where a message ends. So a frame
/// begins exactly where the last one has ended, what begins like no frame ends the connection, and nothing ever looks
/// further on for a place where a message might begin (attacks row 42). All lengths are counted in machine words: none of
/// 65,516 to 65,535 wraps.
///
/// - A STUN message has the cookie, and a length that is a multiple of four (RFC 8489 section 5).
/// - Without the cookie there is one message only: the Shared Secret request of RFC 3489, told by the whole of its first 16
///   bits (0x0002) and a short length. Its Binding requests went by UDP alone (RFC 3489 section 6), and those of the drafts
///   before it too: an 8-byte header cannot be told from a 20-byte one where no datagram ends.
/// - ChannelData is padded to a multiple of four (RFC 8656 section 12.5), and the padding is taken off with it. Numbers that
///   cannot be bound are framed like those that can: the server drops them one by one.
public enum StreamFramer {
    /// The longest frame in bytes with its padding, which is what a worker has room for; no datagram of a peer needs more.
    public static var limit: Int { 65_536 }
    /// The longest Shared Secret request after its header: RFC 3489 defines no attribute for it (section 11.2, table 2).
    static var longestSharedSecret: Int { 512 }

    /// What the first bytes of a stream are.
    public static func first(in bytes: RawSpan) -> StreamFrame {
        let count = bytes.byteCount
        guard count > 0 else { return .incomplete(needed: 4) }
        let bits = bytes.uint8(at: 0) & 0xC0
        guard bits == 0x00 || bits == 0x40 else { return .invalid }
        guard count >= 4 else { return .incomplete(needed: 4) }
        let length = Int(bytes.uint16(at: 2))
        return bits == 0x40 ? channelData(length, count) : message(length, bytes)
    }

    private static func channelData(_ length: Int, _ count: Int) -> StreamFrame {
        let whole = ChannelData.headerLength &+ length
        let padded = (whole &+ 3) & ~3
        guard padded <= limit else { return .invalid }
        return count < padded ? .incomplete(needed: padded) : .whole(count: whole, padded: padded)
    }

    private static func message(_ length: Int, _ bytes: RawSpan) -> StreamFrame {
        let whole = Dialect.cookie.headerLength &+ length
        guard length & 3 == 0, whole <= limit else { return .invalid }
        let mayBeClassic =
            bytes.uint16(at: 0) == MessageType(.sharedSecret, .request).rawValue
            && length <= longestSharedSecret
        // A cookie that is wrong so far cannot become right.
        for offset in 4..<min(8, bytes.byteCount) where !mayBeClassic {
            let expected = UInt8(truncatingIfNeeded: magicCookie >> UInt32(56 &- 8 &* offset))
            guard bytes.uint8(at: offset) == expected else { return .invalid }
        }
        return bytes.byteCount < whole ? .incomplete(needed: whole) : .whole(count: whole, padded: whole)
    }
}
