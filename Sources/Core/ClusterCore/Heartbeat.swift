internal import STUNAuthentication
public import STUNCodec

/// How servers of a fleet ask each other how they are: a sealed ping, and a sealed pong of the same length.
///
/// ```
/// ping: | head: 44 bytes, its number random | zeros: 20 bytes |
/// pong: | head: 44 bytes, the ping's number | version: 4 | load: 2 | second port: 2 | allocations: 4 | zeros: 8 |
/// ```
/// A pong is as new as the ping whose number it repeats, so its own time is only compared, not demanded.
public enum Heartbeat {
    /// The length of both in bytes: an answer that is not larger than what asked for it is no use to who forges sources.
    public static var length: Int { 64 }

    private static var drainingFlag: UInt8 { 1 }
    private static var staleFlag: UInt8 { 2 }

    /// A ping as its receiver reads it.
    public struct Ping: Equatable, Sendable {
        /// Its random number, which the pong repeats.
        public var id: UInt64
        /// The number of the sender's start: this server's own when it asks itself.
        public var instance: UInt64
        /// How far the sender's clock was behind this one's when it arrived, in milliseconds; negative when ahead.
        public var age: Int64
        /// Whether the clocks agree well enough.
        public var isFresh: Bool
        /// Its tag, by which a filter knows it again.
        var tagHigh: UInt64
        var tagLow: UInt64

        /// Whether a filter remembers that it was answered; else the filter remembers it now, if it has room.
        ///
        /// One that finds no room is answered: the worst is a pong that nobody waits for, while a server that is not
        /// answered is lost.
        public func isKnown(to filter: ReplayFilter, at monotonicNanoseconds: UInt64) -> Bool {
            filter.admit(tagHigh, tagLow, at: monotonicNanoseconds) == .known
        }
    }

    /// A pong as the one who asked reads it.
    public struct Pong: Equatable, Sendable {
        /// The number of the ping that it answers.
        public var id: UInt64
        /// What the other server says of itself.
        public var state: ServerState
        /// Its clock when it answered.
        public var unixMilliseconds: UInt64
        /// Whether it found the ping's time too far from its own: it would take no hand-over from this server.
        public var foundStale: Bool
    }

    /// Writes a ping over a packet that has room for it; `id` is random.
    public static func writePing(
        to packet: inout Packet,
        id: UInt64,
        from instance: UInt64,
        at unixMilliseconds: UInt64,
        with key: ClusterKey
    ) {
        guard packet.capacity >= length else { return }
        packet.resize(to: length)
        packet.clear(0..<length)
        SealedDatagram.Head(.ping, at: unixMilliseconds, from: instance, number: id).write(to: &packet)
        SealedDatagram.seal(&packet, with: key.heartbeat)
    }

    /// Reads a ping, without asking whether its time is right.
    public static func readPing(
        _ bytes: RawSpan,
        at unixMilliseconds: UInt64,
        with key: ClusterKey
    ) throws(SealedDatagramError) -> Ping {
        let (head, tag) = try read(.ping, bytes, with: key)
        guard head.flags == 0 else { throw .malformed }
        return Ping(
            id: head.number,
            instance: head.instance,
            age: head.age(at: unixMilliseconds),
            isFresh: head.isFresh(at: unixMilliseconds),
            tagHigh: tag.high,
            tagLow: tag.low
        )
    }

    /// Writes the pong over the ping that it answers.
    public static func answer(
        _ ping: Ping,
        over packet: inout Packet,
        with state: ServerState,
        at unixMilliseconds: UInt64,
        key: ClusterKey
    ) {
        // A ping was read from this packet, so it is as long as a pong.
        guard packet.count == length else { return }
        let flags = (state.isDraining ? drainingFlag : 0) | (ping.isFresh ? 0 : staleFlag)
        packet.clear(0..<length)
        SealedDatagram.Head(
            .pong,
            flags: flags,
            at: unixMilliseconds,
            from: state.instance,
            number: ping.id
        ).write(to: &packet)
        packet.write(state.version, at: 44)
        packet.write(state.load, at: 48)
        packet.write(state.port2, at: 50)
        packet.write(state.allocations, at: 52)
        SealedDatagram.seal(&packet, with: key.heartbeat)
    }

    /// Reads a pong; the caller compares its number with those it has sent.
    public static func readPong(_ bytes: RawSpan, with key: ClusterKey) throws(SealedDatagramError) -> Pong {
        let (head, _) = try read(.pong, bytes, with: key)
        guard head.flags & ~(drainingFlag | staleFlag) == 0 else { throw .malformed }
        var state = ServerState()
        state.instance = head.instance
        state.version = bytes.uint32(at: 44)
        state.load = bytes.uint16(at: 48)
        state.port2 = bytes.uint16(at: 50)
        state.allocations = bytes.uint32(at: 52)
        state.isDraining = head.flags & drainingFlag != 0
        return Pong(
            id: head.number,
            state: state,
            unixMilliseconds: head.unixMilliseconds,
            foundStale: head.flags & staleFlag != 0
        )
    }

    private static func read(
        _ kind: SealedDatagram.Kind,
        _ bytes: RawSpan,
        with key: ClusterKey
    ) throws(SealedDatagramError) -> (head: SealedDatagram.Head, tag: SealingTag) {
        guard SealedDatagram.claimedKind(bytes) == kind, bytes.byteCount == length else { throw .notOurs }
        let tag = try SealedDatagram.checkedTag(bytes, with: key.heartbeat)
        guard let head = SealedDatagram.Head(bytes) else { throw .malformed }
        return (head, tag)
    }
}
