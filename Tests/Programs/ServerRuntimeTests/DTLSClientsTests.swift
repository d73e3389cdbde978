// Unsafe: spans over arrays of bytes count as unsafe.

import Addresses
import Observability
import PacketEngine
import SecureTransport
import ServerCore
import ServerSettings
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("DTLS sessions of a worker, by an integer clock")
struct DTLSClientsTests {
    private static let second: UInt64 = 1_000_000_000
    private static let begin = 1000 * second
    private static let one = SocketAddress(IPAddress(v4: 0x0A00_0001), port: 5000)
    private static let two = SocketAddress(IPAddress(v4: 0x0A00_0002), port: 5000)

    @Test("a hello without a cookie leaves nothing, and one with a cookie begins a session")
    func begins() throws {
        var bench = try DTLSBench(now: Self.begin)
        let client = try DatagramPeer.client(TestContext.datagramClient())
        bench.take(client.takeOutbox(), from: Self.one)
        #expect(bench.clients.count == 0 && bench.clients.nextDeadline == .max)
        #expect(bench.clients.counters.asked == 1)
        #expect(try bench.connect(Self.one).state == .open)
        #expect(bench.clients.count == 1 && bench.clients.counters.opened == 1)
    }

    @Test("half a handshake is given up after 30 s and not before, whatever it says meanwhile")
    func halfHandshake() throws {
        var bench = try DTLSBench(now: Self.begin)
        let client = try bench.half(Self.one)
        #expect(bench.clients.count == 1 && bench.clients.nextDeadline <= Self.begin + 2 * Self.second)
        bench.now = Self.begin + 29 * Self.second
        // A record that means nothing.
        bench.take([[22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 16] + [UInt8](repeating: 7, count: 16)], from: Self.one)
        // Those that wait are looked at twenty times a second.
        #expect(bench.ticked(at: Self.begin + 30 * Self.second - 100_000_000).isEmpty)
        #expect(bench.ticked(at: Self.begin + 30 * Self.second) == [.tooSlow])
        #expect(bench.clients.count == 0)
        // The place is free, and a late flight is nobody's.
        bench.take(client.takeOutbox(), from: Self.one)
        #expect(bench.clients.count == 0)
        #expect(try bench.connect(Self.one).state == .open)
    }

    @Test("a session that says nothing for five minutes ends and is told so, unless an allocation needs it")
    func idle() throws {
        var bench = try DTLSBench(now: Self.begin)
        let client = try bench.connect(Self.one)
        bench.now = Self.begin + 100 * Self.second
        client.say([1, 2, 3])
        bench.take(client.takeOutbox(), from: Self.one)
        #expect(bench.messages == [[1, 2, 3]])
        let end = Self.begin + 400 * Self.second
        #expect(bench.swept(at: end - 1).isEmpty)
        #expect(bench.swept(at: end, isNeeded: true).isEmpty)
        bench.answers.removeAll()
        #expect(bench.swept(at: end) == [.idle])
        bench.answers.forEach(client.take)
        #expect(client.state == .closed)
        #expect(bench.clients.count == 0 && bench.clients.nextDeadline == .max)
    }

    @Test("what is no record of the session's does not keep it from being idle")
    func forged() throws {
        var bench = try DTLSBench(now: Self.begin)
        _ = try bench.connect(Self.one)
        bench.now = Self.begin + 299 * Self.second
        bench.take([[23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 30] + [UInt8](repeating: 7, count: 30)], from: Self.one)
        #expect(bench.swept(at: Self.begin + 300 * Self.second) == [.idle])
    }

    @Test("limits hold for half handshakes too, and each that ends makes room")
    func limits() throws {
        var bench = try DTLSBench(now: Self.begin) {
            $0.connectionsPerClient = 2
            $0.maxConnections = 3
        }
        func at(_ port: UInt16, _ address: SocketAddress = Self.one) -> SocketAddress {
            SocketAddress(address.address, port: port)
        }
        _ = try bench.half(at(1))
        _ = try bench.half(at(2))
        _ = try bench.half(at(3))
        #expect(bench.clients.count == 2 && bench.clients.counters.refusedClient == 1)
        _ = try bench.half(at(1, Self.two))
        _ = try bench.half(at(2, Self.two))
        #expect(bench.clients.count == 3 && bench.clients.counters.refusedTotal == 1)
        #expect(bench.ticked(at: Self.begin + 30 * Self.second).count == 3)
        #expect(bench.limits.count == 0)
        #expect(try bench.connect(at(3)).state == .open)
    }

