import Addresses
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Datagrams in batches")
struct DatagramBatchTests {
    static let modes: [DatagramBatch.Mode] = [.vectored, .single]

    @Test("an answer written into a datagram's own slot goes back to its sender", arguments: modes)
    func echo(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        for number in 0..<100 { try client.send([UInt8](repeating: UInt8(number), count: number + 1)) }

        var batch = DatagramBatch(mode: mode)
        var received = 0
        while received < 100 {
            let count = try batch.receive(from: server.handle)
            for slot in 0..<count {
                let length = batch.length(of: slot)
                #expect(batch.source(of: slot) == client.local)
                var bytes = batch.bytes(of: slot)
                bytes.storeBytes(of: UInt8(0xEE), toByteOffset: 0, as: UInt8.self)
                batch.queue(slot: slot, count: length, on: server.handle, from: nil, toPort: nil, tag: 0)
            }
            #expect(batch.flush().count == 0)
            received += count
        }
        for number in 0..<100 {
            let expected = [0xEE] + [UInt8](repeating: UInt8(number), count: number)
            #expect(try client.receive() == expected)
        }
    }

    @Test("both ways of calling the system see the same datagrams", arguments: [IPAddress.Family.v4, .v6])
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
            for size in [0, 1, 20, 1500, 2048, 4000] { try client.send([UInt8](repeating: 7, count: size)) }
            var batch = DatagramBatch(mode: mode)
            let count = try batch.receive(from: server.handle)
            seen.append(
                (0..<count).map { "\(batch.length(of: $0)) to \(String(describing: batch.destination(of: $0)))" }
            )
            #expect((0..<count).allSatisfy { batch.destination(of: $0) == .address(loopback) })
        }
        #expect(seen[0] == seen[1])
        // A datagram that is longer than a slot counts as empty.
        #expect(seen[0].map { $0.split(separator: " ")[0] } == ["0", "1", "20", "1500", "2048", "0"])
    }

    @Test("an answer from a socket on all addresses leaves from the address that was asked", arguments: modes)
    func wildcardSource(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let asked = SocketAddress(IPAddress(v4: 0x7F00_0009), port: server.boundPort())
        // A connected socket hears only what comes from the address it is connected to.
        let client = try TestClient(connectingTo: asked)
        try client.send([1, 2, 3])
        var batch = DatagramBatch(mode: mode)
        #expect(try batch.receive(from: server.handle) == 1)
        batch.queue(slot: 0, count: 3, on: server.handle, from: asked.address, toPort: nil, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try client.receive() == [1, 2, 3])
    }

    @Test("a datagram to a broadcast or multicast address is known for one", arguments: modes)
    func groups(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(bindingTo: .loopback(0))
        for group in [UInt32(0x7FFF_FFFF), 0xE000_0001] {
            try client.send([1], to: SocketAddress(IPAddress(v4: group), port: server.boundPort()))
            var batch = DatagramBatch(mode: mode)
            #expect(try batch.receive(from: server.handle) == 1)
            #expect(batch.destination(of: 0) == .group)
        }
    }

    @Test("an answer to another port of the sender reaches that port", arguments: modes)
    func otherPort(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        let listener = try TestClient(connectingTo: .loopback(server.boundPort()))
        try client.send([5])
        var batch = DatagramBatch(mode: mode)
        #expect(try batch.receive(from: server.handle) == 1)
        batch.queue(slot: 0, count: 1, on: server.handle, from: nil, toPort: listener.local.port, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try listener.receive() == [5])
    }

    @Test("a datagram that cannot be sent is told, and those behind it are sent", arguments: modes)
    func failure(mode: DatagramBatch.Mode) throws {
        let server = try UDPSocket(bindingTo: .init(.unspecified(.v4), port: 0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        for number in 0..<3 { try client.send([UInt8(number)]) }
        var batch = DatagramBatch(mode: mode)
        #expect(try batch.receive(from: server.handle) == 3)
        for slot in 0..<3 {
            // 192.0.2.1 is nobody's address (RFC 5737), so nothing can be sent from it.
            let source = slot == 1 ? IPAddress(v4: 0xC000_0201) : IPAddress(v4: 0x7F00_0001)
            batch.queue(slot: slot, count: 1, on: server.handle, from: source, toPort: nil, tag: 40 + slot)
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
        var batch = DatagramBatch(mode: mode)
        #expect(try batch.receive(from: server.handle) == 0)
    }
}

@Suite("UDP sockets")
struct UDPSocketTests {
    @Test("an address that a sharing socket holds is refused by the probe, and free once it is gone")
    func probe() throws {
        var first: UDPSocket? = try UDPSocket(bindingTo: .loopback(0), sharesPort: true, bufferSize: 65_536)
        let address = SocketAddress.loopback(try #require(first).boundPort())
        let error = #expect(throws: SocketError.self) { try UDPSocket.probe(address) }
        #expect(error?.isAddressInUse == true)
        #expect(error?.description == "\(address): bind: Address already in use")
        // Without the probe the second server would get in.
        _ = try UDPSocket(bindingTo: address, sharesPort: true, bufferSize: 65_536)
        first = nil
        try UDPSocket.probe(address)
    }

    @Test("an address that this host does not have is refused with a hint")
    func missingAddress() {
        let error = #expect(throws: SocketError.self) {
            try UDPSocket.probe(SocketAddress(IPAddress(v4: 0xC000_0201), port: 0))
        }
        #expect(error?.isAddressMissing == true)
        #expect(error?.description.contains("this host has no such address") == true)
    }

    @Test("the loopback interface is among the host's addresses")
    func hostAddresses() {
        let loopback = HostAddresses.all().first { $0.address == IPAddress(v4: 0x7F00_0001) }
        #expect(loopback?.interface == "lo")
        #expect(loopback?.prefixLength == 8)
    }
}

@Suite("The event loop")
struct EventLoopTests {
    @Test("a signal from another thread wakes it, and many signals wake it once")
    func wakeUp() async throws {
        var loop = try EventLoop()
        let wakeUp = try WakeUp()
        try loop.watch(wakeUp, token: 7)
        let signaller = Task.detached { for _ in 0..<10 { wakeUp.signal() } }
        #expect(try loop.wait() == 1)
        #expect(loop.token(0) == 7)
        await signaller.value
        wakeUp.clear()
        wakeUp.signal()
        #expect(try loop.wait() == 1)
    }

    @Test("a socket shows as long as something waits at it")
    func levelTriggered() throws {
        var loop = try EventLoop()
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 65_536)
        try loop.watch(server.handle, token: 3)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        try client.send([1])
        #expect(try loop.wait() == 1)
        #expect(try loop.wait() == 1)
        #expect(loop.token(0) == 3)
    }
}
