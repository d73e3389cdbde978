import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("The event loop tells what streams have", .serialized)
struct StreamLoopTests {
    @Test("input shows as long as it waits, and so does the end", arguments: EventLoop.Backend.usable)
    func input(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        try loop.watcher.watch(pair.server, token: 5, for: .input)
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        try pair.client.send([1, 2])
        for _ in 0..<3 { #expect(try loop.next() == [.init(readable: 5)]) }
        #expect(pair.server.read().bytes == [1, 2])
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        pair.client.endSending()
        for _ in 0..<2 { #expect(try loop.next() == [.init(readable: 5)]) }
        #expect(pair.server.read().outcome == .ended)
    }

    @Test("input that is not wanted does not show, and shows again when it is", arguments: EventLoop.Backend.usable)
    func pause(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        try pair.client.send([1])
        for paused: StreamInterest in [.hangUp, []] {
            try loop.watcher.watch(pair.server, token: 5, for: .input)
            #expect(try loop.next() == [.init(readable: 5)])
            try loop.watcher.watch(pair.server, token: 5, for: paused, insteadOf: .input)
            #expect(try loop.wait(timeoutNanoseconds: 1_000_000) == 0)
            try loop.watcher.watch(pair.server, token: 6, for: .input, insteadOf: paused)
            #expect(try loop.next() == [.init(readable: 6)])
            try loop.watcher.watch(pair.server, token: 6, for: [], insteadOf: .input)
        }
        #expect(pair.server.read().bytes == [1])
    }

    @Test("room to write shows while it is wanted, once there is some", arguments: EventLoop.Backend.usable)
    func output(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let pair = try StreamPair(buffers: 65_536)
        defer { StreamSocket.close(pair.server) }
        try loop.watcher.watch(pair.server, token: 5, for: [.input, .output])
        #expect(try loop.next().map(\.isWritable) == [true])
        let bytes = [UInt8](repeating: 1, count: 65_536)
        var written = 0
        while case .bytes(let count) = pair.server.write(bytes) { written += count }
        #expect(pair.server.write(bytes) == .blocked)
        #expect(try loop.wait(timeoutNanoseconds: 1_000_000) == 0)
        #expect(try pair.client.receive(exactly: written).count == written)
        let ready = try loop.next()
        #expect(ready.map(\.isWritable) == [true])
        #expect(ready.map(\.isReadable) == [false])
        #expect(pair.server.write(bytes) == .bytes(bytes.count))
        try loop.watcher.watch(pair.server, token: 5, for: .input, insteadOf: [.input, .output])
        #expect(try loop.wait(timeoutNanoseconds: 1_000_000) == 0)
    }

    @Test("a reset shows whatever is wanted", arguments: EventLoop.Backend.usable)
    func reset(backend: EventLoop.Backend) throws {
        for interest: StreamInterest in [.input, .hangUp] {
            var loop = try EventLoop(backend)
            let pair = try StreamPair()
            defer { StreamSocket.close(pair.server) }
            try loop.watcher.watch(pair.server, token: 5, for: interest)
            pair.client.reset()
            let ready = try #require(try loop.next().first)
            #expect(ready.hasHungUp && ready.hasError)
            #expect(StreamSocket.connectionError(of: pair.server) == ECONNRESET)
            #expect(StreamSocket.connectionError(of: pair.server) == 0)
        }
    }

    @Test(
        "a connection that goes out shows when it is there, and when it is refused",
        arguments: EventLoop.Backend.usable
    )
    func connect(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let listener = try TCPListener(bindingTo: .loopback(0))
        let stream = try StreamSocket.connect(from: .loopback(0), to: listener.local)
        defer { StreamSocket.close(stream) }
        try loop.watcher.watch(stream, token: 1, for: .output)
        #expect(try loop.next().map(\.isWritable) == [true])
        #expect(StreamSocket.connectionError(of: stream) == 0)
        try loop.watcher.watch(stream, token: 1, for: .input, insteadOf: .output)
        let closed = try TCPListener(bindingTo: .loopback(0)).local
        let refused = try StreamSocket.connect(from: .loopback(0), to: closed)
        defer { StreamSocket.close(refused) }
        try loop.watcher.watch(refused, token: 2, for: .output)
        let ready = try #require(try loop.next().first)
        #expect(ready.token == 2 && ready.hasHungUp)
        #expect(StreamSocket.connectionError(of: refused) == ECONNREFUSED)
    }

    @Test("a listener shows until its connections are accepted", arguments: EventLoop.Backend.usable)
    func listener(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let listener = try TCPListener(bindingTo: .loopback(0))
        try loop.watcher.watchConnections(to: listener.handle, token: 9)
        let clients = try (0..<2).map { _ in try TestStream(connectingTo: listener.local) }
        for client in clients {
            #expect(try loop.next() == [.init(readable: 9)])
            let stream = try #require(try listener.accept())
            #expect(stream.remote == client.local)
            StreamSocket.close(stream)
        }
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        let last = try TestStream(connectingTo: listener.local)
        loop.watcher.unwatchConnections(to: listener.handle)
        #expect(try loop.wait(timeoutNanoseconds: 1_000_000) == 0)
        try loop.watcher.watchConnections(to: listener.handle, token: 10)
        #expect(try loop.next() == [.init(readable: 10)])
        withExtendedLifetime(last) {}
    }

    @Test(
        "a stream that is closed ends at once, and its number tells nothing of the next one's stream",
        arguments: EventLoop.Backend.usable
    )
    func closed(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let listener = try TCPListener(bindingTo: .loopback(0))
        for round in 0..<20 {
            let first = try StreamPair(at: listener.handle)
            try loop.watcher.watch(first.server, token: UInt64(round) << 32, for: .input)
            #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
            try first.client.send([1])
            // Its event is found, and not asked for.
            #expect(try loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
            #expect(first.server.read().bytes == [1])
            StreamSocket.close(first.server)
            #expect(try first.client.receive().isEmpty)
            let second = try StreamPair(at: listener.handle)
            defer { StreamSocket.close(second.server) }
            try loop.watcher.watch(second.server, token: UInt64(round) << 32 | 1, for: .input)
            #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
            try second.client.send([2])
            #expect(try loop.next() == [.init(readable: UInt64(round) << 32 | 1)])
        }
    }

    @Test("a stream that is handed over shows in the other loop alone", arguments: EventLoop.Backend.usable)
    func handedOver(backend: EventLoop.Backend) throws {
        var first = try EventLoop(backend)
        var second = try EventLoop(backend)
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        try first.watcher.watch(pair.server, token: 1, for: .input)
        first.watcher.unwatch(pair.server)
        try second.watcher.watch(pair.server, token: 2, for: .input)
        try pair.client.send([1])
        #expect(try second.next() == [.init(readable: 2)])
        #expect(try first.wait(timeoutNanoseconds: 1_000_000) == 0)
    }

    @Test("one of ten thousand shows alone", arguments: EventLoop.Backend.usable)
    func tenThousand(backend: EventLoop.Backend) throws {
        try #require(FileLimit.raise() > 10_500)
        var loop = try EventLoop(backend)
        // The system lets an epoll instance in another one watch the same file 500 times at most.
        let quiet = try (0..<40).map { _ in try StreamPair() }
        let pair = try StreamPair()
        let many = quiet.flatMap { quiet in (0..<250).map { _ in quiet.server.duplicate() } }
        defer { (many + quiet.map(\.server) + [pair.server]).forEach(StreamSocket.close) }
        for (index, stream) in many.enumerated() { try loop.watcher.watch(stream, token: UInt64(index), for: .input) }
        try loop.watcher.watch(pair.server, token: 77_777, for: .input)
        for round in 0..<3 {
            try pair.client.send([UInt8(round)])
            #expect(try loop.next() == [.init(readable: 77_777)])
            #expect(pair.server.read().bytes == [UInt8(round)])
            #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        }
        // More than one wait tells of: each has its turn, also where nobody reads.
        for quiet in quiet { try quiet.client.send([1]) }
        var seen: Set<UInt64> = []
        for _ in 0..<200 where seen.count < many.count { seen.formUnion(try loop.next().map(\.token)) }
        #expect(seen.count == many.count)
    }

    @Test("datagrams and streams show in one turn, and neither is lost or doubled", arguments: EventLoop.Backend.usable)
    func mixed(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        var batch = DatagramBatch(for: loop)
        let relay = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        try loop.watcher.receive(relay, token: 1)
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        try loop.watcher.watch(pair.server, token: 2, for: .input)
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        for round in UInt8(0)..<10 {
            try pair.client.send([round])
            try peer.send([round], to: relay.local)
            var tokens: [UInt64] = []
            for _ in 0..<10 where tokens.count < 2 {
                // Nothing of this is asked for, so all of it must show again, once.
                try loop.wait(timeoutNanoseconds: 5_000_000_000)
                for ready in try loop.next() {
                    var ready = ready
                    tokens.append(ready.token)
                    if ready.token == 2 {
                        #expect(pair.server.read().bytes == [round])
                    } else {
                        #expect(try batch.receive(&ready, from: relay, limit: 16).count == 1)
                        #expect(batch.flush().count == 0)
                        if ready.hasEnded { try loop.watcher.receive(relay, token: 1) }
                    }
                }
            }
            #expect(tokens.sorted() == [1, 2])
            #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        }
        loop.watcher.unwatch(relay, token: 1)
        loop.watcher.submit()
    }
}
