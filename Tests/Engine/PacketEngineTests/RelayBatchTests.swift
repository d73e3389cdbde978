import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("One batch over several sockets, as a relay needs it")
struct RelayBatchTests {
    /// A way to call the system with an address family.
    struct Way: CustomTestStringConvertible, Sendable {
        let mode: DatagramBatch.Mode
        let family: IPAddress.Family
        var testDescription: String { "\(mode) \(family)" }

        static let all = DatagramBatchTests.modes.flatMap { mode in
            IPAddress.Family.allCases.map { Way(mode: mode, family: $0) }
        }
    }

    static let headroom = DatagramBatch.headroom

    @Test("datagrams of several sockets share a batch; one flush sends each socket's in order", arguments: Way.all)
    func severalSockets(way: Way) throws {
        let listener = try RelaySocket.open(.loopback(way.family))
        let relays = try (0..<3).map { _ in try RelaySocket.open(.loopback(way.family)) }
        defer { for socket in relays + [listener] { RelaySocket.close(socket) } }
        let client = try TestClient(bindingTo: .loopback(way.family))
        let peers = try (0..<3).map { _ in try TestClient(bindingTo: .loopback(way.family)) }
        for number in UInt8(0)..<12 { try client.send([9, 9, 9, 9, number], to: listener.local) }
        for number in UInt8(0)..<9 {
            try peers[Int(number) % 3].send([100 + number], to: relays[Int(number) % 3].local)
        }

        var batch = try DatagramBatch.calling(by: way.mode)
        #expect(try batch.receive(from: listener, limit: 10) == 0..<10)
        #expect(try batch.receive(from: relays[0]) == 10..<13)
        #expect(try batch.receive(from: relays[1]) == 13..<16)
        #expect(try batch.receive(from: relays[2], limit: 3) == 16..<19)
        #expect(try batch.receive(from: relays[2]) == 19..<19)
        #expect(batch.freeSlots == 45)
        // What came first is still as it came.
        #expect((0..<10).allSatisfy { batch.source(of: $0) == client.local && batch.length(of: $0) == 5 })
        for slot in 0..<10 {
            // The header of 4 bytes stays behind.
            let to = peers[slot % 3].local
            batch.queue(slot: slot, offset: Self.headroom + 4, count: 1, on: relays[slot % 3], to: to, tag: 0)
            guard slot < 9 else { continue }
            #expect(batch.source(of: 10 + slot) == peers[slot / 3].local)
            var bytes = batch.bytes(of: 10 + slot)
            bytes.storeBytes(of: UInt32(0x0102_0304).bigEndian, toByteOffset: Self.headroom - 4, as: UInt32.self)
            batch.queue(slot: 10 + slot, offset: Self.headroom - 4, count: 5, on: listener, to: client.local, tag: 0)
        }
        #expect(batch.flush().count == 0)
        #expect(batch.freeSlots == 64)

        for number in UInt8(0)..<10 {
            let (bytes, source) = try peers[Int(number) % 3].receiveFrom()
            #expect(bytes == [number])
            #expect(source == relays[Int(number) % 3].local)
        }
        for number: UInt8 in [100, 103, 106, 101, 104, 107, 102, 105, 108] {
            #expect(try client.receive() == [1, 2, 3, 4, number])
        }
        // The slots are as good as new: the two that were left at the listener.
        #expect(try batch.receive(from: listener) == 0..<2)
        #expect(batch.length(of: 1) == 5)
        #expect(batch.source(of: 1) == client.local)
    }

    @Test("the whole headroom can be put before a datagram, up to the longest that UDP carries", arguments: Way.all)
    func headroom(way: Way) throws {
        let server = try RelaySocket.open(.loopback(way.family))
        defer { RelaySocket.close(server) }
        let client = try TestClient(connectingTo: server.local)
        let longest = (0..<65_507 - Self.headroom).map { UInt8(truncatingIfNeeded: $0 &+ $0 >> 8) }
        for _ in 0..<2 { try client.send(longest) }
        var batch = try DatagramBatch.calling(by: way.mode)
        let slots = try batch.receive(from: server)
        for slot in slots {
            var bytes = batch.bytes(of: slot)
            #expect(bytes.byteCount == Self.headroom + DatagramBatch.slotSize)
            for offset in 0..<Self.headroom { bytes.storeBytes(of: 0xAA, toByteOffset: offset, as: UInt8.self) }
            batch.queue(slot: slot, offset: 0, count: Self.headroom + batch.length(of: slot), on: server, tag: 0)
        }
        #expect(batch.flush().count == 0)
        let expected = [UInt8](repeating: 0xAA, count: Self.headroom) + longest
        for _ in slots { #expect(try client.receive() == expected) }
    }

    @Test(
        "a batch takes no more than it has room for, and what is left comes next",
        arguments: DatagramBatchTests.modes
    )
    func full(mode: DatagramBatch.Mode) throws {
        let server = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(server) }
        let client = try TestClient(connectingTo: server.local)
        for number in UInt8(0)..<70 { try client.send([number]) }
        var batch = try DatagramBatch.calling(by: mode)
        #expect(try batch.receive(from: server, limit: 60) == 0..<60)
        #expect(try batch.receive(from: server) == 60..<64)
        #expect(try batch.receive(from: server).isEmpty)
        let none = batch.takeSlot()
        #expect(none == nil)
        _ = batch.flush()
        #expect(try batch.receive(from: server) == 0..<6)
        batch.queue(slot: 5, offset: Self.headroom, count: 1, on: server, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try client.receive() == [69])
    }

