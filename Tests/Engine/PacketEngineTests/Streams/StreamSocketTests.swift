import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Streams: every call has an outcome at once")
struct StreamSocketTests {
    @Test("bytes come as they were sent, and nothing, an end and a reset are told apart")
    func outcomes() throws {
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        #expect(pair.server.read().outcome == .blocked)
        try pair.client.send([1, 2, 3, 4, 5])
        #expect(pair.server.read(2).bytes == [1, 2])
        #expect(pair.server.read(9).bytes == [3, 4, 5])
        #expect(pair.server.read().outcome == .blocked)
        // No room is no end.
        #expect(pair.server.read(0).outcome == .blocked)
        #expect(pair.server.write([6, 7]) == .bytes(2))
        #expect(pair.server.write([]) == .bytes(0))
        #expect(try pair.client.receive(exactly: 2) == [6, 7])
        pair.client.endSending()
        #expect(try pair.server.readAll().isEmpty)
        #expect(pair.server.read().outcome == .ended)
        #expect(pair.server.write([8]) == .bytes(1))
        #expect(try pair.client.receive() == [8])
        pair.client.reset()
        #expect(pair.server.write([9]) == .failed(EPIPE))
        let other = try StreamPair()
        defer { StreamSocket.close(other.server) }
        other.client.reset()
        #expect(other.server.read().outcome == .failed(ECONNRESET))
    }

    @Test("what is peeked at is read again, and behind bytes that are there already")
    func peek() throws {
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(pair.server.peek(into: &buffer) == .blocked)
        try pair.client.send([1, 2, 3])
        #expect(pair.server.peek(into: &buffer) == .bytes(3))
        #expect(buffer == [1, 2, 3, 0, 0, 0, 0, 0])
        #expect(pair.server.peek(into: &buffer) == .bytes(3))
        #expect(pair.server.read(into: &buffer, from: 6) == .bytes(2))
        #expect(buffer == [1, 2, 3, 0, 0, 0, 1, 2])
        #expect(pair.server.read(into: &buffer, from: 8) == .blocked)
        #expect(pair.server.read(into: &buffer, from: 99) == .blocked)
        #expect(pair.server.read(into: &buffer, from: 0) == .bytes(1))
        #expect(buffer.first == 3)
        pair.client.endSending()
        #expect(try pair.server.readAll().isEmpty)
        #expect(pair.server.peek(into: &buffer) == .ended)
    }

    @Test("the end is told behind what was written, and the other direction goes on")
    func endSending() throws {
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        #expect(pair.server.write(bytes) == .bytes(bytes.count))
        StreamSocket.endSending(pair.server)
        #expect(try pair.client.receiveAll() == bytes)
        try pair.client.send([1])
        pair.client.endSending()
        #expect(try pair.server.readAll() == [1])
    }

    @Test("closing delivers what was written, aborting resets")
    func ends() throws {
        let closed = try StreamPair()
        #expect(closed.server.write([1, 2]) == .bytes(2))
        StreamSocket.close(closed.server)
        #expect(try closed.client.receiveAll() == [1, 2])
        let aborted = try StreamPair()
        StreamSocket.abort(aborted.server)
        let failure = #expect(throws: TestClient.Failure.self) { try aborted.client.receive() }
        #expect(failure?.code == ECONNRESET)
    }

    @Test("a connection that goes out is told its address before it begins", arguments: IPAddress.Family.allCases)
    func connect(family: IPAddress.Family) throws {
        let listener = try TCPListener(bindingTo: .loopback(family))
        var told: SocketAddress?
        let stream = try StreamSocket.connect(from: .loopback(family), to: listener.local) { address in
            #expect((try? listener.accept()) == nil)
            told = address
        }
        defer { StreamSocket.close(stream) }
        let accepted = try StreamPair.accept(at: listener.handle)
        defer { StreamSocket.close(accepted) }
        #expect(stream.local == told)
        #expect(accepted.remote == told)
        #expect(stream.remote == listener.local)
        #expect(StreamSocket.connectionError(of: stream) == 0)
        #expect(stream.option(IPPROTO_TCP, TCP_NODELAY) == 1)
        #expect(accepted.write([5]) == .bytes(1))
        StreamSocket.endSending(accepted)
        #expect(try stream.readAll() == [5])
    }

    @Test("what another part of the program takes over is a socket whose calls wait")
    func handOver() throws {
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        #expect(StreamSocket.handOver(pair.server) == pair.server.number)
        #expect(pair.server.flags.file & O_NONBLOCK == 0)
    }
}