    @Test("a client that tries again before its handshake is over takes its own place, not another")
    func again() throws {
        var bench = try DTLSBench(now: Self.begin) { $0.connectionsPerClient = 1 }
        for _ in 0..<5 { _ = try bench.half(Self.one) }
        #expect(bench.clients.count == 1 && bench.clients.counters.begun == 5)
        #expect(try bench.connect(Self.one).state == .open)
        #expect(bench.clients.count == 1)
    }

    @Test(
        "a new handshake leaves an open session alone until it is over, and goes when it is not (RFC 6347 section 4.2.8)"
    )
    func anew() throws {
        var bench = try DTLSBench(now: Self.begin)
        let old = try bench.connect(Self.one)
        _ = try bench.half(Self.one)
        #expect(bench.clients.count == 2)
        old.say([1])
        bench.take(old.takeOutbox(), from: Self.one)
        #expect(bench.messages == [[1]])
        #expect(bench.ticked(at: Self.begin + 30 * Self.second) == [.tooSlow])
        old.say([2])
        bench.take(old.takeOutbox(), from: Self.one)
        let new = try bench.connect(Self.one)
        #expect(bench.ends() == [.replaced])
        new.say([3])
        bench.take(new.takeOutbox(), from: Self.one)
        #expect(bench.messages == [[1], [2], [3]])
        #expect(bench.clients.count == 1 && bench.limits.count == 1)
    }

    @Test("when the old session ends first, the new one has the 5-tuple")
    func oldEndsFirst() throws {
        var bench = try DTLSBench(now: Self.begin)
        let old = try bench.connect(Self.one)
        let new = try DatagramPeer.client(TestContext.datagramClient())
        bench.exchange(new, Self.one, rounds: 2)
        old.close()
        bench.take(old.takeOutbox(), from: Self.one)
        #expect(bench.ends() == [.byClient])
        bench.exchange(new, Self.one)
        #expect(new.state == .open && bench.clients.count == 1)
    }

    @Test("so many handshakes begin in a turn, and who was put off gets in by asking again")
    func turn() throws {
        var bench = try DTLSBench(now: Self.begin)
        bench.beginsTurns = false
        let most = DTLSClients.handshakesInTurn
        for number in 0...most { _ = try bench.half(SocketAddress(Self.one.address, port: UInt16(1 + number))) }
        #expect(bench.clients.count == most && bench.clients.counters.postponed == 1)
        bench.beginsTurns = true
        #expect(try bench.connect(SocketAddress(Self.one.address, port: UInt16(1 + most))).state == .open)
    }

    @Test("a 5-tuple is told by both its ends")
    func fiveTuple() throws {
        var bench = try DTLSBench(now: Self.begin)
        let first = try bench.connect(Self.one)
        bench.server = SocketAddress(IPAddress(v4: 0x7F00_0002), port: 3478)
        let second = try bench.connect(Self.one)
        #expect(bench.clients.count == 2)
        second.say([2])
        bench.take(second.takeOutbox(), from: Self.one)
        bench.server = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 3478)
        first.say([1])
        bench.take(first.takeOutbox(), from: Self.one)
        #expect(bench.messages == [[2], [1]])
    }

    @Test("the table of 5-tuples finds what was put in and not what was taken out, however it grew")
    func table() {
        var generator = SeededGenerator.announced("DTLSClientsTests.table")
        var table = DTLSTable()
        var model: [UInt16: Int] = [:]
        func key(_ port: UInt16) -> DTLSTable.Key {
            let client = SocketAddress(IPAddress(v4: 0x0A00_0001), port: port)
            return DTLSTable.Key(ClientFlow(source: client, destination: Self.two, role: .primaryPrimary))
        }
        for number in 0..<20_000 {
            let port = UInt16.random(in: 0..<2000, using: &generator)
            if Bool.random(using: &generator) {
                table.set(key(port), number)
                model[port] = number
            } else {
                table.remove(key(port))
                model[port] = nil
            }
            #expect(table.count == model.count)
        }
        for port in 0..<UInt16(2000) { #expect(table[key(port)] == model[port]) }
    }
}

