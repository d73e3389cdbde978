import Addresses
import Administration
import PacketEngine
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("RFC 6062: TCP connections between clients and peers, by a real server")
struct LiveTCPRelayTests {
    private static let settings = TCPRelayClient.settings + "workers: 2\n"
    /// A megabyte in which no part is like another.
    private static let megabyte = (0..<1 << 20).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) }

    @Test("Connect: a megabyte goes each way at once, unchanged, and each end is told by itself", arguments: [1, 4])
    func connect(workers: Int) throws {
        let host = try ServerUnderTest(TCPRelayClient.settings + "workers: \(workers)\n")
        let client = try TCPRelayClient(of: host)
        let peer = try TCPPeer()
        let id = try client.connect(to: peer.address)
        let far = try peer.accept()
        // What comes before the client's connection waits.
        try far.send([1, 2, 3])
        let near = try client.bind(id)
        #expect(try near.receive(exactly: 3) == [1, 2, 3])
        try Self.exchange(near, far)
        #expect(try client.refusal(of: peer.address) == nil)
    }

    @Test("a peer with a permission connects, and the client is told, binds it and exchanges a megabyte each way")
    func attempt() throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        let (near, far) = try client.joinedByPeer()
        try Self.exchange(near, far)
    }

    @Test("row 13: a peer without a permission is closed at once, and the client hears nothing of it")
    func noPermission() async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        #expect(try TestStream(connectingTo: client.relayed).ends())
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        _ = try client.joinedByPeer()
        #expect(try await host.counter("drops-no-permission", reaching: 1) == 1)
    }

    @Test("the session tells its transports and how far each connection is, and the status how many there are")
    func reported() async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        func session() async throws -> SessionsReport.Row {
            try #require(try await host.server.sessions(SessionsQuery()).rows.first)
        }
        #expect(try await session().connections.isEmpty)
        let far = try TestStream(connectingTo: client.relayed)
        let id = try client.attempt().id
        let row = try await session()
        #expect(row.transport == "tcp" && row.relayTransport == "tcp")
        #expect(row.connections == [.init(peer: "\(far.local)", stage: .waiting)])
        let near = try client.bind(id)
        #expect(try await session().connections == [.init(peer: "\(far.local)", stage: .bound)])
        #expect(try await host.server.status().connections == .init(tcp: 2, tls: 0, dtls: 0, peers: 1))
        near.endSending()
        far.endSending()
    }

    @Test("the client's new connection may come to any worker, and finds the one that has the peer's")
    func otherWorker() throws {
        let host = try ServerUnderTest(TCPRelayClient.settings + "workers: 4\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        var joined: [(client: TestStream, peer: TestStream)] = []
        for number in 0..<32 {
            joined.append(try client.joinedByPeer())
            try joined[number].client.send([UInt8(number)])
            try joined[number].peer.send([UInt8(number), 1])
        }
        for (number, pair) in joined.enumerated() {
            #expect(try pair.peer.receive(exactly: 1) == [UInt8(number)])
            #expect(try pair.client.receive(exactly: 2) == [UInt8(number), 1])
        }
    }

    @Test("a ConnectionBind request cut at each byte, with data right behind it: all of the data reaches the peer")
    func cut() throws {
        let host = try ServerUnderTest(TCPRelayClient.settings + "workers: 3\ntcp-relay-connections: 4096\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        let length = client.bindRequest([0, 0, 0, 0]).count
        for cut in 0...length {
            let peer = try TestStream(connectingTo: client.relayed)
            let request = client.bindRequest(try client.attempt().id)
            let stream = try TestStream(connectingTo: host.address())
            let bytes = request + [UInt8](repeating: 0x16, count: cut % 5) + [0x40, 0x01, 0xFF]
            try stream.send(Array(bytes[..<cut]))
            try stream.send(Array(bytes[cut...]))
            #expect(RelayClient.Answer(try stream.receiveFrame())?.isSuccess == true, "cut at \(cut)")
            stream.endSending()
            #expect(try peer.receiveAll() == Array(bytes[length...]), "cut at \(cut)")
        }
    }

    @Test(
        "data that follows ConnectionBind at once, more than the peer's system takes, arrives whole, and so does the way back"
    )
    func early() throws {
        let host = try ServerUnderTest(TCPRelayClient.settings + "workers: 1\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        for _ in 0..<4 {
            let far = try TestStream(connectingTo: client.relayed, buffers: 4096)
            let request = client.bindRequest(try client.attempt().id)
            let near = try TestStream(connectingTo: host.address())
            let sender = Background { try near.send(request + Self.megabyte) }
            #expect(RelayClient.Answer(try near.receiveFrame())?.isSuccess == true)
            try far.send([7])
            #expect(try near.receive(exactly: 1) == [7])
            #expect(try far.receive(exactly: Self.megabyte.count).isSame(as: Self.megabyte))
            try sender.value()
            try Self.exchange(near, far)
        }
    }

    @Test("ConnectionBind with another number, by another user, twice, or on the control connection is refused")
    func refusedBind() throws {
        let users = "turn-users: alice:\(RelayClient.password) bob:\(RelayClient.password)\n"
        let host = try ServerUnderTest(users + "allow-peers: 127.0.0.0/8\ntcp-relay: on\nworkers: 2\n")
        let client = try TCPRelayClient(of: host)
        let peer = try TCPPeer()
        let id = try client.connect(to: peer.address)
        let far = try peer.accept()
        func bind(_ id: [UInt8], as user: String = "alice") throws -> Int? {
            let stream = try TestStream(connectingTo: host.address())
            return try RelayClient(over: stream, user: user).request(0x000B, [.init(0x002A, id)]).code
        }
        #expect(try bind([id[0], id[1], id[2], id[3] ^ 1]) == 400)
        // No worker has this number.
        #expect(try bind([0xFF, id[1], id[2], id[3]]) == 400)
        #expect(try bind(id, as: "bob") == 441)
        #expect(try client.control.request(0x000B, [.init(0x002A, id)]).code == 437)
        let near = try client.bind(id)
        #expect(try bind(id) == 400)
        try far.send([1])
        #expect(try near.receive(exactly: 1) == [1])
    }

    @Test("the rules for peers hold for Connect: 403, and nothing is sent to the peer; our own TCP ports are none")
    func forbidden() throws {
        let peer = try TCPPeer()
        let strict = try ServerUnderTest("turn-users: alice:\(RelayClient.password)\ntcp-relay: on\n")
        #expect(try TCPRelayClient(of: strict).refusal(of: peer.address) == 403)
        #expect(peer.hasNothing)
        let port = try RelayRange.free(1).lowerBound
        let host = try ServerUnderTest(Self.settings + "stream-ports: \(port)\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.refusal(of: .loopback(port)) == 403)
        #expect(try client.refusal(of: .loopback(host.port1)) == 403)
    }

    @Test("a peer that refuses is 447, counted by the reason, and may be asked for again")
    func refused() async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        let port = try RelayRange.free(1).lowerBound
        for _ in 0..<3 { #expect(try client.refusal(of: .loopback(port)) == 447) }
        let failed = await host.server.pool.reports().reduce(UInt64(0)) { $0 + $1.peers.failed(.refused) }
        #expect(failed == 3)
    }

    @Test("a second Connect to the same peer is 446, and possible again when the first connection has ended")
    func again() throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        let peer = try TCPPeer()
        for _ in 0..<3 {
            let id = try client.connect(to: peer.address)
            let far = try peer.accept()
            #expect(try client.refusal(of: peer.address) == 446)
            let near = try client.bind(id)
            // The peer's end comes first: then its system has the port and not ours.
            far.endSending()
            #expect(near.ends())
            near.endSending()
            #expect(far.ends())
        }
    }

    @Test(
        "who does not read slows the other one down, and nothing is lost or kept without bound",
        arguments: [true, false]
    )
    func slow(isPeerSlow: Bool) throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        let pair = try client.joinedByPeer(buffers: 65_536)
        let (sender, reader) = isPeerSlow ? (pair.client, pair.peer) : (pair.peer, pair.client)
        let content = Array([Self.megabyte, Self.megabyte, Self.megabyte, Self.megabyte, Self.megabyte].joined())
        let sending = Background {
            try sender.send(content)
            sender.endSending()
        }
        // Another connection is served meanwhile.
        let (near, far) = try client.joinedByPeer()
        for number in 0..<100 {
            try near.send([UInt8(number)])
            #expect(try far.receive(exactly: 1) == [UInt8(number)])
        }
        #expect(try reader.receiveAll().isSame(as: content))
        try sending.value()
        reader.endSending()
        #expect(sender.ends())
    }

    @Test("a broken side breaks the other, both ways")
    func broken() throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        for isPeerBroken in [true, false] {
            let pair = try client.joinedByPeer()
            try pair.client.send([1])
            #expect(try pair.peer.receive(exactly: 1) == [1])
            (isPeerBroken ? pair.peer : pair.client).reset()
            #expect((isPeerBroken ? pair.client : pair.peer).ends())
        }
    }

    @Test("the end of the allocation ends all that belongs to it: bound, waiting, and the relayed address")
    func end() async throws {
        let host = try ServerUnderTest(Self.settings)
        for isClosed in [true, false] {
            var client: TCPRelayClient? = try TCPRelayClient(of: host)
            let relayed = try #require(client?.relayed)
            #expect(try client?.control.permit(.loopback(0).port(9)).isSuccess == true)
            let (near, far) = try #require(try client?.joinedByPeer())
            let waiting = try TestStream(connectingTo: relayed)
            _ = try client?.attempt()
            if isClosed { client = nil } else { try client?.control.release() }
            #expect(near.ends() && far.ends() && waiting.ends())
            try await Self.wait {
                await host.server.pool.reports().reduce(0) { $0 + $1.peerConnectionCount + $1.sessionCount } == 0
            }
            #expect(throws: TestClient.Failure.self) { try TestStream(connectingTo: relayed) }
        }
        // All their places are given back.
        try await Self.wait { host.server.connections.count == 0 }
    }

    @Test("two clients reach each other through their relayed addresses, with peers on loopback denied")
    func relayToRelay() throws {
        let host = try ServerUnderTest("turn-users: alice:\(RelayClient.password)\ntcp-relay: on\nworkers: 2\n")
        let (one, other) = (try TCPRelayClient(of: host), try TCPRelayClient(of: host))
        #expect(try other.control.permit(one.relayed).isSuccess)
        let id = try one.connect(to: other.relayed)
        let attempt = try other.attempt()
        #expect(attempt.peer == one.relayed)
        try Self.exchange(try one.bind(id), try other.bind(attempt.id))
    }

    @Test("a bandwidth slows connections down and loses nothing, and what passes counts")
    func bandwidth() async throws {
        let host = try ServerUnderTest(Self.settings + "user-bandwidth: 3M\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        let (near, far) = try client.joinedByPeer()
        for _ in 0..<3 {
            let sending = Background { try near.send(Self.megabyte) }
            let back = Background { try far.send(Self.megabyte) }
            #expect(try far.receive(exactly: Self.megabyte.count).isSame(as: Self.megabyte))
            #expect(try near.receive(exactly: Self.megabyte.count).isSame(as: Self.megabyte))
            try sending.value()
            try back.value()
        }
        #expect(try await host.counter("relayed-bytes-to-peers", reaching: 3 << 20) == 3 << 20)
        #expect(try await host.counter("relayed-bytes-to-clients", reaching: 3 << 20) == 3 << 20)
    }

    @Test("an allocation has tcp-relay-connections of them: 508 for Connect, and peers beyond it are closed")
    func limited() throws {
        let host = try ServerUnderTest(Self.settings + "tcp-relay-connections: 2\n")
        let client = try TCPRelayClient(of: host)
        #expect(try client.control.permit(.loopback(0).port(9)).isSuccess)
        let joined = try (0..<2).map { _ in try client.joinedByPeer() }
        #expect(try TestStream(connectingTo: client.relayed).ends())
        #expect(try client.refusal(of: try TCPPeer().address) == 508)
        joined[0].peer.endSending()
        #expect(joined[0].client.ends())
        joined[0].client.endSending()
        #expect(joined[0].peer.ends())
        _ = try client.joinedByPeer()
    }

    @Test("off, as it is unless set: a TCP allocation is refused with 442, and the words name tcp-relay")
    func off() async throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(over: TestStream(connectingTo: host.address()))
        #expect(try client.request(0x0003, [.init(0x0019, [6, 0, 0, 0])]).code == 442)
    }

    /// A megabyte each way at once, then the end of one side after the other.
    private static func exchange(_ near: TestStream, _ far: TestStream) throws {
        let content = megabyte
        let senders = [near, far].map { stream in Background { try stream.send(content) } }
        for stream in [near, far] { #expect(try stream.receive(exactly: content.count).isSame(as: content)) }
        for sender in senders { try sender.value() }
        near.endSending()
        #expect(try far.receive().isEmpty)
        try far.send([9])
        #expect(try near.receive(exactly: 1) == [9])
        far.endSending()
        #expect(try near.receive().isEmpty)
    }

    /// Waits until something holds, at most 10 s.
    private static func wait(until holds: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not come to hold within 10 s")
    }
}

extension SocketAddress {
    fileprivate func port(_ port: UInt16) -> SocketAddress { SocketAddress(address, port: port) }
}
