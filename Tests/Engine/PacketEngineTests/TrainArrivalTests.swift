import Addresses
import Foundation
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Trains that come (UDP_GRO): datagrams of one sender in one slot, relayed from where they lie")
struct TrainArrivalTests {
    typealias Way = RelayBatchTests.Way
    static let headroom = DatagramBatch.headroom

    /// Two relay sockets, somebody who sends trains to the first and somebody who hears the second.
    private final class Relay {
        let incoming: SocketHandle
        let outgoing: SocketHandle
        let sender: TestClient
        let receiver: TestClient
        var batch: DatagramBatch

        init(_ way: Way) throws {
            incoming = try RelaySocket.open(.loopback(way.family))
            outgoing = try RelaySocket.open(.loopback(way.family))
            sender = try TestClient(bindingTo: .loopback(way.family))
            receiver = try TestClient(bindingTo: .loopback(way.family))
            batch = try DatagramBatch.calling(by: way.mode)
        }

        deinit {
            RelaySocket.close(incoming)
            RelaySocket.close(outgoing)
        }

        /// Receives what must come as one train, in one slot.
        func take(_ bytes: [UInt8], of segment: Int) throws -> DatagramBatch.Train {
            try sender.sendTrain(bytes, of: segment, to: incoming.local)
            let slots = try batch.receive(from: incoming)
            #expect(slots.count == 1)
            let slot = try #require(slots.first)
            let train = batch.train(in: slot)
            return try #require(train)
        }

        func bytes(of part: DatagramBatch.Part) -> [UInt8] { TrainArrivalTests.bytes(of: part, in: &batch) }

        /// Writes a header before a part and fills up with zeros behind it, and queues all of it.
        func queue(_ part: DatagramBatch.Part, header: [UInt8], padding: Int, tag: Int = 0, to: SocketAddress? = nil) {
            TrainArrivalTests.lend(part, header, padding, of: &batch)
            batch.queue(
                part,
                start: headroom - header.count,
                count: header.count + part.count + padding,
                on: outgoing,
                to: to ?? receiver.local,
                copiesTrafficClass: true,
                tag: tag
            )
            batch.takeBack(part)
        }
    }

    private static func bytes(of part: DatagramBatch.Part, in batch: inout DatagramBatch) -> [UInt8] {
        let bytes = batch.bytes(of: part)
        var content: [UInt8] = []
        for offset in 0..<part.count {
            content.append(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
        return content
    }

    private static func lend(
        _ part: DatagramBatch.Part,
        _ header: [UInt8],
        _ padding: Int,
        of batch: inout DatagramBatch
    ) {
        var bytes = batch.lend(part)
        for (offset, byte) in header.enumerated() {
            bytes.storeBytes(of: byte, toByteOffset: headroom - header.count + offset, as: UInt8.self)
        }
        for offset in 0..<padding {
            bytes.storeBytes(of: UInt8(0), toByteOffset: headroom + part.count + offset, as: UInt8.self)
        }
    }

    /// Bytes that differ from part to part and within each.
    private static func content(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    }

    private static func cut(_ bytes: [UInt8], by segment: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: segment).map { Array(bytes[$0..<min($0 + segment, bytes.count)]) }
    }

    @Test("a train is in one slot and its parts are its datagrams; what comes alone is none", arguments: Way.all)
    func parts(way: Way) throws {
        let relay = try Relay(way)
        for (segment, length) in [(1, 2), (1, 64), (7, 15), (160, 2560), (1000, 1001), (1200, 64_800), (9000, 63_000)] {
            let content = Self.content(length)
            let train = try relay.take(content, of: segment)
            #expect(train.segment == segment && train.length == length)
            #expect(
                relay.batch.length(of: train.slot) == length && relay.batch.source(of: train.slot) == relay.sender.local
            )
            #expect((0..<train.count).map { relay.bytes(of: train[$0]) } == Self.cut(content, by: segment))
            // The same slot afterwards.
            #expect(relay.batch.flush().count == 0)
            for alone in [0, 1, segment] {
                try relay.sender.send([UInt8](repeating: 1, count: alone), to: relay.incoming.local)
                let slot = try #require(try relay.batch.receive(from: relay.incoming).first)
                #expect(relay.batch.train(in: slot) == nil && relay.batch.length(of: slot) == alone)
                _ = relay.batch.flush()
            }
        }
    }

