public import Addresses
internal import STUNAuthentication
public import STUNCodec

/// A client's request on its way to the server that shall answer it: the envelope around the request.
///
/// ```
/// | head: 44 bytes | client's port: 2 | address: 4 or 16 | the client's request | other port: 2 | address: 4 or 16 |
/// ```
/// It is put around the request in place: the front into the packet's headroom, the back behind it.
public struct HandOver: Equatable, Sendable {
    /// Where the request came from and the answer goes to.
    public var client: SocketAddress
    /// What the answer names as CHANGED-ADDRESS or OTHER-ADDRESS: what the client was told before, of the same family.
    ///
    /// It names the server that answers, or another one when repetitions rotate, so only the first server knows it.
    public var other: SocketAddress
    /// Whether the request was read on the second port.
    public var cameToSecondPort: Bool

    /// Joins the three.
    public init(client: SocketAddress, other: SocketAddress, cameToSecondPort: Bool) {
        self.client = client
        self.other = other
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

    /// The length of the envelope before the request in bytes: 50 or 62, less than a packet's headroom.
    static func frontLength(_ family: IPAddress.Family) -> Int { SealedDatagram.headLength &+ addressLength(family) }

    /// The length of a port and an address in bytes, which is all that stands behind the request.
    static func addressLength(_ family: IPAddress.Family) -> Int { family == .v4 ? 6 : 18 }

    private static var secondPortFlag: UInt8 { 1 }
    private static var v6Flag: UInt8 { 2 }

    /// Puts the envelope around the request; false, and nothing done, when there is no room or the families differ.
    ///
    /// - `receiver`: the `ServerState.instance` of the server that it is for: no other one opens it.
    public func seal(
        _ packet: inout Packet,
        from sender: inout Sender,
        for receiver: UInt64,
        at unixMilliseconds: UInt64,
        with key: ClusterKey
    ) -> Bool {
        let family = client.address.family
        let (back, end) = (packet.count, packet.count &+ Self.addressLength(family))
        guard other.address.family == family, end <= packet.capacity, packet.start >= Self.frontLength(family) else {
            return false
        }
        packet.resize(to: end)
        Self.write(other, to: &packet, at: back)
        guard packet.prepend(Self.frontLength(family)) else { return false }
        let flags = (cameToSecondPort ? Self.secondPortFlag : 0) | (family == .v6 ? Self.v6Flag : 0)
        SealedDatagram.Head(
            .handOver,
            flags: flags,
            at: unixMilliseconds,
            from: sender.instance,
            number: sender.next()
        ).write(to: &packet)
        Self.write(client, to: &packet, at: SealedDatagram.headLength)
        SealedDatagram.seal(&packet, with: key.handOver, for: receiver)
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

    /// Opens an envelope and takes it off; the packet then is the client's request.
    ///
    /// Nothing is changed on an error. The tag is looked at first: nothing is believed, remembered or told apart for who
    /// does not know the key.
    public static func open(
        _ packet: inout Packet,
        as receiver: Receiver,
        with key: ClusterKey,
        remembering filter: ReplayFilter
    ) throws(SealedDatagramError) -> HandOver {
        guard SealedDatagram.claimedKind(packet.bytes) == .handOver else { throw .notOurs }
        let tag = try SealedDatagram.checkedTag(&packet, with: key.handOver, for: receiver.instance)
        guard let head = SealedDatagram.Head(packet.bytes), head.flags & ~(secondPortFlag | v6Flag) == 0 else {
            throw .malformed
        }
        let family: IPAddress.Family = head.flags & v6Flag == 0 ? .v4 : .v6
        let (front, back) = (frontLength(family), addressLength(family))
        guard packet.count >= front &+ back else { throw .malformed }
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
            client: address(family, in: packet.bytes, at: SealedDatagram.headLength),
            other: address(family, in: packet.bytes, at: packet.count &- back),
            cameToSecondPort: head.flags & secondPortFlag != 0
        )
        packet.resize(to: packet.count &- back)
        packet.removeFirst(front)
        return handOver
    }

    private static func write(_ address: SocketAddress, to packet: inout Packet, at offset: Int) {
        packet.write(address.port, at: offset)
        if address.address.family == .v4 {
            packet.write(address.address.v4Bits, at: offset &+ 2)
        } else {
            packet.write(address.address.high, at: offset &+ 2)
            packet.write(address.address.low, at: offset &+ 10)
        }
    }

    /// Reads a port and an address of an envelope that is long enough.
    private static func address(_ family: IPAddress.Family, in bytes: RawSpan, at offset: Int) -> SocketAddress {
        let address =
            family == .v4
            ? IPAddress(v4: bytes.uint32(at: offset &+ 2))
            : IPAddress(v6High: bytes.uint64(at: offset &+ 2), low: bytes.uint64(at: offset &+ 10))
        return SocketAddress(address, port: bytes.uint16(at: offset))
    }
}
