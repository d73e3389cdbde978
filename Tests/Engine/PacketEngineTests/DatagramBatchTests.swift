import Addresses
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Datagrams in batches")
struct DatagramBatchTests {
    static let modes = DatagramBatch.Mode.usable

    @Test("an answer written into a datagram's own slot goes back to its sender", arguments: modes)
    func echo(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        for number in 0..<100 { try client.send([UInt8](repeating: UInt8(number), count: number + 1)) }

        var batch = try DatagramBatch.calling(by: mode)
        var received = 0
        while received < 100 {
            let slots = try batch.receive(from: server.handle)
            for slot in slots {
                let length = batch.length(of: slot)
                #expect(batch.source(of: slot) == client.local)
                var bytes = batch.bytes(of: slot)
                bytes.storeBytes(of: UInt8(0xEE), toByteOffset: DatagramBatch.headroom, as: UInt8.self)
                batch.queue(slot: slot, offset: DatagramBatch.headroom, count: length, on: server.handle, tag: 0)
            }
            #expect(batch.flush().count == 0)
            received += slots.count
        }
        for number in 0..<100 {
            let expected = [0xEE] + [UInt8](repeating: UInt8(number), count: number)
            #expect(try client.receive() == expected)
        }
    }

    @Test("all ways of calling the system see the same datagrams", arguments: [IPAddress.Family.v4, .v6])
    func modesAgree(family: IPAddress.Family) throws {
        var seen: [[String]] = []
        for mode in Self.modes {
            let server = try UDPSocket(
                bindingTo: SocketAddress(.unspecified(family), port: 0),
                sharesPort: false,
                bufferSize: 1 << 20
            )
            let loopback = family == .v4 ? IPAddress(v4: 0x7F00_0005) : IPAddress(v6High: 0, low: 1)
            let client = try TestClient(connectingTo: SocketAddress(loopback, port: server.boundPort()))
            for size in [0, 1, 20, 1500, 4000, 65_507] { try client.send([UInt8](repeating: 7, count: size)) }
            var batch = try DatagramBatch.calling(by: mode)
            let slots = try batch.receive(from: server.handle)
            seen.append(slots.map { "\(batch.length(of: $0)) to \(String(describing: batch.destination(of: $0)))" })
            #expect(slots.allSatisfy { batch.destination(of: $0) == .address(loopback) })
        }
        #expect(seen.allSatisfy { $0 == seen[0] })
        #expect(seen[0].map { $0.split(separator: " ")[0] } == ["0", "1", "20", "1500", "4000", "65507"])
    }

    @Test("an answer from a socket on all addresses leaves from the address that was asked", arguments: modes)
    func wildcardSource(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let asked = SocketAddress(IPAddress(v4: 0x7F00_0009), port: server.boundPort())
        // A connected socket hears only what comes from the address it is connected to.
        let client = try TestClient(connectingTo: asked)
        try client.send([1, 2, 3])
        var batch = try DatagramBatch.calling(by: mode)
        #expect(try batch.receive(from: server.handle) == 0..<1)
        batch.queue(slot: 0, offset: 64, count: 3, on: server.handle, from: asked.address, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try client.receive() == [1, 2, 3])
    }

    @Test("a datagram to a broadcast or multicast address is known for one", arguments: modes)
    func groups(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(bindingTo: .loopback(0))
        for group in [UInt32(0x7FFF_FFFF), 0xE000_0001] {
            try client.send([1], to: SocketAddress(IPAddress(v4: group), port: server.boundPort()))
            var batch = try DatagramBatch.calling(by: mode)
            #expect(try batch.receive(from: server.handle) == 0..<1)
            #expect(batch.destination(of: 0) == .group)
        }
    }

    @Test("an answer to another port of the sender reaches that port", arguments: modes)
    func otherPort(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        let listener = try TestClient(connectingTo: .loopback(server.boundPort()))
        try client.send([5])
        var batch = try DatagramBatch.calling(by: mode)
        #expect(try batch.receive(from: server.handle) == 0..<1)
        batch.queue(slot: 0, offset: 64, count: 1, on: server.handle, toPort: listener.local.port, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try listener.receive() == [5])
    }

    @Test("a datagram that cannot be sent is told, and those behind it are sent", arguments: modes)
    func failure(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        for number in 0..<3 { try client.send([UInt8(number)]) }
        var batch = try DatagramBatch.calling(by: mode)
        #expect(try batch.receive(from: server.handle) == 0..<3)
        for slot in 0..<3 {
            // 192.0.2.1 is nobody's address (RFC 5737), so nothing can be sent from it.
            let source = slot == 1 ? IPAddress(v4: 0xC000_0201) : IPAddress(v4: 0x7F00_0001)
            batch.queue(slot: slot, offset: 64, count: 1, on: server.handle, from: source, tag: 40 + slot)
        }
        let failures = batch.flush()
        #expect(failures.count == 1)
        #expect(failures.last?.tag == 41)
        #expect(failures.last?.destination == client.local)
        #expect(try client.receive() == [0])
        #expect(try client.receive() == [2])
    }

    @Test("receiving from a socket without datagrams returns at once", arguments: modes)
    func empty(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        var batch = try DatagramBatch.calling(by: mode)
        #expect(try batch.receive(from: server.handle).isEmpty)
    }
}
