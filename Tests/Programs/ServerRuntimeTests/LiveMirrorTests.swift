import Addresses
import Administration
import Observability
import STUNCodec
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Mirrors of a real server, on loopback (draft-rosenberg-midcom-turn-00)")
struct LiveMirrorTests {
    private static let settings = "mirror: on\nmirror-clients: 127.0.0.0/8\nallow-peers: 127.0.0.0/8\nlog-level: 7\n"
    private static let allocate = Wire.message(0x0002, as: .rosenberg)

    @Test(
        "a client gets a port, the first that sends there is its peer, and both exchange what they like",
        arguments: [false, true]
    )
    func exchange(isWildcard: Bool) async throws {
        let range = try RelayRange.free(8)
        let settings = Self.settings + range.setting + "workers: 2\nrelay-address: 127.0.0.1\n"
        let host = try ServerUnderTest(settings, isWildcard: isWildcard)
        // DTLS of the client is its peer's too, and not the server's.
        await host.adopt(.usual)
        let client = try TestClient(connectingTo: host.address())
        let port = try Self.allocate(client)
        #expect(range.contains(port.port))
        let (peer, thief) = (try TestClient(bindingTo: .loopback(0)), try TestClient(bindingTo: .loopback(0)))
        try peer.send([0x80, 1], to: port)
        #expect(try client.receive() == [0x80, 1])
        try thief.send([9], to: port)
        let hello = [22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0] as [UInt8]
        for data in [[1], [], hello, Self.allocate, [UInt8](repeating: 7, count: 1400)] as [[UInt8]] {
            try client.send(data)
            let received = try peer.receiveFrom()
            #expect(received.bytes == data && received.source == port)
            try peer.send(data, to: port)
            #expect(try client.receive() == data)
        }
        #expect(client.hasNothing && thief.hasNothing)
        #expect(try await host.counter("drops-no-permission", reaching: 1) == 1)
        #expect(try await host.counter("mirrors-turn-00") == 1)
        let row = try #require(try await host.server.sessions(SessionsQuery()).rows.first)
        #expect(row.user == "(mirror)" && row.realm == "turn-00" && row.permissions.map(\.address) == ["127.0.0.1"])
        #expect(try await host.server.disconnect(.user("(mirror)")) == 1)
        #expect(try await range.becomesFree(8))
        // The log's thread reads what the worker tells.
        func codes() -> [UInt16] { host.server.log.history.entries.map(\.code.rawValue) }
        for _ in 0..<1500 where !codes().contains(1021) { try await Task.sleep(for: .milliseconds(20)) }
        #expect([1012, 1007, 1021].allSatisfy(codes().contains), "\(codes())")
        let source = try #require(try await host.server.statistics(StatisticsQuery()).rows.first)
        #expect(source.mirrorSetup == 1 && source.mirrorForwards == 11)
    }

