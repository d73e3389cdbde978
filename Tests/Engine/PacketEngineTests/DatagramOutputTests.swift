import Addresses
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Datagrams that have no slot of their own")
struct DatagramOutputTests {
    @Test("they leave whole and in order, however little room there is", arguments: DatagramBatch.Mode.usable)
    func room(mode: DatagramBatch.Mode) throws {
        let socket = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(bindingTo: .loopback(0))
        var batch = try DatagramBatch.calling(by: mode)
        var output = DatagramOutput(capacity: 1000)
        for number in 0..<UInt8(100) {
            output.makeRoom(300, in: &batch)
            #expect(output.capacity - output.used >= 300)
            let length = 1 + Int(number) * 2
            Self.write(number, length, to: &output)
            let range = output.keep(length)
            batch.queue(&output, range, on: socket.handle, to: client.local, tag: 0)
        }
        #expect(batch.flush().count == 0)
        for number in 0..<UInt8(100) {
            let (bytes, source) = try client.receiveFrom()
            #expect(bytes == [UInt8](repeating: number, count: 1 + Int(number) * 2))
            #expect(source.port == socket.boundPort())
        }
        output.makeRoom(1000, in: &batch)
        #expect(output.used == 0)
    }

    @Test("what the queue sends because it is full is not written over before the rest is sent")
    func fullQueue() throws {
        let socket = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(bindingTo: .loopback(0))
        var batch = DatagramBatch()
        var output = DatagramOutput(capacity: 100_000)
        // One more than fits: the queue is sent in between, and the last one waits.
        for number in 0...SendQueue.capacity {
            Self.write(UInt8(truncatingIfNeeded: number), 1, to: &output)
            let range = output.keep(1)
            batch.queue(&output, range, on: socket.handle, to: client.local, tag: 0)
        }
        while !client.hasNothing { _ = try client.receive() }
        output.makeRoom(10, in: &batch)
        Self.write(99, 10, to: &output)
        _ = batch.flush()
        #expect(try client.receive() == [UInt8(truncatingIfNeeded: SendQueue.capacity)])
    }

    @Test("a slot whose bytes are replaced is as one that came with them")
    func replaced() throws {
        let socket = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 1 << 20)
        let client = try TestClient(connectingTo: .loopback(socket.boundPort()))
        try client.send([22, 1, 2, 3])
        var batch = DatagramBatch()
        let slots = try batch.receive(from: socket.handle)
        #expect(slots.count == 1 && batch.firstByte(of: slots.lowerBound) == 22)
        var output = DatagramOutput(capacity: 100)
        Self.write(7, 50, to: &output)
        batch.replace(slots.lowerBound, with: output.bytes(0..<50))
        #expect(batch.length(of: slots.lowerBound) == 50 && batch.source(of: slots.lowerBound) == client.local)
        batch.queue(slot: slots.lowerBound, offset: DatagramBatch.headroom, count: 50, on: socket.handle, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try client.receive() == [UInt8](repeating: 7, count: 50))
    }

    private static func write(_ byte: UInt8, _ count: Int, to output: inout DatagramOutput) {
        var room = output.room()
        for index in 0..<count { room.storeBytes(of: byte, toByteOffset: index, as: UInt8.self) }
    }
}
