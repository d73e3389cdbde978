import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Connect, ConnectionAttempt and ConnectionBind (RFC 6062 sections 5.2 to 5.5; attacks row 13)")
struct ConnectTests {
    let turn: TURNHarness
    let control = TURNClient.alice.over(.tcp, 1)
    let data = TURNClient.alice.at(.client.port(29_600)).over(.tcp, 2)
    let relayed: SocketAddress

    init() throws {
        turn = TURNHarness {
            $0.relaysTCP = true
            $0.connectionsPerAllocation = 3
        }
        turn.server.worker = 5
        relayed = try #require(turn.allocateTCP(by: control).relayed.first)
    }

    @Test("a connection is asked for, made, named, bound, and ended")
    func whole() throws {
        let used = turn.ledger.memory.used
        let id = turn.nextID()
        let asked = try #require(turn.connect(.peer, by: control, id: id))
        #expect(asked.to == .peer)
        #expect(asked.from == turn.relay(at: relayed))
        #expect(turn.ledger.memory.used == used + MemoryCost.peerConnection)
        let answer = turn.connected(asked.id, by: control)
        #expect(answer.verdict == .toClient(control.flow))
        #expect(answer.isSuccess(0x000A))
        #expect(answer.id == id)
        #expect(answer[0x002A] == Wire.bytes(asked.id.rawValue))
        #expect(asked.id.worker == 5)
        let bound = turn.bindConnection(asked.id, by: data)
        #expect(bound.verdict == .bound(asked.id))
        #expect(bound.isSuccess(0x000B))
        turn.advance(seconds: 60)
        #expect(turn.server.takeEndedConnections().isEmpty)
        turn.moved(1000, toPeer: true, on: asked.id)
        turn.moved(10, toPeer: false, on: asked.id)
        let session = try #require(turn.server.sessions(now: turn.now).first?.session)
        #expect(session.connectionCount == 1)
        #expect(session.traffic.bytesToPeers == 1000 && session.traffic.bytesToClient == 10)
        turn.server.peerConnectionEnded(asked.id)
        #expect(turn.ledger.memory.used == used)
        #expect(turn.allowance(of: asked.id) == 0)
        #expect(turn.bindConnection(asked.id, by: data).code == 400)
        #expect(turn.connect(.peer, by: control) != nil)
    }

    @Test(
        "an answer carries a fingerprint and the integrity of its kind when its request did",
        arguments: TURNClient.Kind.allCases
    )
    func sealed(kind: TURNClient.Kind) throws {
        let client = control.with { $0.kind = kind }
        let request = Wire.appendingFingerprint(to: turn.signed(0x000A, [.peer(.peer)], by: client))
        guard case .connect(_, _, let id) = turn.send(request, from: client.flow).verdict else {
            Issue.record("no connect")
            return
        }
        let answer = turn.connected(id, by: client)
        #expect(answer.isSuccess(0x000A))
        #expect(answer.types.last == 0x8028)
    }

    @Test("a connection that fails is 447, and its peer may be asked for again")
    func failed() throws {
        let used = turn.ledger.memory.used
        let asked = try #require(turn.connect(.peer, by: control))
        let answer = turn.connected(asked.id, false, by: control)
        #expect(answer.verdict == .toClient(control.flow))
        #expect(answer.code == 447)
        #expect(answer.isSigned)
        #expect(turn.server.refused?.refusal == .connectFailed(.peer))
        #expect(turn.server.refused?.username.text == "alice")
        #expect(turn.ledger.memory.used == used)
        #expect(turn.connected(asked.id, by: control).verdict == .drop(.noAllocation))
        #expect(turn.connect(.peer, by: control) != nil)
    }

    @Test("30 seconds without an outcome are 447, and what is being connected is given up")
    func timeout() throws {
        let asked = try #require(turn.connect(.peer, by: control))
        turn.advance(seconds: 29)
        #expect(turn.answerUnconnected(control) == nil)
        turn.advance(seconds: 3)
        #expect(turn.answerUnconnected(control)?.code == 447)
        #expect(turn.answerUnconnected(control) == nil)
        #expect(turn.server.takeEndedConnections() == [asked.id])
        #expect(turn.connected(asked.id, by: control).verdict == .drop(.noAllocation))
    }

    @Test("30 seconds without ConnectionBind end a connection of either direction")
    func unbound() throws {
        turn.permit(.otherPeer, by: control)
        let asked = try #require(turn.connect(.peer, by: control))
        turn.advance(seconds: 20)
        _ = turn.connected(asked.id, by: control)
        let accepted = try #require(turn.accept(.otherPeer, at: relayed)?.id)
        turn.advance(seconds: 29)
        #expect(turn.server.takeEndedConnections().isEmpty)
        turn.advance(seconds: 3)
        #expect(Set(turn.server.takeEndedConnections()) == [asked.id, accepted])
        #expect(turn.answerUnconnected(control) == nil)
        #expect(turn.bindConnection(asked.id, by: data).code == 400)
        #expect(turn.server.sessions(now: turn.now).first?.session.connectionCount == 0)
    }