    @Test("a session of DTLS goes on where somebody else gets a mirror in its client's name, and a peer for it")
    func sessionFirst() async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let client = try DTLSTestClient.open(to: host.address())
        let request = Wire.message(
            0x0001,
            as: .cookie,
            id: [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 1, count: 12)
        )
        // As one that was forged comes, from the client's address.
        let port = try Self.allocate(client.socket)
        let peer = try TestClient(bindingTo: .loopback(0))
        try peer.send([1], to: port)
        #expect(try client.socket.receive() == [1])
        try client.send(request)
        #expect(RelayClient.Answer(try client.receive())?.mapped == client.socket.local)
        #expect(peer.hasNothing)
    }

    @Test(
        "the manual's way: the client asks the port, learns its own address there, and data goes that way, in trains too"
    )
    func askedPort() throws {
        let host = try ServerUnderTest(Self.settings + "workers: 2\n")
        let client = try TestClient(bindingTo: .loopback(0))
        try client.send(Self.allocate, to: host.address())
        let port = try #require(Self.mapped(try client.receive()))
        // A phone uses the socket of its media for this, which may be another one.
        let media = try TestClient(bindingTo: .loopback(0))
        try media.send(Self.allocate, to: port)
        let answer = try media.receiveFrom()
        #expect(answer.source == port && Self.mapped(answer.bytes) == media.local)
        #expect(TakenApart(answer.bytes, as: .rosenberg)?[6] == [0, 0, 2, 0x58])
        let peer = try TestClient(bindingTo: .loopback(0))
        try peer.send([1], to: port)
        #expect(try media.receive() == [1])
        try peer.sendTrain([UInt8](repeating: 5, count: 300), of: 100, to: port)
        try media.sendTrain([UInt8](repeating: 6, count: 300), of: 100, to: port)
        for _ in 0..<3 {
            let (there, back) = (try peer.receiveFrom(), try media.receiveFrom())
            #expect(there.bytes == [UInt8](repeating: 6, count: 100) && there.source == port)
            #expect(back.bytes == [UInt8](repeating: 5, count: 100) && back.source == port)
        }
        #expect(client.hasNothing)
    }

    @Test(
        "questions that come to the mirror's port as one train are all answered, and so is one behind the data of a peer"
    )
    func questionsInTrain() throws {
        let host = try ServerUnderTest(Self.settings + "workers: 1\n")
        let client = try TestClient(bindingTo: .loopback(0))
        try client.send(Self.allocate, to: host.address())
        let port = try #require(Self.mapped(try client.receive()))
        let media = try TestClient(bindingTo: .loopback(0))
        let ids = (1...20).map { UInt8($0) }
        let questions = ids.flatMap { Wire.message(0x0002, as: .rosenberg, id: [0, 0, 0, $0]) }
        try media.sendTrain(questions, of: Self.allocate.count, to: port)
        for id in ids {
            let answer = try media.receive()
            #expect(Self.mapped(answer) == media.local && answer[7] == id)
        }
        // Whoever asks from the client's address is no peer; who says anything else is, and so is all that comes behind it.
        let peer = try TestClient(bindingTo: .loopback(0))
        let data = [UInt8](repeating: 0xFF, count: Self.allocate.count)
        try peer.sendTrain(data + Self.allocate, of: data.count, to: port)
        #expect(try media.receive() == data)
        #expect(try media.receive() == Self.allocate)
        #expect(peer.hasNothing)
    }

    @Test("nobody gets a mirror by default, nor whom mirror-clients does not name; the refusal is remembered")
    func openRelay() async throws {
        for (settings, reason) in [
            ("", "unknown-method"), ("mirror: on\n", "client-forbidden"),
            ("mirror: on\nmirror-clients: 192.0.2.0/24\n", "client-forbidden"),
        ] {
            let host = try ServerUnderTest(settings)
            let client = try TestClient(connectingTo: host.address())
            try client.send(Self.allocate)
            #expect(try await host.counter("drops-\(reason)", reaching: 1) == 1)
            try client.send(Wire.message(as: .cookie))
            #expect(TakenApart(try client.receive(), as: .cookie)?.type == 0x0101)
            let refusals = try await host.server.explain("127.0.0.1").refusals
            #expect(refusals.contains { $0.cause.contains("mirror-clients") } == (reason == "client-forbidden"))
        }
    }

    @Test("a reload that takes the clients away ends their mirrors and frees their ports")
    func takenAway() async throws {
        let range = try RelayRange.free(4)
        let host = try ServerUnderTest(Self.settings + range.setting)
        let client = try TestClient(connectingTo: host.address())
        _ = try Self.allocate(client)
        try host.rewrite("mirror: off\nlog-level: 7\n" + range.setting)
        try await host.server.reload()
        #expect(try await range.becomesFree(4))
    }

    // MARK: Helpers

    private static func allocate(_ client: TestClient) throws -> SocketAddress {
        try client.send(allocate)
        return try #require(mapped(try client.receive()))
    }

    /// MAPPED-ADDRESS as draft -01 of STUN laid it out.
    private static func mapped(_ bytes: [UInt8]) -> SocketAddress? {
        guard let answer = TakenApart(bytes, as: .rosenberg), answer.type == 0x0102, let value = answer[1],
            value.count == 8, value[2] == 1
        else { return nil }
        let address = value[4...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return SocketAddress(IPAddress(v4: address), port: UInt16(value[0]) << 8 | UInt16(value[1]))
    }
}

extension ClosedRange<UInt16> {
    /// Whether so many of its ports can be had again; waited for, since a worker closes sockets after it has answered.
    func becomesFree(_ count: Int) async throws -> Bool {
        for _ in 0..<1500 where free < count { try await Task.sleep(for: .milliseconds(20)) }
        return free == count
    }
}