    @Test("a slot serves sockets of any kind, one after another", arguments: DatagramBatchTests.modes)
    func anySocket(mode: DatagramBatch.Mode) throws {
        var batch = try DatagramBatch.calling(by: mode)
        let plain = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(plain) }
        for family in [IPAddress.Family.v6, .v4] {
            // An address of 16 bytes and no packet info, and then more of both.
            let first = try TestClient(connectingTo: plain.local)
            try first.send([1])
            #expect(try batch.receive(from: plain) == 0..<1)
            #expect(batch.destination(of: 0) == .unknown)
            #expect(batch.flush().count == 0)

            let all = SocketAddress(.unspecified(family), port: 0)
            let server = try UDPSocket(bindingTo: all, sharesPort: false, bufferSize: 65_536)
            let asked = SocketAddress.loopback(family, server.boundPort())
            let client = try TestClient(connectingTo: asked)
            try client.send([2])
            #expect(try batch.receive(from: server.handle) == 0..<1)
            #expect(batch.source(of: 0) == client.local)
            #expect(batch.destination(of: 0) == .address(asked.address))
            _ = batch.flush()
        }
    }

    @Test("a free slot carries a datagram that answers none", arguments: Way.all)
    func freeSlot(way: Way) throws {
        let server = try RelaySocket.open(.loopback(way.family))
        defer { RelaySocket.close(server) }
        let client = try TestClient(bindingTo: .loopback(way.family))
        var batch = try DatagramBatch.calling(by: way.mode)
        let slot = try takeSlot(in: &batch)
        #expect(batch.length(of: slot) == 0)
        var bytes = batch.bytes(of: slot)
        bytes.storeBytes(of: UInt16(0x0708).bigEndian, toByteOffset: 10, as: UInt16.self)
        batch.queue(slot: slot, offset: 10, count: 2, on: server, to: client.local, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try client.receive() == [7, 8])
    }
}

@Suite("Trains of equally long datagrams")
struct TrainTests {
    /// Queues datagrams of the given lengths and destinations, each filled with its number, and flushes.
    private func send(
        _ datagrams: [(count: Int, to: SocketAddress)],
        on socket: SocketHandle,
        by batch: inout DatagramBatch
    ) throws -> Int {
        for (number, datagram) in datagrams.enumerated() {
            let slot = try takeSlot(in: &batch)
            var bytes = batch.bytes(of: slot)
            for offset in 0..<datagram.count {
                bytes.storeBytes(of: UInt8(number), toByteOffset: offset, as: UInt8.self)
            }
            batch.queue(slot: slot, offset: 0, count: datagram.count, on: socket, to: datagram.to, tag: number)
        }
        return batch.flush().count
    }

