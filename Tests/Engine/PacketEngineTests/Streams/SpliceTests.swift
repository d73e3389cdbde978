import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("RFC 6062 section 4.5: bytes go both ways unchanged", .serialized)
struct SpliceTests {
    /// A back end, and how many pipes there are: with none bytes are copied.
    struct Way: CustomTestStringConvertible, Sendable {
        let backend: EventLoop.Backend
        let pipes: Int
        static let all = EventLoop.Backend.usable.flatMap { backend in
            [0, 1, 64].map { Way(backend: backend, pipes: $0) }
        }
        var testDescription: String { "\(backend.rawValue), \(pipes) pipes" }
    }

    /// Two clients whose streams are joined.
    private struct Joined: ~Copyable {
        var loop: EventLoop
        var pipes: SplicePipes
        var splice: Splice
        let near: TestStream
        let far: TestStream
        var events = 0

        init(_ way: Way, buffers: Int32? = nil) throws {
            let (one, other) = (try StreamPair(buffers: buffers), try StreamPair(buffers: buffers))
            loop = try EventLoop(way.backend)
            pipes = SplicePipes(limit: way.pipes)
            splice = Splice(one.server, other.server)
            near = one.client
            far = other.client
        }

        /// Serves events until the splice is over or none comes for so long; nil then.
        mutating func run(until silence: UInt64 = 5_000_000_000, budget: Int = 262_144) throws -> Splice.Progress? {
            if events == 0 {
                let progress = splice.start(by: &pipes)
                guard case .going = progress else { return progress }
            }
            while true {
                try splice.watch(by: loop.watcher, tokens: (1, 2))
                let found = try loop.next(within: silence)
                guard !found.isEmpty else { return nil }
                for ready in found {
                    events += 1
                    let progress = splice.serve(ready.token == 1 ? .one : .other, ready, budget: budget, by: &pipes)
                    guard case .going = progress else { return progress }
                }
            }
        }

        mutating func close(aborting: Bool = false) { splice.close(by: &pipes, aborting: aborting) }
    }

