import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Traffic class of relayed datagrams: DSCP and ECN (RFC 8656 section 14)")
struct TrafficClassTests {
    /// A way to call the system, and the families in front of the relay and behind it.
    struct Path: CustomTestStringConvertible, Sendable {
        let mode: DatagramBatch.Mode
        let client: IPAddress.Family
        let peer: IPAddress.Family
        var testDescription: String { "\(mode) \(client) to \(peer)" }

        static let all = RelayBatchTests.Way.all.flatMap { way in
            IPAddress.Family.allCases.map { Path(mode: way.mode, client: way.family, peer: $0) }
        }
    }

    /// A listener on all addresses, of which packet info is needed as well, and a relay socket; with a client and a peer.
    private final class Relay {
        let listener: UDPSocket
        let relay: SocketHandle
        let client: TestClient
        let peer: TestClient

        init(_ clientFamily: IPAddress.Family, _ peerFamily: IPAddress.Family) throws {
            listener = try UDPSocket(
                bindingTo: SocketAddress(.unspecified(clientFamily), port: 0),
                sharesPort: false,
                bufferSize: 1 << 20
            )
            client = try TestClient(connectingTo: .loopback(clientFamily, listener.boundPort()))
            peer = try TestClient(bindingTo: .loopback(peerFamily))
            relay = try RelaySocket.open(.loopback(peerFamily))
        }

        deinit { RelaySocket.close(relay) }

        /// Sends a datagram with each byte, to the listener or to the relay socket.
        func send(_ bytes: [UInt8], byClient: Bool, count: Int = 9) throws {
            for (number, byte) in bytes.enumerated() {
                let data = [UInt8](repeating: UInt8(number), count: count)
                try (byClient ? client : peer).setTrafficClass(byte)
                if byClient { try client.send(data) } else { try peer.send(data, to: relay.local) }
            }
        }

        /// Queues what waits at one of the sockets as data for the other side.
        func queue(toPeer: Bool, in batch: inout DatagramBatch, dontFragment: Bool = false) throws {
            for slot in try batch.receive(from: toPeer ? listener.handle : relay) {
                batch.queue(
                    slot: slot,
                    offset: DatagramBatch.headroom,
                    count: batch.length(of: slot),
                    on: toPeer ? relay : listener.handle,
                    to: toPeer ? peer.local : client.local,
                    from: toPeer ? nil : IPAddress.loopback(client.local.address.family),
                    dontFragment: dontFragment,
                    copiesTrafficClass: true,
                    tag: 0
                )
            }
        }
    }

    /// Nothing; EF with ECT(1); ECT(0); CE; CS1; all bits.
    static let bytes: [UInt8] = [0, 0xB9, 0x02, 0x03, 0x20, 0xFF, 0]

    @Test("the whole byte is kept, both ways, within a family and across", arguments: Path.all)
    func kept(path: Path) throws {
        let relay = try Relay(path.client, path.peer)
        var batch = try DatagramBatch.calling(by: path.mode)
        for toPeer in [true, false] {
            try relay.send(Self.bytes, byClient: toPeer)
            try relay.queue(toPeer: toPeer, in: &batch)
            #expect(batch.flush().count == 0)
            for (number, byte) in Self.bytes.enumerated() {
                let got = try (toPeer ? relay.peer : relay.client).receiveWithTrafficClass()
                #expect(got.bytes == [UInt8](repeating: UInt8(number), count: 9))
                #expect(got.trafficClass == byte)
            }
        }
    }

    @Test("a train ends where the byte changes", arguments: IPAddress.Family.allCases, [true, false])
    func trains(family: IPAddress.Family, toPeer: Bool) throws {
        let relay = try Relay(family, family)
        let receiver = toPeer ? relay.peer : relay.client
        receiver.receiveTrains()
        var batch = DatagramBatch()
        // The last two differ only in their ECN bits.
        try relay.send([0, 0, 0xB8, 0xB8, 0xB8, 0, 0x88, 0x88, 0x8A], byClient: toPeer)
        try relay.queue(toPeer: toPeer, in: &batch)
        #expect(batch.flush().count == 0)
        let trains: [(numbers: [UInt8], byte: UInt8)] = [
            ([0, 1], 0), ([2, 3, 4], 0xB8), ([5], 0), ([6, 7], 0x88), ([8], 0x8A),
        ]
        for train in trains {
            let got = try receiver.receiveWithTrafficClass()
            #expect(got.bytes == train.numbers.flatMap { [UInt8](repeating: $0, count: 9) })
            #expect(got.trafficClass == train.byte)
        }
    }