    @Test("they go through the kernel as one, up to a shorter one and never to two destinations")
    func joined() throws {
        let server = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(server) }
        let (one, other) = try (TestClient(bindingTo: .loopback(0)), TestClient(bindingTo: .loopback(0)))
        one.receiveTrains()
        other.receiveTrains()
        var batch = DatagramBatch()
        let lengths = [100, 100, 100, 40, 40, 41, 0, 0, 7, 1452, 1452, 1453, 1453, 7, 7, 7]
        // The last but one goes elsewhere.
        let datagrams = lengths.enumerated().map { ($1, $0 == lengths.count - 2 ? other.local : one.local) }
        #expect(try send(datagrams, on: server, by: &batch) == 0)
        for train in [[0, 1, 2, 3], [4], [5], [6], [7], [8], [9, 10], [11], [12], [13], [15]] {
            let expected = train.flatMap { [UInt8](repeating: UInt8($0), count: lengths[$0]) }
            #expect(try one.receive() == expected)
        }
        #expect(try other.receive() == [UInt8](repeating: 14, count: 7))
    }

    @Test(
        "whoever does not ask for trains gets datagrams, from the address that was wanted",
        arguments: RelayBatchTests.Way.all
    )
    func cut(way: RelayBatchTests.Way) throws {
        let server = try UDPSocket(
            bindingTo: SocketAddress(.unspecified(way.family), port: 0),
            sharesPort: false,
            bufferSize: 1 << 20
        )
        let loopback = SocketAddress.loopback(way.family, server.boundPort())
        let client = try TestClient(connectingTo: loopback)
        var batch = try DatagramBatch.calling(by: way.mode)
        for number in UInt8(0)..<64 { try client.send([UInt8](repeating: number, count: 160)) }
        for slot in try batch.receive(from: server.handle) {
            batch.queue(slot: slot, offset: 64, count: 160, on: server.handle, from: loopback.address, tag: 0)
        }
        #expect(batch.flush().count == 0)
        for number in UInt8(0)..<64 { #expect(try client.receive() == [UInt8](repeating: number, count: 160)) }
    }

    @Test("two addresses to send from make no train", arguments: DatagramBatchTests.modes)
    func sources(mode: DatagramBatch.Mode) throws {
        let all = SocketAddress(.unspecified(.v4), port: 0)
        let server = try UDPSocket(bindingTo: all, sharesPort: false, bufferSize: 65_536)
        let client = try TestClient(bindingTo: .loopback(0))
        var batch = try DatagramBatch.calling(by: mode)
        for number in 0..<6 {
            let source = IPAddress(v4: 0x7F00_0001 + UInt32(number) / 2)
            let slot = try takeSlot(in: &batch)
            batch.queue(slot: slot, offset: 0, count: 9, on: server.handle, to: client.local, from: source, tag: 0)
        }
        #expect(batch.flush().count == 0)
        for number in 0..<6 {
            #expect(try client.receiveFrom().source.address == IPAddress(v4: 0x7F00_0001 + UInt32(number) / 2))
        }
    }

    @Test("a batch makes no trains when it should not", arguments: [true, false])
    func switchedOff(isOn: Bool) throws {
        let server = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(server) }
        let client = try TestClient(bindingTo: .loopback(0))
        client.receiveTrains()
        var batch = DatagramBatch(joinsTrains: isOn)
        #expect(try send([(9, client.local), (9, client.local)], on: server, by: &batch) == 0)
        #expect(try client.receive().count == (isOn ? 18 : 9))
    }

    @Test("datagrams of one socket meet although those of others were queued between them")
    func gathered() throws {
        let sockets = try (0..<4).map { _ in try RelaySocket.open(.loopback(.v4)) }
        defer { sockets.forEach(RelaySocket.close) }
        let client = try TestClient(bindingTo: .loopback(0))
        client.receiveTrains()
        var batch = DatagramBatch()
        for number in 0..<64 {
            let slot = try takeSlot(in: &batch)
            batch.queue(slot: slot, offset: 0, count: 9, on: sockets[number % 4], to: client.local, tag: 0)
        }
        #expect(batch.flush().count == 0)
        for socket in sockets {
            let (bytes, source) = try client.receiveFrom()
            #expect(bytes.count == 16 * 9)
            #expect(source == socket.local)
        }
    }

    @Test("a datagram that must not be fragmented goes alone", arguments: IPAddress.Family.allCases)
    func dontFragment(family: IPAddress.Family) throws {
        let server = try RelaySocket.open(.loopback(family))
        defer { RelaySocket.close(server) }
        let client = try TestClient(bindingTo: .loopback(family))
        client.receiveTrains()
        var batch = DatagramBatch()
        for number in 0..<6 {
            let slot = try takeSlot(in: &batch)
            batch.queue(
                slot: slot,
                offset: 0,
                count: 9,
                on: server,
                to: client.local,
                dontFragment: number == 2 || number == 3,
                tag: 0
            )
        }
        #expect(batch.flush().count == 0)
        for count in [18, 9, 9, 18] { #expect(try client.receive().count == count) }
    }

    @Test("a train that the way out cannot take goes one by one, in fragments where they are too long")
    func apart() throws {
        let server = try RelaySocket.open(.loopback(.v6))
        defer { RelaySocket.close(server) }
        server.setOption(IPPROTO_IPV6, IPV6_MTU, 1280)
        let client = try TestClient(bindingTo: .loopback(.v6))
        var batch = DatagramBatch()
        let datagrams = (0..<8).map { _ in (1300, client.local) } + [(30, client.local), (30, client.local)]
        #expect(try send(datagrams, on: server, by: &batch) == 0)
        for number in UInt8(0)..<10 {
            #expect(try client.receive() == [UInt8](repeating: number, count: number < 8 ? 1300 : 30))
        }
    }

    @Test("a train that cannot be sent at all counts as so many datagrams", arguments: DatagramBatchTests.modes)
    func refused(mode: DatagramBatch.Mode) throws {
        let server = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(server) }
        let client = try TestClient(bindingTo: .loopback(0))
        var batch = try DatagramBatch.calling(by: mode)
        // An IPv4 socket has no way to an IPv6 address.
        let lost = (0..<5).map { _ in (20, SocketAddress.loopback(.v6, 9)) }
        #expect(try send(lost + [(20, client.local)], on: server, by: &batch) == 5)
        #expect(try client.receive() == [UInt8](repeating: 5, count: 20))
    }
}

/// A free slot of a batch that has one.
func takeSlot(in batch: inout DatagramBatch) throws -> Int {
    let slot = batch.takeSlot()
    return try #require(slot)
}
