import Addresses
import Administration
import PacketEngine
import STUNCodec
import SecureTransport
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("STUN and TURN over DTLS (RFC 7350), by a real server")
struct LiveDTLSTests {
    @Test("a Binding request over DTLS is answered with the client's address; the same port goes on with plain STUN")
    func binding() async throws {
        for isWildcard in [false, true] {
            let host = try await Self.host("turn: off\nworkers: 2\n", isWildcard: isWildcard)
            // Their sockets stay, or one might get the port of another, which would begin anew then.
            var clients: [DTLSTestClient] = []
            for number in 0..<8 {
                let client = try DTLSTestClient.open(to: host.address())
                clients.append(client)
                #expect(client.peer.version == "DTLSv1.2" && client.peer.serverName == "turn.example.org")
                for turn in 0..<3 {
                    try client.send(Self.binding(UInt8(number * 3 + turn)))
                    #expect(RelayClient.Answer(try client.receive())?.mapped == client.socket.local)
                }
                try client.socket.send(Self.binding(99))
                #expect(RelayClient.Answer(try client.socket.receive())?.mapped == client.socket.local)
            }
            #expect(await Self.sessions(of: host) == clients.count)
        }
    }

    @Test(
        "a whole session: allocation, permission, channel, data both ways of every length up to 67 and up to 16,000, and its end",
        arguments: [1, 4]
    )
    func session(workers: Int) async throws {
        let host = try await Self.host(RelayClient.settings + "workers: \(workers)\n")
        let client = RelayClient(over: try DTLSTestClient.open(to: host.address()))
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.send([4, 5, 6], to: peer.local)
        #expect(try peer.receive() == [4, 5, 6])
        try peer.send([7, 8], to: relayed)
        let indication = try #require(TakenApart(try client.receive(), as: .cookie))
        #expect(indication[0x0013] == [7, 8])
        try client.bind(0x4001, to: peer.local)
        for length in Array(0...67) + [1200, 1500, 16_000] {
            let data = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            try client.send(data, by: 0x4001)
            let (arrived, source) = try peer.receiveFrom()
            #expect(arrived == data && source == relayed)
            try peer.send(data, to: relayed)
            // RFC 8656 section 12.5: without padding.
            #expect(try client.receive() == [0x40, 1] + Wire.bytes(UInt16(length)) + data)
        }
        // One that fits no record is lost, and nothing else.
        try peer.send([UInt8](repeating: 1, count: 20_000), to: relayed)
        try peer.send([2], to: relayed)
        #expect(try client.receive() == [0x40, 1, 0, 1, 2])
        #expect(await Self.dtls(of: host).unsent == 1)
        #expect(await Self.allocations(of: host) == 1)
        try client.release()
        #expect(await Self.allocations(of: host) == 0)
        #expect(await Self.sessions(of: host) == 1)
    }

