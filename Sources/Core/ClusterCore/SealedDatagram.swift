internal import STUNAuthentication
public import STUNCodec

/// What servers of a fleet send each other over UDP: a datagram that a tag under the cluster key comes before.
///
/// ```
/// | C5 "STD" | tag: 16 bytes | kind | flags | Unix ms: 6 bytes | instance: 8 bytes | number: 8 bytes | ... |
///   0          4               20     21      22                 28                  36                44
/// ```
/// The tag covers all that follows it, and that of a hand-over also the start of the process that it is for: who records one
/// cannot have it answered by the other servers as well, nor by one that has forgotten what it took. The first byte can begin neither STUN nor ChannelData nor what RFC 7983 tells apart
/// on a shared port, and the ports are those of STUN, so a fleet opens no other port for it.
public enum SealedDatagram {
    /// What a sealed datagram is.
    public enum Kind: UInt8, Sendable {
        /// A client's request on its way to the server that shall answer it (`HandOver`).
        case handOver = 1
        /// A server asks another how it is (`Heartbeat`).
        case ping = 2
        /// The answer to that.
        case pong = 3
    }

    /// How far the time in a datagram may be from the clock of its receiver, in milliseconds (attacks row 31).
    public static var clockDifference: UInt64 { 5_000 }

    /// Whether a datagram claims to be one; whoever sent it.
    @inlinable
    public static func isMeant(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= headLength && bytes.uint32(at: 0) == magic
    }

    /// Whether a datagram claims to be a ping or a pong, of which there is one each second for each other server.
    @inlinable
    public static func isHeartbeat(_ bytes: RawSpan) -> Bool {
        guard isMeant(bytes) else { return false }
        return bytes.uint8(at: 20) == Kind.ping.rawValue || bytes.uint8(at: 20) == Kind.pong.rawValue
    }

    /// The sender's start that a datagram claims, before its tag is looked at.
    public static func claimedInstance(_ bytes: RawSpan) -> UInt64? { isMeant(bytes) ? bytes.uint64(at: 28) : nil }

    /// The kind that a datagram claims to be, before its tag is looked at.
    public static func claimedKind(_ bytes: RawSpan) -> Kind? {
        isMeant(bytes) ? Kind(rawValue: bytes.uint8(at: 20)) : nil
    }

    /// The part that all kinds have, in bytes.
    @usableFromInline static var headLength: Int { 44 }
    @usableFromInline static var magic: UInt32 { 0xC553_5444 }
    static var tagOffset: Int { 4 }
    static var sealedOffset: Int { 20 }

    /// What all kinds have after the tag.
    struct Head {
        var kind: Kind
        var flags: UInt8
        /// 48 bits, which last for 8,900 years.
        var unixMilliseconds: UInt64
        var instance: UInt64
        /// The sequence number of a hand-over, the random number of a ping.
        var number: UInt64

        init(_ kind: Kind, flags: UInt8 = 0, at unixMilliseconds: UInt64, from instance: UInt64, number: UInt64) {
            self.kind = kind
            self.flags = flags
            self.unixMilliseconds = unixMilliseconds
            self.instance = instance
            self.number = number
        }

        /// Reads the head of bytes that are long enough; nil for a kind that nobody knows.
        init?(_ bytes: RawSpan) {
            guard let kind = Kind(rawValue: bytes.uint8(at: 20)) else { return nil }
            self.kind = kind
            flags = bytes.uint8(at: 21)
            unixMilliseconds = UInt64(bytes.uint16(at: 22)) << 32 | UInt64(bytes.uint32(at: 24))
            instance = bytes.uint64(at: 28)
            number = bytes.uint64(at: 36)
        }

        /// Writes all but the tag to the beginning of a packet that has room for it.
        func write(to packet: inout Packet) {
            packet.write(SealedDatagram.magic, at: 0)
            packet.write(kind.rawValue, at: 20)
            packet.write(flags, at: 21)
            packet.write(UInt16(truncatingIfNeeded: unixMilliseconds >> 32), at: 22)
            packet.write(UInt32(truncatingIfNeeded: unixMilliseconds), at: 24)
            packet.write(instance, at: 28)
            packet.write(number, at: 36)
        }

        /// How far the time is from a clock: positive when the datagram is older, in milliseconds.
        func age(at now: UInt64) -> Int64 { Int64(clamping: now) &- Int64(clamping: unixMilliseconds) }

        /// Whether the time is near enough to a clock.
        func isFresh(at now: UInt64) -> Bool { age(at: now).magnitude <= SealedDatagram.clockDifference }
    }

    /// Writes the tag of a packet whose every other byte is written.
    static func seal(_ packet: inout Packet, with key: SealingKey) {
        write(key.tag(of: packet.bytes.extracting(sealedOffset..<packet.count)), to: &packet)
    }

    /// The same for one receiver alone, by its `ServerState.instance`.
    static func seal(_ packet: inout Packet, with key: SealingKey, for receiver: UInt64) {
        write(tag(of: &packet, with: key, for: receiver), to: &packet)
    }

    private static func write(_ tag: SealingTag, to packet: inout Packet) {
        packet.write(tag.high, at: tagOffset)
        packet.write(tag.low, at: tagOffset &+ 8)
    }

    /// The tag for a receiver, whose number stands before what is sealed in the meantime: where the tag's second half is.
    private static func tag(of packet: inout Packet, with key: SealingKey, for receiver: UInt64) -> SealingTag {
        let place = tagOffset &+ 8
        let before = packet.bytes.uint64(at: place)
        packet.write(receiver, at: place)
        let tag = key.tag(of: packet.bytes.extracting(place..<packet.count))
        packet.write(before, at: place)
        return tag
    }

    /// The tag of a datagram for a receiver, when it is right; the packet is as before.
    static func checkedTag(
        _ packet: inout Packet,
        with key: SealingKey,
        for receiver: UInt64
    ) throws(SealedDatagramError) -> SealingTag {
        guard isMeant(packet.bytes) else { throw .notOurs }
        let right = tag(of: &packet, with: key, for: receiver)
        guard right.isEqual(packet.bytes.uint64(at: tagOffset), packet.bytes.uint64(at: tagOffset &+ 8)) else {
            throw .forged
        }
        return right
    }

    /// The tag of a datagram, when it is right.
    static func checkedTag(_ bytes: RawSpan, with key: SealingKey) throws(SealedDatagramError) -> SealingTag {
        guard isMeant(bytes) else { throw .notOurs }
        let tag = bytes.extracting(tagOffset..<sealedOffset)
        guard let right = key.tag(tag, ifOf: bytes.extracting(sealedOffset..<bytes.byteCount)) else { throw .forged }
        return right
    }
}

/// Why a sealed datagram is not taken.
public enum SealedDatagramError: Error, Equatable, Sendable {
    /// It does not begin like one, or is of another kind.
    case notOurs
    /// Its tag is not of this key, or not for this server: forged, changed on its way, of a server with another
    /// `cluster-key`, or for a start of the process before this one.
    case forged
    /// It has a right tag and cannot be read: of a later version.
    case malformed
    /// Its time is so many milliseconds before ours, or after it when negative.
    case stale(byMilliseconds: Int64)
    /// It was taken before.
    case replayed
    /// So many came that another could not be remembered.
    case tooMany
    /// This server sent it itself.
    case selfSent
}
