public import Addresses
internal import STUNAuthentication
public import STUNCodec

/// A client's request on its way to the server that shall answer it: the envelope before the request.
///
/// ```
/// | head: 44 bytes | port: 2 | address: 4 or 16 bytes | the client's request |
/// ```
/// It is put before the request in place, into the headroom of the packet.
public struct HandOver: Equatable, Sendable {
    /// Where the request came from and the answer goes to.
    public var client: SocketAddress
    /// Whether the request was read on the second port.
    public var cameToSecondPort: Bool

    /// Joins the two.
    public init(client: SocketAddress, cameToSecondPort: Bool) {
        self.client = client
        self.cameToSecondPort = cameToSecondPort
    }

    /// Who hands over, and how many times it has: two envelopes of a fleet are never the same.
    public struct Sender: Sendable {
        /// The number of this start of the process (`ServerState.instance`).
        public var instance: UInt64
        private var sequence: UInt64

        /// The sender of one worker; `seed` is random, so that workers do not count alike.
        public init(instance: UInt64, seed: UInt64) {
            self.instance = instance
            sequence = seed
        }

        fileprivate mutating func next() -> UInt64 {
            sequence &+= 1
            return sequence
        }
    }

    /// The length of the envelope in bytes: 50 or 62, less than a packet's headroom.
    public static func envelopeLength(_ family: IPAddress.Family) -> Int {
        SealedDatagram.headLength &+ 2 &+ (family == .v4 ? 4 : 16)
    }

    private static var secondPortFlag: UInt8 { 1 }
    private static var v6Flag: UInt8 { 2 }

    /// Puts the envelope before the request; false, and nothing done, when there is no room.
    public func seal(
        _ packet: inout Packet,
        from sender: inout Sender,
        at unixMilliseconds: UInt64,
        with key: ClusterKey
    ) -> Bool {
        let family = client.address.family
        guard packet.prepend(Self.envelopeLength(family)) else { return false }
        let flags = (cameToSecondPort ? Self.secondPortFlag : 0) | (family == .v6 ? Self.v6Flag : 0)
        SealedDatagram.Head(
            .handOver,
            flags: flags,
            at: unixMilliseconds,
            from: sender.instance,
            number: sender.next()
        ).write(to: &packet)
        let offset = SealedDatagram.headLength
        packet.write(client.port, at: offset)
        if family == .v4 {
            packet.write(client.address.v4Bits, at: offset &+ 2)
        } else {
            packet.write(client.address.high, at: offset &+ 2)
            packet.write(client.address.low, at: offset &+ 10)
        }
        SealedDatagram.seal(&packet, with: key.handOver)
        return true
    }

    /// What a receiver of sealed datagrams knows: its own number, its clocks, and what it took before.
    public struct Receiver: Sendable {
        /// The receiver's own `ServerState.instance`.
        public var instance: UInt64
        /// Its wall clock.
        public var unixMilliseconds: UInt64
        /// Its clock that never goes back.
        public var monotonicNanoseconds: UInt64

        /// Joins the three.
        public init(instance: UInt64, unixMilliseconds: UInt64, monotonicNanoseconds: UInt64) {
            self.instance = instance
            self.unixMilliseconds = unixMilliseconds
            self.monotonicNanoseconds = monotonicNanoseconds
        }
    }

    /// Opens an envelope and takes it off; the packet then is the client's request. Nothing is changed on an error.
    ///
    /// The tag is looked at first: nothing is believed, remembered or told apart for who does not know the key.
    public static func open(
        _ packet: inout Packet,
        as receiver: Receiver,
        with key: ClusterKey,
        remembering filter: ReplayFilter
    ) throws(SealedDatagramError) -> HandOver {
        guard SealedDatagram.claimedKind(packet.bytes) == .handOver else { throw .notOurs }
        let tag = try SealedDatagram.checkedTag(packet.bytes, with: key.handOver)
        guard let head = SealedDatagram.Head(packet.bytes), head.flags & ~(secondPortFlag | v6Flag) == 0 else {
            throw .malformed
        }
        let family: IPAddress.Family = head.flags & v6Flag == 0 ? .v4 : .v6
        let length = envelopeLength(family)
        guard packet.count >= length else { throw .malformed }
        guard head.instance != receiver.instance else { throw .selfSent }
        guard head.isFresh(at: receiver.unixMilliseconds) else {
            throw .stale(byMilliseconds: head.age(at: receiver.unixMilliseconds))
        }
        switch filter.admit(tag.high, tag.low, at: receiver.monotonicNanoseconds) {
        case .new: break
        case .known: throw .replayed
        case .full: throw .tooMany
        }
        let handOver = HandOver(
            client: client(family, in: packet.bytes),
            cameToSecondPort: head.flags & secondPortFlag != 0
        )
        packet.removeFirst(length)
        return handOver
    }

    /// Reads the client's address of an envelope that is long enough.
    private static func client(_ family: IPAddress.Family, in bytes: RawSpan) -> SocketAddress {
        let offset = SealedDatagram.headLength
        let address =
            family == .v4
            ? IPAddress(v4: bytes.uint32(at: offset &+ 2))
            : IPAddress(v6High: bytes.uint64(at: offset &+ 2), low: bytes.uint64(at: offset &+ 10))
        return SocketAddress(address, port: bytes.uint16(at: offset))
    }
}
