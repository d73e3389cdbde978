import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ClusterCore

/// What two servers of a fleet agree on, and clocks that stand still.
struct Fleet {
    static let key = ClusterKey(secret: Array(0x20..<0x40))
    static let otherKey = ClusterKey(secret: Array(0x21..<0x41))
    static let now: UInt64 = 1_795_900_000_123
    static let first: UInt64 = 0xF1F1_F1F1_F1F1_F1F1
    static let second: UInt64 = 0x5E5E_5E5E_5E5E_5E5E

    let filter = ReplayFilter()
    var sender = HandOver.Sender(instance: first, seed: 7)

    static let v4 = HandOver(
        client: SocketAddress(IPAddress(v4: 0xD9E6_BA6A), port: 29508),
        other: SocketAddress(IPAddress(v4: 0xC633_6414), port: 3479),
        cameToSecondPort: false
    )
    static let v6 = HandOver(
        client: SocketAddress(IPAddress(v6High: 0x2001_0DB8_00FF_0000, low: 0x77), port: 40000),
        other: SocketAddress(IPAddress(v6High: 0x2001_0DB8_0000_0000, low: 0x14), port: 3478),
        cameToSecondPort: true
    )
    static let request = hex("0001 0008 2112a442 000102030405060708090a0b 0003 0004 00000006")

    /// The sealed datagram; nil when it cannot be sealed.
    mutating func seal(
        _ handOver: HandOver = v4,
        _ request: [UInt8] = request,
        for receiver: UInt64 = second,
        at time: UInt64 = now,
        key: ClusterKey = key,
        headroom: Int = Packet.headroom,
        capacity: Int = 2048
    ) -> [UInt8]? {
        var sender = sender
        defer { self.sender = sender }
        let (isSealed, datagram) = withPacket(request, capacity: capacity, headroom: headroom) { packet in
            handOver.seal(&packet, from: &sender, for: receiver, at: time, with: key)
        }
        return isSealed ? datagram : nil
    }

    /// The sealed datagram of a request that fits.
    mutating func sealed(
        _ handOver: HandOver = v4,
        _ request: [UInt8] = request,
        for receiver: UInt64 = second,
        at time: UInt64 = now,
        key: ClusterKey = key
    ) throws -> [UInt8] {
        let datagram = seal(handOver, request, for: receiver, at: time, key: key)
        return try #require(datagram)
    }

    /// What opening leads to, and the packet afterwards.
    func open(
        _ datagram: [UInt8],
        as instance: UInt64 = second,
        at time: UInt64 = now,
        key: ClusterKey = key,
        monotonic: UInt64 = 50_000_000_000
    ) -> (result: Result<HandOver, SealedDatagramError>, packet: [UInt8]) {
        let receiver = HandOver.Receiver(
            instance: instance,
            unixMilliseconds: time,
            monotonicNanoseconds: monotonic
        )
        let (result, packet) = withPacket(datagram, headroom: Packet.headroom) { packet in
            Result { () throws(SealedDatagramError) in
                try HandOver.open(&packet, as: receiver, with: key, remembering: filter)
            }
        }
        return (result, packet)
    }
}