    @Test("a train that goes one by one keeps the byte")
    func apart() throws {
        let relay = try Relay(.v6, .v6)
        relay.relay.setOption(IPPROTO_IPV6, IPV6_MTU, 1280)
        var batch = DatagramBatch()
        try relay.send([0x8A, 0x8A, 0x8A], byClient: true, count: 1300)
        try relay.queue(toPeer: true, in: &batch)
        #expect(batch.flush().count == 0)
        for number in UInt8(0)..<3 {
            let got = try relay.peer.receiveWithTrafficClass()
            #expect(got.bytes == [UInt8](repeating: number, count: 1300))
            #expect(got.trafficClass == 0x8A)
        }
    }

    @Test("a datagram that must not be fragmented keeps the byte", arguments: RelayBatchTests.Way.all)
    func dontFragment(way: RelayBatchTests.Way) throws {
        let relay = try Relay(way.family, way.family)
        var batch = try DatagramBatch.calling(by: way.mode)
        try relay.send([0x2E], byClient: true)
        try relay.queue(toPeer: true, in: &batch, dontFragment: true)
        #expect(batch.flush().count == 0)
        #expect(try relay.peer.receiveWithTrafficClass().trafficClass == 0x2E)
    }

    @Test("an answer to a marked request is not marked", arguments: RelayBatchTests.Way.all)
    func answers(way: RelayBatchTests.Way) throws {
        let relay = try Relay(way.family, way.family)
        var batch = try DatagramBatch.calling(by: way.mode)
        try relay.send([0xB9], byClient: true)
        #expect(try batch.receive(from: relay.listener.handle) == 0..<1)
        let source = IPAddress.loopback(way.family)
        batch.queue(slot: 0, offset: 64, count: 9, on: relay.listener.handle, from: source, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try relay.client.receiveWithTrafficClass().trafficClass == 0)
    }

    @Test("what no datagram brought has no byte to copy, whatever the slot held before")
    func takenSlot() throws {
        let relay = try Relay(.v4, .v4)
        var batch = DatagramBatch()
        try relay.send([0xB9], byClient: true)
        #expect(try batch.receive(from: relay.listener.handle) == 0..<1)
        _ = batch.flush()
        let slot = try takeSlot(in: &batch)
        #expect(slot == 0)
        let client = relay.client.local
        let source = IPAddress.loopback(.v4)
        batch.queue(
            slot: slot,
            offset: 0,
            count: 1,
            on: relay.listener.handle,
            to: client,
            from: source,
            copiesTrafficClass: true,
            tag: 0
        )
        #expect(batch.flush().count == 0)
        #expect(try relay.client.receiveWithTrafficClass().trafficClass == 0)
    }

    @Test("a byte of 0 costs no control message", arguments: Path.all)
    func unmarked(path: Path) throws {
        let relay = try Relay(path.client, path.peer)
        var batch = try DatagramBatch.calling(by: path.mode)
        for byte: UInt8 in [0, 0xB9] {
            try relay.send([byte], byClient: true)
            try relay.queue(toPeer: true, in: &batch)
            let sizes = batch.controlSizes()
            #expect(sizes == [byte == 0 ? 0 : 24])
            #expect(batch.flush().count == 0)
            #expect(try relay.peer.receiveWithTrafficClass().trafficClass == byte)
        }
    }

    @Test("sockets that receive ask for the byte, and a socket that only sends does not")
    func options() throws {
        for family in IPAddress.Family.allCases {
            let level = family == .v4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
            let option = family == .v4 ? IP_RECVTOS : IPV6_RECVTCLASS
            let relay = try RelaySocket.open(.loopback(family))
            #expect(relay.option(level, option) == 1)
            RelaySocket.close(relay)
            for isRead in [true, false] {
                let socket = try UDPSocket(
                    bindingTo: .loopback(family),
                    sharesPort: false,
                    bufferSize: 65_536,
                    isRead: isRead
                )
                #expect(socket.handle.option(level, option) == (isRead ? 1 : 0))
            }
        }
    }
}

extension IPAddress {
    fileprivate static func loopback(_ family: Family) -> IPAddress { SocketAddress.loopback(family).address }
}