    private static let content: [UInt8] = {
        let piece = (0..<65_521).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) }
        var all: [UInt8] = []
        while all.count < 20 << 20 { all += piece }
        return Array(all.prefix(20 << 20))
    }()

    @Test("20 MB each way at once arrive whole and in order", arguments: Way.all)
    func bulk(way: Way) throws {
        var joined = try Joined(way)
        let content = Self.content
        let ends = [joined.near, joined.far]
        let senders = ends.map { end in
            Background {
                try end.send(content)
                end.endSending()
            }
        }
        let receivers = ends.map { end in Background { try end.receiveAll() } }
        let progress = try joined.run()
        guard case .finished = progress else { throw TestClient.Failure(code: EPROTO) }
        #expect(joined.pipes.pipesInUse == 0)
        joined.close()
        for sender in senders { try sender.value() }
        for receiver in receivers {
            let received = try receiver.value()
            #expect(received.isSame(as: content))
        }
    }

    @Test("while it is paused nothing moves either way, and afterwards nothing is missing", arguments: Way.all)
    func paused(way: Way) throws {
        var joined = try Joined(way)
        joined.splice.isPaused = true
        try joined.near.send([1, 2])
        try joined.far.send([3])
        #expect(try joined.run(until: 5_000_000) == nil)
        #expect(joined.splice.moved(from: .one) == 0 && joined.splice.moved(from: .other) == 0)
        joined.splice.isPaused = false
        #expect(try joined.run(until: 5_000_000) == nil)
        #expect(joined.splice.moved(from: .one) == 2 && joined.splice.moved(from: .other) == 1)
        #expect(try joined.far.receive() == [1, 2])
        #expect(try joined.near.receive() == [3])
        joined.close()
    }

    @Test("who does not read slows the sender down, and everything comes in the end", arguments: Way.all)
    func slowReader(way: Way) throws {
        var joined = try Joined(way, buffers: 65_536)
        let content = Self.content
        var (sent, received) = (0, [UInt8]())
        received.reserveCapacity(content.count)
        var mostHeld = 0
        while received.count < content.count {
            // The sender sends until nothing moves any more.
            var moved = -1
            while moved != sent {
                moved = sent
                while sent < content.count {
                    let count = try joined.near.sendSome(content[sent..<min(content.count, sent + 65_536)])
                    guard count > 0 else { break }
                    sent += count
                }
                if sent == content.count { joined.near.endSending() }
                let progress = try joined.run(until: 2_000_000)
                try #require(progress == nil)
            }
            mostHeld = max(mostHeld, sent - received.count)
            #expect(joined.pipes.pipesInUse <= 1)
            // Then as much is read as the system has for the reader.
            while let part = try? joined.far.receive(waits: false), !part.isEmpty { received += part }
        }
        #expect(received.isSame(as: content))
        // Buffers of four sockets and a pipe.
        #expect(mostHeld > 65_536)
        #expect(mostHeld < 2 << 20)
        joined.far.endSending()
        guard case .finished = try joined.run() else { throw TestClient.Failure(code: EPROTO) }
        #expect(joined.pipes.pipesInUse == 0)
        joined.close()
    }

    @Test("the end of one side is told behind its bytes, and the other side goes on", arguments: Way.all)
    func halfClose(way: Way) throws {
        var joined = try Joined(way)
        try joined.near.send([1, 2, 3])
        joined.near.endSending()
        #expect(try joined.run(until: 2_000_000) == nil)
        #expect(try joined.far.receiveAll() == [1, 2, 3])
        for round in UInt8(0)..<3 {
            try joined.far.send([round, 7])
            #expect(try joined.run(until: 2_000_000) == nil)
            #expect(try joined.near.receive(exactly: 2) == [round, 7])
        }
        try joined.far.send([9])
        joined.far.endSending()
        #expect(try joined.run() == .finished(1))
        joined.close()
        #expect(try joined.near.receiveAll() == [9])
    }

    @Test("what has come before the streams are joined is moved as well, ends included", arguments: Way.all)
    func early(way: Way) throws {
        var joined = try Joined(way)
        try joined.near.send([1])
        try joined.far.send([2, 3])
        joined.near.endSending()
        joined.far.endSending()
        #expect(try joined.run() == .finished(3))
        joined.close()
        #expect(try joined.near.receiveAll() == [2, 3])
        #expect(try joined.far.receiveAll() == [1])
    }

    @Test("both have ended and one does not read: no event shows until it does", arguments: Way.all)
    func endedAndSlow(way: Way) throws {
        var joined = try Joined(way, buffers: 65_536)
        joined.far.endSending()
        #expect(try joined.run(until: 2_000_000) == nil)
        #expect(try joined.near.receiveAll().isEmpty)
        let content = Array(Self.content.prefix(1 << 20))
        var sent = 0
        var received: [UInt8] = []
        while received.count < content.count {
            while sent < content.count {
                let count = try joined.near.sendSome(content[sent..<min(content.count, sent + 65_536)])
                guard count > 0 else { break }
                sent += count
                if sent == content.count { joined.near.endSending() }
            }
            let before = joined.events
            if try joined.run(until: 2_000_000) != nil { break }
            // It has fallen silent by itself, after as many events as there was something to move.
            #expect(joined.events - before < 1000)
            while let part = try? joined.far.receive(waits: false), !part.isEmpty { received += part }
        }
        joined.close()
        received += try joined.far.receiveAll()
        #expect(received.isSame(as: content))
    }

    @Test("a reset of one side ends both", arguments: Way.all)
    func reset(way: Way) throws {
        for side in Splice.Side.allCases {
            var joined = try Joined(way)
            try joined.near.send([1])
            #expect(try joined.run(until: 2_000_000) == nil)
            #expect(try joined.far.receive() == [1])
            let (gone, left) = side == .one ? (joined.near, joined.far) : (joined.far, joined.near)
            gone.reset()
            #expect(try joined.run() == .failed(side, ECONNRESET))
            joined.close(aborting: true)
            let failure = #expect(throws: TestClient.Failure.self) { try left.receive() }
            #expect(failure?.code == ECONNRESET)
            #expect(joined.pipes.pipesInUse == 0)
        }
    }

    @Test("a reset is noticed while the other side does not read, and frees what was held", arguments: Way.all)
    func resetWhileBlocked(way: Way) throws {
        for side in Splice.Side.allCases {
            var joined = try Joined(way, buffers: 16_384)
            let piece = [UInt8](repeating: 5, count: 65_536)
            var moved = true
            while moved {
                moved = false
                while try joined.near.sendSome(piece[...]) > 0 { moved = true }
                let progress = try joined.run(until: 2_000_000)
                try #require(progress == nil)
            }
            (side == .one ? joined.near : joined.far).reset()
            let progress = try joined.run()
            guard case .failed(side, _) = progress else {
                Issue.record("\(String(describing: progress)) after a reset of \(side)")
                continue
            }
            joined.close(aborting: true)
            #expect(joined.pipes.pipesInUse == 0)
        }
    }

    @Test("one move takes no more than its budget, about", arguments: Way.all)
    func budget(way: Way) throws {
        var joined = try Joined(way)
        let content = Array(Self.content.prefix(400_000))
        let sender = Background { [near = joined.near] in try near.send(content) }
        var received: [UInt8] = []
        while received.count < content.count {
            try joined.splice.watch(by: joined.loop.watcher, tokens: (1, 2))
            for ready in try joined.loop.next() where ready.token == 1 {
                let progress = joined.splice.serve(.one, ready, budget: 10_000, by: &joined.pipes)
                guard case .going(let moved) = progress else { throw TestClient.Failure(code: EPROTO) }
                #expect(moved < 10_000 + SplicePipes.moveSize)
                received += try joined.far.receive(exactly: moved)
            }
        }
        try sender.value()
        #expect(received == content)
        joined.close()
    }
}
