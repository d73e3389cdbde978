import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Bytes that wait: in order, bounded for each connection and in all")
struct StreamBuffersTests {
    /// Bytes that differ from place to place, and by their seed.
    private func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 131 >> 3) }
    }

    @Test("what was put in pieces of any size comes out in order")
    func order() {
        var pool = StreamBuffers(capacity: 1 << 20)
        var buffer = StreamBuffer()
        var all: [UInt8] = []
        for count in [1, 4095, 4096, 4097, 0, 3, 8192, 12_289, 1, 20_000] {
            let bytes = pattern(count, seed: all.count)
            #expect(pool.append(bytes, to: &buffer))
            all += bytes
            #expect(buffer.count == all.count)
        }
        #expect(pool.takeAll(&buffer) == all)
        #expect(buffer.isEmpty)
        #expect(pool.chunksInUse == 0)
    }

    @Test("what would pass the limit is refused whole, and what fits behind it is taken")
    func limit() {
        var pool = StreamBuffers(capacity: 1 << 20)
        var buffer = StreamBuffer()
        #expect(pool.append(pattern(65_000), to: &buffer))
        #expect(!pool.append(pattern(537), to: &buffer))
        #expect(buffer.count == 65_000)
        #expect(pool.append(pattern(536, seed: 65_000), to: &buffer))
        #expect(!pool.append([1], to: &buffer))
        #expect(pool.append([1], to: &buffer, limit: 70_000))
        #expect(!pool.append([1], to: &buffer, limit: 0))
        #expect(pool.takeAll(&buffer) == pattern(65_536) + [1])
    }

    @Test("a pool that is used up refuses, and has room again when others give back")
    func bounded() {
        var pool = StreamBuffers(capacity: 16 * StreamBuffers.chunkSize)
        #expect(pool.capacity == 65_536)
        var buffers = [StreamBuffer](repeating: StreamBuffer(), count: 5)
        for index in 0..<4 { #expect(pool.append(pattern(16_000), to: &buffers[index])) }
        #expect(pool.chunksInUse == 16)
        #expect(!pool.append([1], to: &buffers[4]))
        #expect(buffers[4].isEmpty)
        // There is room in the last chunk of each.
        #expect(pool.append(pattern(384), to: &buffers[0]))
        #expect(!pool.append([1], to: &buffers[0]))
        pool.discard(&buffers[2])
        #expect(buffers[2].isEmpty)
        #expect(pool.chunksInUse == 12)
        #expect(!pool.append(pattern(16_385), to: &buffers[4]))
        #expect(pool.append(pattern(16_384), to: &buffers[4]))
        #expect(pool.takeAll(&buffers[1]) == pattern(16_000))
        #expect(pool.takeAll(&buffers[4]) == pattern(16_384))
        #expect(pool.takeAll(&buffers[0]) == pattern(16_000) + pattern(384))
        #expect(pool.takeAll(&buffers[3]) == pattern(16_000))
        #expect(pool.chunksInUse == 0)
    }

    @Test("ten thousand rounds of many connections take no more chunks than are used at once")
    func reuse() {
        var pool = StreamBuffers(capacity: 24 * StreamBuffers.chunkSize)
        var buffers = [StreamBuffer](repeating: StreamBuffer(), count: 8)
        var expected = [[UInt8]](repeating: [], count: 8)
        for round in 0..<10_000 {
            let index = (round &* 7 &+ round / 5) % 8
            if expected[index].isEmpty || round % 3 == 0, expected[index].count < 8000 {
                let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 1 + round % 3000)
                #expect(pool.append(bytes, to: &buffers[index]))
                expected[index] += bytes
            } else {
                #expect(pool.takeAll(&buffers[index]) == expected[index])
                expected[index] = []
            }
        }
        for index in 0..<8 { #expect(pool.takeAll(&buffers[index]) == expected[index]) }
        #expect(pool.chunksInUse == 0)
    }

    @Test("memory of a great crowd goes back to the host")
    func givenBack() {
        var pool = StreamBuffers(capacity: 64 << 20)
        var buffers = [StreamBuffer](repeating: StreamBuffer(), count: 1000)
        let bytes = pattern(60_000)
        for _ in 0..<2 {
            for index in buffers.indices { #expect(pool.append(bytes, to: &buffers[index])) }
            #expect(pool.residentBytes > 55_000_000)
            for index in buffers.indices { pool.discard(&buffers[index]) }
            #expect(pool.residentBytes <= 2 << 20)
        }
    }

    @Test("a frame that is not whole comes back in front of what is read next")
    func frame() throws {
        var pool = StreamBuffers(capacity: 1 << 20)
        var buffer = StreamBuffer()
        let whole = pattern(9000)
        #expect(pool.append(Array(whole[..<5000]), to: &buffer))
        var room = [UInt8](repeating: 0, count: 9010)
        // As much as there is room for, if there is none at all.
        #expect(pool.take(&buffer, into: &room, from: 9010) == 0)
        #expect(pool.take(&buffer, into: &room, from: 9007) == 3)
        #expect(pool.take(&buffer, into: &room, from: 10) == 4997)
        #expect(pool.take(&buffer, into: &room, from: 0) == 0)
        #expect(Array(room[9007...]) == Array(whole[..<3]))
        #expect(Array(room[10..<5007]) == Array(whole[3..<5000]))
        #expect(pool.chunksInUse == 0)
    }

    @Test("what a socket has no room for waits, and leaves in order when it has")
    func write() throws {
        var pool = StreamBuffers(capacity: 1 << 20)
        var buffer = StreamBuffer()
        let pair = try StreamPair(buffers: 16_384)
        defer { StreamSocket.close(pair.server) }
        #expect(pool.write(&buffer, to: pair.server) == .bytes(0))
        var loop = try EventLoop()
        try loop.watcher.watch(pair.server, token: 0, for: .output)
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        var wasBlocked = 0
        while sent.count < 3_000_000 {
            let bytes = pattern(1 + sent.count % 9001, seed: sent.count)
            if pool.append(bytes, to: &buffer) {
                sent += bytes
                continue
            }
            switch pool.write(&buffer, to: pair.server) {
            case .bytes: #expect(buffer.isEmpty)
            case .blocked:
                #expect(!buffer.isEmpty)
                wasBlocked += 1
                while try loop.wait(timeoutNanoseconds: 0) == 0 { received += try pair.client.receive() }
            case let other: Issue.record("\(other)")
            }
        }
        let reader = Background { [client = pair.client] in try client.receiveAll() }
        while pool.write(&buffer, to: pair.server) == .blocked { _ = try loop.next() }
        StreamSocket.endSending(pair.server)
        received += try reader.value()
        #expect(wasBlocked > 3)
        #expect(received.isSame(as: sent))
        #expect(pool.chunksInUse == 0)
    }

    @Test("a broken connection is told, and what waited can be given back")
    func broken() throws {
        var pool = StreamBuffers(capacity: 1 << 20)
        var buffer = StreamBuffer()
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        pair.client.reset()
        #expect(pool.append([1], to: &buffer))
        #expect(pool.write(&buffer, to: pair.server) == .failed(ECONNRESET))
        #expect(pool.write(&buffer, to: pair.server) == .failed(EPIPE))
        #expect(buffer.count == 1)
        pool.discard(&buffer)
        #expect(pool.chunksInUse == 0)
    }
}
