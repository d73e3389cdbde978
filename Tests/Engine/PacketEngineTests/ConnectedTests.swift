import Addresses
import PacketEngine
import Testing

@Suite("The sockets of a load: connected, many datagrams by one call")
struct ConnectedTests {
    private static let any = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 0)

    /// Two sockets that talk to each other.
    private func pair(_ address: SocketAddress = any) throws -> (ConnectedSocket, ConnectedSocket) {
        let one = try ConnectedSocket.open(address, bufferSize: 1 << 20)
        let other = try ConnectedSocket.open(address, bufferSize: 1 << 20)
        try one.connect(to: other.local)
        try other.connect(to: one.local)
        return (one, other)
    }

    /// Fills so many datagrams: each has its number in all its bytes.
    private func fill(_ batch: inout ConnectedBatch, _ count: Int, length: (Int) -> Int) {
        for slot in 0..<count {
            var bytes = batch.datagram(slot)
            for offset in 0..<length(slot) {
                bytes.storeBytes(of: UInt8(slot), toByteOffset: offset, as: UInt8.self)
            }
            batch.setLength(slot, length(slot))
        }
    }

    /// All that comes, until so many datagrams are there: the number and the length of each.
    private func receive(
        _ count: Int,
        _ batch: inout ConnectedBatch,
        _ socket: ConnectedSocket
    ) throws -> (datagrams: [(number: UInt8, length: Int)], buffers: Int) {
        var poll = try PrecisePoll()
        try poll.watch(socket, token: 77)
        var result: [(number: UInt8, length: Int)] = []
        var buffers = 0
        while result.count < count {
            try #require(poll.wait(nanoseconds: 5_000_000_000) == 1)
            #expect(poll.token(0) == 77)
            for slot in 0..<batch.receive(from: socket) {
                buffers += 1
                let (whole, step) = (batch.received(slot).byteCount, max(batch.segment(slot), 1))
                for start in stride(from: 0, to: whole, by: step) {
                    let bytes = batch.received(slot).extracting(start..<min(start + step, whole))
                    let number = unsafe bytes.unsafeLoad(as: UInt8.self)
                    for offset in 0..<bytes.byteCount {
                        let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
                        #expect(byte == number)
                    }
                    result.append((number, bytes.byteCount))
                }
            }
        }
        return (result, buffers)
    }

    @Test(
        "64 datagrams of different lengths arrive in order, over IPv4 and IPv6",
        arguments: [any, SocketAddress(IPAddress(v6High: 0, low: 1), port: 0)]
    )
    func manyLengths(address: SocketAddress) throws {
        let (one, other) = try pair(address)
        defer {
            one.close()
            other.close()
        }
        var batch = ConnectedBatch()
        fill(&batch, 64) { 1 + $0 * 20 }
        #expect(batch.send(64, on: one) == 64)
        let came = try receive(64, &batch, other)
        #expect(came.datagrams.map(\.number) == Array(0..<64))
        #expect(came.datagrams.map(\.length) == (0..<64).map { 1 + $0 * 20 })
        #expect(came.buffers == 64)
        #expect(batch.receive(from: other) == 0)
        #expect(batch.refused == 0)
    }

    @Test(
        "A train arrives as its datagrams, and by few buffers where the reader asks for trains",
        arguments: [true, false]
    )
    func trains(readsTrains: Bool) throws {
        let (one, other) = try pair()
        defer {
            one.close()
            other.close()
        }
        var batch = ConnectedBatch(readsTrains: readsTrains)
        if readsTrains { try other.receiveTrains() }
        // 64 of 1,200 bytes are more than one train holds.
        fill(&batch, 64) { _ in 1200 }
        #expect(batch.sendTrain(64, on: one) == 64)
        let came = try receive(64, &batch, other)
        #expect(came.datagrams.map(\.number) == Array(0..<64))
        #expect(came.datagrams.allSatisfy { $0.length == 1200 })
        #expect(readsTrains ? came.buffers < 8 : came.buffers == 64)
    }

    @Test("Nobody at the other end is told as a refusal, and nothing traps")
    func nobody() throws {
        let (one, other) = try pair()
        defer { one.close() }
        other.close()
        var batch = ConnectedBatch()
        fill(&batch, 2) { _ in 10 }
        for _ in 0..<20 where batch.refused == 0 {
            batch.send(2, on: one)
            _ = batch.receive(from: one)
        }
        #expect(batch.refused > 0)
        #expect(SystemError.text(batch.lastRefusal).contains("refused"))
    }

    @Test("A port that somebody has is told so")
    func taken() throws {
        let (one, other) = try pair()
        defer {
            one.close()
            other.close()
        }
        #expect {
            _ = try ConnectedSocket.open(one.local, bufferSize: 4096)
        } throws: { error in
            (error as? SocketError)?.isAddressInUse == true
        }
    }

    @Test("A wait ends when its time is over, although nothing came", arguments: [UInt64(0), 1, 300_000])
    func waiting(nanoseconds: UInt64) throws {
        let (one, other) = try pair()
        defer {
            one.close()
            other.close()
        }
        var poll = try PrecisePoll()
        try poll.watch(one, token: 1)
        let start = SystemClock.monotonic()
        #expect(poll.wait(nanoseconds: nanoseconds) == 0)
        #expect(SystemClock.monotonic() - start >= nanoseconds)
    }
}