/// The DTLS clients of a worker without the worker.
private struct DTLSBench: ~Copyable {
    var clients: DTLSClients
    let limits: ConnectionLimits
    /// What was sent.
    var answers: [[UInt8]] = []
    /// What the clients have said.
    var messages: [[UInt8]] = []
    var now: UInt64
    /// Whether all that is taken at once is a turn of its own.
    var beginsTurns = true
    var server = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 3478)
    private var batch = DatagramBatch()
    private var events: WorkerEvents

    init(now: UInt64, _ change: (inout Settings) -> Void = { _ in }) throws {
        self.now = now
        let log = EventLog(level: LogLevelSwitch(.notice))
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing(slots: 4)
        let facts = pump.makeRing(of: RelayFact.self) { _ in nil }
        events = WorkerEvents(WorkerEvents.Source(ring: ring, facts: facts, levels: log.levelSwitch))
        var settings = Settings()
        change(&settings)
        limits = ConnectionLimits(settings, files: FileBudget())
        var generator = SystemRandomNumberGenerator()
        clients = DTLSClients(limits: limits, cookie: DatagramCookie(drawing: &generator))
        clients.adopt(try TestContext.datagramServer())
    }

    /// Does what a worker does with datagrams, but for deciding on messages.
    mutating func take(_ datagrams: [[UInt8]], from source: SocketAddress) {
        let flow = ClientFlow(source: source, destination: server, role: .primaryPrimary)
        if beginsTurns { clients.beginTurn() }
        for datagram in datagrams {
            clients.makeRoom(in: &batch)
            switch unsafe clients.find(datagram.span.bytes, from: flow, now: now) {
            case .stranger, .done: break
            case .client(let row): take(datagram, row)
            case .proven(let hello):
                if let row = clients.begin(hello, from: flow, now: now, telling: &events) { take(datagram, row) }
            }
            gather()
        }
    }

    private mutating func take(_ datagram: [UInt8], _ row: Int) {
        var arrival = unsafe clients.take(datagram.span.bytes, of: row, now: now)
        while arrival.count > 0 {
            messages.append(Self.message(arrival.count, of: &clients))
            guard arrival.isUnfinished else { break }
            arrival = clients.take(RawSpan(), of: row, now: now)
        }
    }

    private mutating func gather() {
        for sending in clients.sendings {
            answers.append(Self.bytes(sending.range, of: &clients.output))
        }
        clients.queue(by: [], &batch)
    }

    private static func message(_ count: Int, of clients: inout DTLSClients) -> [UInt8] {
        let message = clients.message(count)
        return unsafe message.withUnsafeBytes { unsafe Array($0) }
    }

    private static func bytes(_ range: Range<Int>, of output: inout DatagramOutput) -> [UInt8] {
        let bytes = output.bytes(range)
        return unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }

    /// Carries datagrams both ways until both are silent, or so many times.
    mutating func exchange(_ client: DatagramPeer, _ source: SocketAddress, rounds: Int = 20) {
        answers.removeAll()
        for _ in 0..<rounds {
            take(client.takeOutbox(), from: source)
            answers.forEach(client.take)
            answers.removeAll()
        }
    }

    /// A client whose session is open.
    mutating func connect(_ source: SocketAddress) throws -> DatagramPeer {
        let client = try DatagramPeer.client(TestContext.datagramClient())
        exchange(client, source)
        return client
    }

    /// A client that has proven its address and says nothing more for now.
    mutating func half(_ source: SocketAddress) throws -> DatagramPeer {
        let client = try DatagramPeer.client(TestContext.datagramClient())
        exchange(client, source, rounds: 2)
        return client
    }

    mutating func ends() -> [DTLSClient.End] {
        var ends: [DTLSClient.End] = []
        while let ended = clients.nextEnded() { ends.append(ended.end) }
        return ends
    }

    /// Which sessions end at a moment because their handshakes take too long.
    mutating func ticked(at now: UInt64) -> [DTLSClient.End] {
        self.now = now
        if clients.isTickDue(now) {
            for place in (0..<clients.handshakeCount).reversed() {
                clients.makeRoom(in: &batch)
                clients.tick(place, now: now)
                gather()
            }
            clients.endTicks(now: now)
        }
        return ends()
    }

    /// Which sessions end at a moment because nothing comes.
    mutating func swept(at now: UInt64, isNeeded: Bool = false) -> [DTLSClient.End] {
        self.now = now
        clients.makeRoom(DTLSClients.roomForAll, in: &batch)
        clients.sweep(now: now) { _ in isNeeded }
        gather()
        return ends()
    }
}