    @Test(
        "each part leaves with what was written before it and zeros behind it, and its neighbours stay as they came",
        arguments: Way.all
    )
    func headers(way: Way) throws {
        let relay = try Relay(way)
        for segment in [1, 2, 3, 5, 63, 160, 1001] {
            for count in [2, 3, 17, 64] {
                for (header, padding) in [(0, 0), (4, 0), (36, 3), (48, 1), (64, 4)] {
                    let content = Self.content(segment * count - segment / 2)
                    let train = try relay.take(content, of: segment)
                    for number in 0..<train.count {
                        relay.queue(
                            train[number],
                            header: [UInt8](repeating: UInt8(0x80 + number), count: header),
                            padding: padding
                        )
                    }
                    #expect((0..<train.count).flatMap { relay.bytes(of: train[$0]) } == content)
                    #expect(relay.batch.flush().count == 0)
                    for (number, part) in Self.cut(content, by: segment).enumerated() {
                        let expected = [UInt8](repeating: UInt8(0x80 + number), count: header) + part
                        #expect(try relay.receiver.receive() == expected + [UInt8](repeating: 0, count: padding))
                    }
                }
            }
        }
    }

    @Test("parts that lose their beginning leave as a train, and go to whom each is for", arguments: Way.all)
    func destinations(way: Way) throws {
        let relay = try Relay(way)
        let other = try TestClient(bindingTo: .loopback(way.family))
        if way.mode != .single { relay.receiver.receiveTrains() }
        let content = Self.content(20 * 9)
        let train = try relay.take(content, of: 9)
        for number in 0..<train.count {
            relay.batch.queue(
                train[number],
                start: Self.headroom + 4,
                count: 5,
                on: relay.outgoing,
                to: number == 7 || number == 9 ? other.local : relay.receiver.local,
                tag: 0
            )
        }
        #expect(relay.batch.flush().count == 0)
        let data = Self.cut(content, by: 9).map { Array($0.dropFirst(4)) }
        for number in [7, 9] { #expect(try other.receive() == data[number]) }
        let trains =
            way.mode == .single ? (0..<20).filter { $0 != 7 && $0 != 9 }.map { $0...$0 } : [0...6, 8...8, 10...19]
        for train in trains { #expect(try relay.receiver.receive() == data[train].flatMap(\.self)) }
        #expect(relay.receiver.hasNothing && other.hasNothing)
    }

    @Test("more datagrams than the queue holds are sent in between, in order, and a lent part stays whole")
    func manyParts() throws {
        for mode in DatagramBatch.Mode.usable where mode != .single {
            let relay = try Relay(Way(mode: mode, family: .v4))
            relay.receiver.receiveTrains()
            // 63 each, so that the queue is full in the middle of one.
            for number in UInt8(0)..<20 {
                let own = [UInt8](repeating: number, count: 62 * 3 + 1)
                let train = try relay.take(own, of: 3)
                #expect(train.count == 63)
                for part in 0..<train.count { relay.queue(train[part], header: [0xAA], padding: 0) }
            }
            #expect(relay.batch.flush().count == 0)
            var expected: [UInt8] = []
            for number in UInt8(0)..<20 {
                for part in 0..<63 { expected += [0xAA] + [UInt8](repeating: number, count: part < 62 ? 3 : 1) }
            }
            var received: [UInt8] = []
            while received.count < expected.count { received += try relay.receiver.receive() }
            #expect(received == expected)
            #expect(relay.batch.freeSlots == 64)
        }
    }

    @Test("what is sent as one has at most 64 datagrams and 65,000 bytes")
    func longestTrain() throws {
        let relay = try Relay(Way(mode: .vectored, family: .v4))
        relay.receiver.receiveTrains()
        for (segment, counts) in [(1444, [45, 19]), (100, [64, 6])] {
            let all = counts.reduce(0, +)
            var left = all
            while left > 0 {
                let count = min(left, 40)
                left -= count
                let train = try relay.take(Self.content(segment * count), of: segment)
                for part in 0..<train.count { relay.queue(train[part], header: [], padding: 0) }
            }
            #expect(relay.batch.flush().count == 0)
            for count in counts { #expect(try relay.receiver.receive().count == segment * count) }
        }
    }

    @Test(
        "parts that cannot be sent as a train go one by one, each with its header",
        arguments: DatagramBatchTests.modes
    )
    func apart(mode: DatagramBatch.Mode) throws {
        let relay = try Relay(Way(mode: mode, family: .v6))
        relay.outgoing.setOption(41, 24, 1280)  // IPPROTO_IPV6, IPV6_MTU
        let content = Self.content(5 * 1300 + 20)
        let train = try relay.take(content, of: 1300)
        for part in 0..<train.count { relay.queue(train[part], header: [1, 2, 3, UInt8(part)], padding: 2) }
        #expect(relay.batch.flush().count == 0)
        for (number, part) in Self.cut(content, by: 1300).enumerated() {
            #expect(try relay.receiver.receive() == [1, 2, 3, UInt8(number)] + part + [0, 0])
        }
    }

    @Test("a part that is refused is told by its own tag and destination", arguments: DatagramBatchTests.modes)
    func refused(mode: DatagramBatch.Mode) throws {
        let relay = try Relay(Way(mode: mode, family: .v4))
        let train = try relay.take(Self.content(40), of: 10)
        // An IPv4 socket has no way to an IPv6 address.
        let nowhere = SocketAddress.loopback(.v6, 9)
        for part in 0..<4 {
            relay.queue(
                train[part],
                header: [9],
                padding: 0,
                tag: 70 + part,
                to: part == 0 || part == 2 ? nowhere : nil
            )
        }
        let failures = relay.batch.flush()
        #expect(failures.count == 2 && failures.last?.tag == 72 && failures.last?.destination == nowhere)
        for part in [1, 3] {
            #expect(try relay.receiver.receive() == [9] + Self.content(40)[part * 10..<part * 10 + 10])
        }
    }

    @Test("a train keeps DSCP and ECN", arguments: Way.all)
    func trafficClass(way: Way) throws {
        let relay = try Relay(way)
        for byte: UInt8 in [0xB9, 0, 0x03] {
            try relay.sender.setTrafficClass(byte)
            let train = try relay.take(Self.content(31), of: 10)
            for part in 0..<train.count { relay.queue(train[part], header: [1], padding: 0) }
            #expect(relay.batch.flush().count == 0)
            for _ in 0..<4 { #expect(try relay.receiver.receiveWithTrafficClass().trafficClass == byte) }
        }
    }

    @Test("a train that is taken apart has a slot for each datagram, also when fewer are free", arguments: Way.all)
    func takenApart(way: Way) throws {
        let all = SocketAddress(.unspecified(way.family), port: 0)
        let server = try UDPSocket(bindingTo: all, sharesPort: false, bufferSize: 1 << 20, receivesTrains: true)
        let asked = SocketAddress.loopback(way.family, server.boundPort())
        for used in [0, 40, 63] {
            let client = try TestClient(connectingTo: asked)
            try client.setTrafficClass(0x20)
            var batch = try DatagramBatch.calling(by: way.mode)
            let content = Self.content(63 * 9 + 4)
            try client.sendTrain(content, of: 9)
            #expect(try batch.receive(from: server.handle) == 0..<1)
            for _ in 0..<used { _ = try takeSlot(in: &batch) }
            let received = batch.train(in: 0)
            let train = try #require(received)
            batch.takeApart(train)
            for number in 0..<train.count {
                let slot = batch.takeOut(number, of: train)
                #expect(batch.length(of: slot) == (number < 63 ? 9 : 4) && batch.train(in: slot) == nil)
                #expect(
                    batch.source(of: slot) == client.local && batch.destination(of: slot) == .address(asked.address)
                )
                #expect(batch.trafficClass(of: slot) == 0x20 && batch.isWhole(slot))
                // An answer that is longer than the request, over it.
                let length = batch.length(of: slot)
                do {
                    var bytes = batch.bytes(of: slot)
                    bytes.storeBytes(of: UInt8(number), toByteOffset: Self.headroom + length, as: UInt8.self)
                }
                let offset = Self.headroom
                batch.queue(
                    slot: slot,
                    offset: offset,
                    count: length + 1,
                    on: server.handle,
                    from: asked.address,
                    tag: 0
                )
            }
            #expect(batch.flush().count == 0)
            #expect(batch.freeSlots == 64)
            for (number, part) in Self.cut(content, by: 9).enumerated() {
                #expect(try client.receive() == part + [UInt8(number)])
            }
        }
    }

    @Test("relay sockets take trains, and listeners that say so")
    func options() throws {
        let relay = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        #expect(relay.option(17, 104) == 1)  // UDP_GRO
        for takes in [true, false] {
            let socket = try UDPSocket(
                bindingTo: .loopback(0),
                sharesPort: false,
                bufferSize: 65_536,
                receivesTrains: takes
            )
            #expect(socket.handle.option(17, 104) == (takes ? 1 : 0))
        }
    }

    @Test("the room for long datagrams takes no memory before they come")
    func memory() throws {
        func resident() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            return try #require(Int(text.split(separator: " ")[1])) * 4096
        }
        let before = try resident()
        try withBatches(8) {
            let grown = try resident() - before
            #expect(grown < 8 * 3_500_000)
        }
    }

    private func withBatches(_ count: Int, _ body: () throws -> Void) throws {
        guard count > 0 else { return try body() }
        let loop = EventLoop.refusalOfRing() == nil ? try EventLoop(.ioUring) : try EventLoop()
        let batch = DatagramBatch(for: loop)
        try withBatches(count - 1, body)
        #expect(batch.freeSlots == 64)
    }
}
