import Addresses
import Administration
import Glibc
import Observability
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore
import ServerSettings
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Time limits of a client's connection, by an integer clock")
struct StreamsTests {
    private static let second: UInt64 = 1_000_000_000
    private static let begin = 100 * second

    @Test("who says nothing is closed after 10 s, and not before")
    func silent() throws {
        var bench = try StreamBench(now: Self.begin)
        let client = try bench.connect()
        #expect(bench.swept(at: Self.begin + 10 * Self.second - 1).isEmpty)
        #expect(bench.swept(at: Self.begin + 10 * Self.second) == [.tooSlow])
        #expect(client.ends())
    }

    @Test("of many who say nothing 32 are closed at a time, so that calls do not wait, and all of them in the end")
    func manySilent() throws {
        var bench = try StreamBench(now: Self.begin)
        let clients = try (1...60).map { try bench.connect(as: $0) }
        #expect(bench.sweptOnce(at: Self.begin + 10 * Self.second) == .init(repeating: .tooSlow, count: 32))
        #expect(bench.sweptOnce(at: Self.begin + 10 * Self.second) == .init(repeating: .tooSlow, count: 28))
        for client in clients { #expect(client.ends()) }
    }

    @Test("who begins a message and does not end it is closed 30 s later, however often one more byte comes")
    func halfFrame() throws {
        var bench = try StreamBench(now: Self.begin)
        let client = try bench.connect()
        let request = Wire.message(
            0x0001,
            as: .cookie,
            id: [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 1, count: 12),
            []
        )
        for (index, byte) in request.dropLast().enumerated() {
            try client.send([byte])
            try bench.serve(at: Self.begin + UInt64(index) * Self.second)
        }
        #expect(bench.swept(at: Self.begin + 30 * Self.second - 1).isEmpty)
        #expect(bench.swept(at: Self.begin + 30 * Self.second) == [.tooSlow])
        #expect(client.ends())
    }

    @Test("a hello with very much behind it that is no TLS fails as TLS, and takes no more than there is room for")
    func longHello() throws {
        let certificate = TestCertificate.usual
        let context = try TLSContext(server: .stream, chain: certificate.chain, key: certificate.key)
        let hello = try LiveWebTests.hello("turn.example.org", [])
        for first in [1, 100] {
            var settings = Settings()
            settings.webTLSServer = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 1)
            var bench = try StreamBench(now: Self.begin, settings: settings, context: context)
            let client = try bench.connect()
            try client.send(Array(hello[..<first]))
            try bench.serve(at: Self.begin)
            let rest = Array(hello[first...]) + [UInt8](repeating: 22, count: 400_000)
            var sent = 0
            // As much as the system takes, so that one read finds it.
            while true {
                let count = try client.sendSome(rest[sent...])
                sent += count
                if count == 0 || sent == rest.count { break }
            }
            #expect(sent > 200_000)
            for _ in 0..<20 { try bench.serve(at: Self.begin) }
            #expect(bench.swept(at: Self.begin) == [.tlsFailed])
        }
    }

    @Test("who has said nothing for five minutes is closed, unless an allocation needs the connection")
    func idle() throws {
        for isNeeded in [true, false] {
            var bench = try StreamBench(now: Self.begin)
            let client = try bench.connect()
            try client.send(
                Wire.message(0x0001, as: .cookie, id: [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 1, count: 12), [])
            )
            try bench.serve(at: Self.begin + Self.second)
            let end = Self.begin + 301 * Self.second
            #expect(bench.swept(at: end - 1, isNeeded: isNeeded).isEmpty)
            #expect(bench.swept(at: end, isNeeded: isNeeded) == (isNeeded ? [] : [.idle]))
        }
    }
}

/// The streams of a worker without the worker.
private struct StreamBench: ~Copyable {
    private let listener: TCPListener
    private var loop: EventLoop
    private var streams: Streams
    private var batch: DatagramBatch
    private var events: WorkerEvents
    private let now: UInt64

    init(now: UInt64, settings: Settings = Settings(), context: TLSContext? = nil) throws {
        self.now = now
        let log = EventLog(level: LogLevelSwitch(.notice))
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing(slots: 4)
        let facts = pump.makeRing(of: RelayFact.self) { _ in nil }
        let opened = try TCPListener(bindingTo: .loopback(0))
        // What clients send waits in the system until it is read, more than is read at a time.
        opened.handle.setOption(SOL_SOCKET, SO_RCVBUF, 1 << 20)
        let waiting = try EventLoop()
        let shared = StreamsShared(
            limits: ConnectionLimits(Settings(), files: FileBudget()),
            fleet: FleetDoor(),
            rules: StreamRules(settings),
            console: ConsoleDoor()
        )
        var served = try Streams([opened], sharing: shared, watchedBy: waiting.watcher)
        served.tls.context = context
        listener = opened
        streams = served
        batch = DatagramBatch(for: waiting)
        loop = waiting
        events = WorkerEvents(WorkerEvents.Source(ring: ring, facts: facts, levels: log.levelSwitch))
    }

    /// A client whose connection has been accepted.
    mutating func connect(as number: Int = 1) throws -> TestStream {
        let client = try TestStream(connectingTo: listener.local)
        for _ in 0..<500 where streams.count < number { try serve(at: now) }
        #expect(streams.count == number)
        return client
    }

    /// Does what a worker does with what is ready, but for deciding on frames.
    mutating func serve(at now: UInt64) throws {
        for ready in try loop.next(within: 100_000_000) {
            guard let index = streams.index(of: ready.token) else {
                try streams.accept(ready.token, now: now, telling: &events)
                continue
            }
            streams.read(index, now: now)
            if streams.wantsTLS(index) { streams.beginTLS(index) }
            while streams.nextFrame(index, into: &batch, now: now) != nil {}
            streams.endReading(index, now: now)
            _ = batch.flush()
        }
    }

    /// Why the connections that are closed at a moment are.
    mutating func swept(at now: UInt64, isNeeded: Bool = false) -> [StreamConnection.End] {
        while !streams.sweep(now: now, isNeeded: { _ in isNeeded }) {}
        return takeEnds()
    }

    /// The same of those that a turn closes.
    mutating func sweptOnce(at now: UInt64) -> [StreamConnection.End] {
        _ = streams.sweep(now: now) { _ in false }
        return takeEnds()
    }

    private mutating func takeEnds() -> [StreamConnection.End] {
        var ends: [StreamConnection.End] = []
        while let ended = streams.nextEnded() { ends.append(ended.end) }
        return ends
    }
}