    @Test("a peer that is being connected, waits or is bound is 446")
    func exists() throws {
        let asked = try #require(turn.connect(.peer, by: control))
        #expect(turn.request(0x000A, [.peer(.peer)], by: control).code == 446)
        _ = turn.connected(asked.id, by: control)
        #expect(turn.request(0x000A, [.peer(.peer)], by: control).code == 446)
        #expect(turn.bindConnection(asked.id, by: data).isSuccess)
        #expect(turn.request(0x000A, [.peer(.peer)], by: control).code == 446)
        #expect(turn.server.refused?.refusal == .connectionExists(.peer))
        #expect(turn.connect(.peerOtherPort, by: control) != nil)
    }

    @Test("Connect without a TCP allocation of this connection is 437, of another user 441, without a peer 400")
    func refusals() {
        #expect(turn.request(0x000A, [.peer(.peer)], by: data).code == 437)
        #expect(turn.request(0x000A, [.peer(.peer)], by: .alice).code == 437)
        #expect(turn.allocate(by: data).isSuccess)
        #expect(turn.request(0x000A, [.peer(.peer)], by: data).code == 437)
        #expect(turn.server.refused?.refusal == .otherTransport)
        #expect(turn.request(0x000A, [.peer(.peer)], by: TURNClient.bob.with { $0.flow = control.flow }).code == 441)
        #expect(turn.request(0x000A, by: control).code == 400)
        #expect(turn.request(0x000A, [.raw(0x0012, [1, 2, 3])], by: control).code == 400)
        #expect(turn.request(0x000A, [.peer(.peer6)], by: control).code == 443)
        #expect(turn.server.connections.count == 0)
    }

    @Test("the rules for peers hold for Connect, our own sockets and host included")
    func forbiddenPeers() {
        for peer in [
            SocketAddress(IPAddress(v4: 0x7F00_0001), port: 80), SocketAddress(IPAddress(v4: 0x0A00_0001), port: 80),
            SocketAddress(.server, port: 22), SocketAddress(.relay, port: 3478), .peer.port(0),
            SocketAddress(.relay, port: 50_999),
        ] {
            #expect(turn.request(0x000A, [.peer(peer)], by: control).code == 403, "\(peer)")
        }
        #expect(turn.server.connections.count == 0)
    }

    @Test("our own relay address is a peer where a TCP allocation is, and not where one of UDP is")
    func ownRelays() throws {
        let tcp = try #require(turn.allocateTCP(by: .bob.over(.tcp, 9)).relayed.first)
        let udp = try #require(turn.allocate(by: .bob).relayed.first)
        #expect(turn.connect(tcp, by: control)?.to == tcp)
        #expect(turn.request(0x000A, [.peer(udp)], by: control).code == 403)
    }

    @Test("an allocation has so many connections and no more, whoever began them")
    func limit() throws {
        turn.permit(.otherPeer, by: control)
        #expect(turn.connect(.peer, by: control) != nil)
        #expect(turn.connect(.peerOtherPort, by: control) != nil)
        let accepted = try #require(turn.accept(.otherPeer, at: relayed))
        #expect(turn.request(0x000A, [.peer(.peer.port(5002))], by: control).code == 508)
        #expect(turn.server.refused?.refusal == .connectionLimit(3))
        #expect(turn.accept(.otherPeer.port(1), at: relayed)?.id == nil)
        turn.server.peerConnectionEnded(accepted.id)
        #expect(turn.connect(.peer.port(5002), by: control) != nil)
    }

    @Test("connections take of the memory that allocations may have")
    func memory() {
        turn.server.policy.turn?.quotas.memory = turn.ledger.memory.used + MemoryCost.peerConnection
        #expect(turn.connect(.peer, by: control) != nil)
        #expect(turn.request(0x000A, [.peer(.otherPeer)], by: control).code == 508)
    }

    @Test("numbers are random and never the same, and each finds its connection among many")
    func numbers() throws {
        turn.server.policy.turn?.connectionsPerAllocation = 1000
        var ids: [ConnectionID] = []
        for port in 1...400 {
            ids.append(try #require(turn.connect(.peer.port(UInt16(port)), by: control)).id)
        }
        #expect(Set(ids).count == 400)
        #expect(ids.allSatisfy { $0.worker == 5 })
        var random = SeededGenerator.announced("ConnectTests.numbers")
        for id in ids.shuffled(using: &random).prefix(250) {
            #expect(turn.connected(id, false, by: control).code == 447)
        }
        #expect(turn.server.connections.count == 150)
        let left = ids.filter { turn.server.connections.index(of: $0) != nil }
        #expect(left.count == 150)
        turn.close(control)
        #expect(Set(turn.server.takeEndedConnections()) == Set(left))
        #expect(turn.server.connections.count == 0)
        #expect(turn.ledger.memory.used == 0)
    }
}