    @Test("a peer's train arrives as single messages in order, and a client's train of records leaves whole")
    func trains() async throws {
        let host = try await Self.host(RelayClient.settings)
        let session = try DTLSTestClient.open(to: host.address())
        let client = RelayClient(over: session)
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.bind(0x4001, to: peer.local)
        let parts = (0..<20).map { part in [UInt8](repeating: UInt8(part), count: part == 19 ? 77 : 1001) }
        try peer.sendTrain(parts.flatMap(\.self), of: 1001, to: relayed)
        for part in parts {
            #expect(try client.receive() == [0x40, 1] + Wire.bytes(UInt16(part.count)) + part)
        }
        for part in parts { session.peer.say([0x40, 1] + Wire.bytes(UInt16(part.count)) + part) }
        let records = session.peer.takeOutbox()
        try session.socket.sendTrain(records.flatMap(\.self), of: records[0].count)
        for part in parts { #expect(try peer.receive() == part) }
    }

    @Test("several records in one datagram are all taken: requests are answered, and data for peers is relayed")
    func packed() async throws {
        let host = try await Self.host(RelayClient.settings)
        let session = try DTLSTestClient.open(to: host.address())
        let client = RelayClient(over: session)
        try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.bind(0x4001, to: peer.local)
        for number in 0..<10 {
            session.peer.say([0x40, 1, 0, 1, UInt8(number)])
            session.peer.say(Self.binding(UInt8(number)))
        }
        try session.socket.send(session.peer.takeOutbox().flatMap(\.self))
        for number in 0..<10 {
            #expect(try peer.receive() == [UInt8(number)])
            #expect(try session.receive()[8..<20] == Self.binding(UInt8(number))[8..<20])
        }
    }

    @Test("the end of a session ends its allocation at once, frees the port, and the log says why")
    func closed() async throws {
        let range = try RelayRange.free(1)
        let host = try await Self.host(RelayClient.settings + range.setting + "log-level: 7\nworkers: 2\n")
        for _ in 0..<3 {
            let session = try DTLSTestClient.open(to: host.address())
            try RelayClient(over: session).allocate()
            #expect(range.free == 0)
            try session.close()
            try await Self.wait { await Self.allocations(of: host) == 0 }
            // The socket is closed at the end of the turn.
            try await Self.wait { range.free == 1 }
            #expect(await Self.sessions(of: host) == 0)
            // RFC 5246 section 7.2.1: an end is answered.
            session.peer.take(try session.socket.receive())
        }
        try await Self.wait { try await Self.log(of: host).contains("Connection ended: DTLS: the client closed it") }
        #expect(try await Self.log(of: host).contains("ended with the client's connection"))
    }

    @Test("the server repeats its part of a handshake that the client has not got")
    func repeated() async throws {
        let host = try await Self.host("turn: off\n")
        let client = try DTLSTestClient(connectingTo: host.address())
        try client.shakeHandsByHalf()
        // The first flight is lost.
        var lost = try client.socket.receive()
        while !client.socket.hasNothing { lost = try client.socket.receive() }
        #expect(lost[0] == 22)
        try client.shakeHands()
        try client.send(Self.binding(1))
        #expect(RelayClient.Answer(try client.receive())?.isSuccess == true)
    }

    @Test("10,000 hellos without a cookie leave nothing, and a client gets in meanwhile (attacks row 34)")
    func flood() async throws {
        let host = try await Self.host("turn: off\n")
        let hello = try #require(DatagramPeer.client(TestContext.datagramClient()).takeOutbox().first)
        let stranger = try TestClient(connectingTo: host.address())
        var generator = SeededGenerator.announced("LiveDTLSTests.flood")
        var sent: UInt64 = 0
        for _ in 0..<100 {
            for _ in 0..<100 {
                var changed = hello
                changed[30] = .random(in: 0...255, using: &generator)
                try stranger.send(changed)
                sent += 1
            }
            let answer = try stranger.receive()
            #expect(answer.count == 60 && answer[13] == 3)
            while !stranger.hasNothing { _ = try stranger.receive() }
        }
        let client = try DTLSTestClient.open(to: host.address())
        try client.send(Self.binding(1))
        #expect(RelayClient.Answer(try client.receive())?.isSuccess == true)
        // Another worker may have them than the client.
        let asked = sent + 1
        try await Self.wait { await Self.dtls(of: host).asked >= asked }
        let counters = await Self.dtls(of: host)
        #expect(counters.asked == asked && counters.begun == 1)
        #expect(await Self.sessions(of: host) == 1)
    }

    @Test("connections-per-client bounds a client's sessions, and lets the next one in when one has ended")
    func limited() async throws {
        let host = try await Self.host("turn: off\nconnections-per-client: 2\nlog-level: 7\n")
        let first = try DTLSTestClient.open(to: host.address())
        _ = try DTLSTestClient.open(to: host.address())
        let third = try DTLSTestClient(connectingTo: host.address())
        try third.shakeHandsByHalf()
        try await Self.wait { await Self.dtls(of: host).refusedClient == 1 }
        try await Self.wait { try await Self.log(of: host).contains("connections-per-client") }
        #expect(third.socket.hasNothing)
        try first.close()
        try await Self.wait { await Self.sessions(of: host) == 1 }
        #expect(throws: Never.self) { try DTLSTestClient.open(to: host.address(), on: third.socket) }
    }

    @Test("garbage that looks like DTLS is dropped, from strangers and in a session, which goes on")
    func garbage() async throws {
        let host = try await Self.host("turn: off\n")
        let client = try DTLSTestClient.open(to: host.address())
        let stranger = try TestClient(connectingTo: host.address())
        var generator = SeededGenerator.announced("LiveDTLSTests.garbage")
        for first in UInt8(20)...63 {
            for count in [0, 1, 12, 13, 40, 1400] {
                var datagram = [first] + generator.bytes(count)
                if count >= 12, Bool.random(using: &generator) {
                    datagram.replaceSubrange(1..<5, with: [254, 253, 0, .random(in: 0...1, using: &generator)])
                }
                try stranger.send(datagram)
                try client.socket.send(datagram)
            }
        }
        try client.send(Self.binding(1))
        #expect(RelayClient.Answer(try client.receive())?.isSuccess == true)
        try stranger.send(Self.binding(2))
        #expect(RelayClient.Answer(try stranger.receive())?.isSuccess == true)
        #expect(await Self.sessions(of: host) == 1)
        #expect(await Self.dtls(of: host).begun == 1)
    }

    @Test("a client that begins anew from its port ends the old session once the new one is open, and not before")
    func anew() async throws {
        let host = try await Self.host(RelayClient.settings)
        let old = try DTLSTestClient.open(to: host.address())
        let relay = RelayClient(over: old)
        try relay.allocate()
        // Somebody has overheard a hello of its and sends it again: the allocation stays.
        let half = try DTLSTestClient(connectingTo: host.address(), on: old.socket)
        try half.shakeHandsByHalf()
        try await Self.wait { await Self.dtls(of: host).begun == 2 }
        while !old.socket.hasNothing { _ = try old.socket.receive() }
        #expect(try relay.request(0x0004).isSuccess)
        #expect(await Self.allocations(of: host) == 1)
        let new = try DTLSTestClient.open(to: host.address(), on: old.socket)
        try await Self.wait { await Self.allocations(of: host) == 0 }
        try new.send(Self.binding(1))
        #expect(RelayClient.Answer(try new.receive())?.isSuccess == true)
        #expect(await Self.sessions(of: host) == 1)
    }

    @Test("without a certificate nobody new is let in, and sessions that there are go on")
    func withoutCertificate() async throws {
        let host = try await Self.host("turn: off\n")
        let client = try DTLSTestClient.open(to: host.address())
        host.server.pool.adopt(SecureContexts?.none)
        _ = await host.server.pool.reports()
        try client.send(Self.binding(1))
        #expect(RelayClient.Answer(try client.receive())?.isSuccess == true)
        let other = try DTLSTestClient(connectingTo: host.address())
        try other.flush()
        try other.socket.send(Self.binding(2))
        // The hello was before it, and has no answer.
        #expect(RelayClient.Answer(try other.socket.receive())?.isSuccess == true)
        #expect(await Self.dtls(of: host).asked == 1)
    }

    @Test("with dtls: off a hello is no more than a datagram that is not STUN")
    func off() async throws {
        let host = try await Self.host("turn: off\ndtls: off\n")
        let client = try DTLSTestClient(connectingTo: host.address())
        try client.flush()
        try client.socket.send(Self.binding(1))
        #expect(RelayClient.Answer(try client.socket.receive())?.isSuccess == true)
        #expect(await Self.dtls(of: host).asked == 0)
    }

    @Test("CHANGE-REQUEST over DTLS is refused with 420, since an answer can only leave by the session")
    func changeRequest() async throws {
        let host = try await Self.host("turn: off\n")
        let client = try DTLSTestClient.open(to: host.address())
        try client.send(Wire.message(0x0001, as: .cookie, id: Self.id(1), [.init(0x0003, [0, 0, 0, 2])]))
        #expect(RelayClient.Answer(try client.receive())?.code == 420)
    }

    @Test("a server that stops tells its clients that the sessions end")
    func stopped() async throws {
        let host = try await Self.host("turn: off\n")
        let client = try DTLSTestClient.open(to: host.address())
        host.server.stop()
        client.peer.take(try client.socket.receive())
        #expect(client.peer.state == .closed)
    }

    // MARK: Helpers

    /// A server whose workers have a certificate.
    private static func host(_ settings: String, isWildcard: Bool = false) async throws -> ServerUnderTest {
        let host = try ServerUnderTest(settings, isWildcard: isWildcard)
        host.server.pool.adopt(
            SecureContexts(stream: try TestContext.server(), datagram: try TestContext.datagramServer())
        )
        // Each worker answers after it has read what came before.
        _ = await host.server.pool.reports()
        return host
    }

    private static func sessions(of host: ServerUnderTest) async -> Int {
        await host.server.pool.reports().reduce(0) { $0 + $1.dtlsCount }
    }

    private static func allocations(of host: ServerUnderTest) async -> Int {
        await host.server.pool.reports().reduce(0) { $0 + $1.sessionCount }
    }

    private static func dtls(of host: ServerUnderTest) async -> DTLSCounters {
        PoolTotals(await host.server.pool.reports()).dtls
    }

    private static func log(of host: ServerUnderTest) async throws -> String {
        try await host.server.log(LogQuery()).lines.joined(separator: "\n")
    }

    /// Waits until something holds, at most 10 s.
    private static func wait(until holds: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not come to hold within 10 s")
    }

    private static func binding(_ number: UInt8) -> [UInt8] { Wire.message(0x0001, as: .cookie, id: id(number), []) }

    private static func id(_ number: UInt8) -> [UInt8] {
        [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 0, count: 11) + [number]
    }
}
