import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Mirrors (draft-rosenberg-midcom-turn-00, chapter 1.4 of the manual)")
struct MirrorTests {
    let turn = TURNHarness.mirrors()
    let client = TURNClient.alice.flow

    @Test("the answer has the type 0x0102, the request's id, the mirror's port and the default binding duration")
    func allocated() throws {
        let reply = try #require(turn.mirror())
        #expect(reply.verdict == .reply && reply.type == 0x0102 && reply.id == [0xD0, 0x0D, 0, 1])
        #expect(reply.types == [1, 6] && reply.lifetime == 600)
        let port = try #require(reply.mapped)
        #expect(port.address == .relay && turn.ports.open.values.contains(port))
        #expect(turn.server.sources.newestFirst.first?.mirrorSetup == 1)
        #expect(turn.server.counters.mirrors[0] == 1)
        guard case .allocated(let session)? = turn.server.takeEffects().first else {
            Issue.record("nothing is told")
            return
        }
        #expect(session.mirror == .draft00 && session.relayV4 == reply.mapped && session.username == "(mirror)")
    }

    @Test("an IPv6 client gets an IPv6 port; addresses have the layout of the settings")
    func v6() throws {
        #expect(try #require(turn.mirror(by: .alice6)).mapped?.address == .relay6)
        turn.server.policy.draftAddressLayout = .draft00
        let answer = turn.send(TURNHarness.draftAllocate(), from: client)
        #expect(TakenApart(answer.bytes, as: .rosenberg, padded: false)?[1]?.count == 7)
    }

    @Test("until a peer has sent the request again gets the same answer (message 1011), and lasts as long from then on")
    func repeated() throws {
        let first = try #require(turn.mirror()?.mapped)
        _ = turn.server.takeEffects()
        turn.advance(seconds: 500)
        #expect(turn.mirror(id: [1, 2, 3, 4])?.mapped == first)
        guard case .repeated? = turn.server.takeEffects().first else {
            Issue.record("the repetition is not told")
            return
        }
        turn.advance(seconds: 500)
        #expect(turn.mirror()?.mapped == first && turn.ports.open.count == 1)
        #expect(turn.server.sources.newestFirst.first?.mirrorSetup == 1)
    }

    @Test("the first that sends becomes the peer (message 1007), and data goes both ways as it is")
    func locked() throws {
        let port = try #require(turn.mirror()?.mapped)
        _ = turn.server.takeEffects()
        for data in [[1, 2, 3], [], Wire.message(as: .cookie), Array("GET / HTTP/1.1".utf8)] as [[UInt8]] {
            #expect(turn.fromPeer(.peer, to: port, data) == .init(verdict: .toClient(client), bytes: data))
            let sent = turn.send(data, from: client)
            #expect(sent.bytes == data)
            guard case .toPeer(.peer, _, dontFragment: false) = sent.verdict else {
                Issue.record("\(data) does not reach the peer: \(sent.verdict)")
                continue
            }
        }
        let effects = turn.server.takeEffects()
        guard case .locked(let session, .peer)? = effects.first, effects.count == 1 else {
            Issue.record("the peer is not told once")
            return
        }
        #expect(session.permissionCount == 1)
        #expect(turn.server.sessions(now: turn.now).first?.permissions.map(\.address) == [SocketAddress.peer.address])
        turn.advance(seconds: 20)
        #expect(turn.server.sources.newestFirst.first?.mirrorForwards == 8)
    }

    @Test("with a peer all that the client sends is data: requests of all dialects, ChannelData, and Allocate itself")
    func rawRequests() throws {
        _ = try #require(turn.lockedMirror())
        let requests = [
            TURNHarness.draftAllocate(), Wire.message(as: .rosenberg), Wire.message(as: .classic),
            Wire.message(as: .cookie),
            Wire.message(0x0003, as: .cookie), [0x40, 0, 0, 1, 7], [22, 0xFE, 0xFD], [0x80, 0],
        ]
        for request in requests {
            #expect(turn.send(request, from: client).bytes == request)
            #expect(turn.server.isMirrored(client))
        }
    }

    @Test("before a peer has sent Binding requests of the client are answered, and other bytes are nothing")
    func meanwhile() throws {
        _ = try #require(turn.mirror())
        #expect(turn.send(Wire.message(as: .cookie), from: client).verdict == .reply)
        #expect(turn.send([1, 2, 3], from: client).verdict == .drop(.notSTUN))
        #expect(!turn.server.isMirrored(client))
    }

    @Test("a client that asks the mirror's port is told its own address there and the duration, and data goes that way")
    func askedPort() throws {
        let port = try #require(turn.mirror()?.mapped)
        let outside = client.source.port(31_000)
        for _ in 0..<2 {
            let reply = try #require(turn.ask(port, from: outside))
            #expect(reply.type == 0x0102 && reply.mapped == outside && reply.lifetime == 600)
            guard case .toPeer(outside, _, dontFragment: false) = reply.verdict else {
                Issue.record("the answer does not go back: \(reply.verdict)")
                continue
            }
        }
        #expect(turn.ask(port, from: outside, Wire.message(as: .rosenberg))?.type == 0x0101)
        let relay = try #require(turn.relay(at: port))
        #expect(turn.fromPeer(outside, to: port)?.verdict == .drop(.noDestination))
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .toPeer(outside, relay, dontFragment: false))
        #expect(turn.fromPeer(outside, to: port, [9])?.verdict == .toPeer(.peer, relay, dontFragment: false))
        // Also what looks like the question: it is data now.
        let question = TURNHarness.draftAllocate()
        #expect(turn.fromPeer(outside, to: port, question)?.bytes == question)
        // What it sends to the STUN port is for the server again.
        #expect(turn.mirror()?.mapped == port)
        #expect(!turn.server.isMirrored(client))
    }

    @Test("a mirror ends when for its duration nothing has gone through, and either direction keeps it")
    func inactivity() throws {
        let port = try #require(turn.lockedMirror())
        for _ in 0..<4 {
            turn.advance(seconds: 400)
            #expect(turn.fromPeer(.peer, to: port)?.bytes == [1, 2, 3])
            turn.advance(seconds: 400)
            #expect(turn.send([4], from: client).bytes == [4])
        }
        turn.advance(seconds: 599)
        #expect(turn.server.sessionCount == 1)
        turn.advance(seconds: 3)
        #expect(turn.server.sessionCount == 0 && turn.ports.open.isEmpty)
        guard case .ended(_, .expired)? = turn.server.takeEffects().last else {
            Issue.record("the end is not told")
            return
        }
        #expect(turn.ledger.memory.used == 0 && turn.ledger.total.allocations == 0)
        #expect(turn.ledger.mirrors.allocations == 0 && turn.server.table.mirrors.count == 0)
        #expect(turn.server.nextDeadline == nil)
    }

    @Test("a mirror whose time is up is dead before the timer has run, and asking again makes a new one")
    func late() throws {
        let port = try #require(turn.lockedMirror())
        turn.wait(seconds: 600)
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .drop(.noAllocation))
        #expect(turn.send([4], from: client).verdict == .drop(.notSTUN))
        let new = try #require(turn.mirror()?.mapped)
        #expect(turn.ports.open.count == 1 && turn.ports.open.values.contains(new))
    }

    @Test("a full server answers without MAPPED-ADDRESS, by each limit (message 1013)")
    func full() throws {
        let limits: [(TURNHarness, Refusal)] = [
            (.mirrors { $0.total = 1 }, .mirrors(1)), (.mirrors { $0.perClient = 1 }, .mirrorsOfClient(1)),
            (.mirrors(turn: { $0.quotas.totalAllocations = 1 }), .serverAllocations(1)),
            (.mirrors(turn: { $0.quotas.memory = 8000 }), .memory(8000)),
            (.mirrors(turn: { $0.quotas.userBytesPerMonth = 0 }), .monthlyBytes(0)),
        ]
        for (turn, refusal) in limits {
            if refusal != .monthlyBytes(0) { #expect(try #require(turn.mirror()).types == [1, 6]) }
            let (memory, all) = (turn.ledger.memory.used, turn.ledger.total.allocations)
            let reply = try #require(turn.mirror(by: TURNClient.alice.at(client.source.port(1))))
            #expect(reply.type == 0x0102 && reply.types.isEmpty, "\(refusal)")
            #expect(turn.server.refused?.refusal == refusal)
            #expect(turn.ledger.memory.used == memory && turn.ledger.total.allocations == all)
            #expect(turn.ledger.mirrors.allocations == all)
        }
        turn.ports.failure = .noneFree
        #expect(turn.mirror()?.types.isEmpty == true && turn.server.refused?.refusal == .relayPort(.noneFree))
        #expect(turn.ledger.memory.used == 0 && turn.ledger.mirrors.allocations == 0)
    }

    @Test("what draft -00 knows is ignored, what it does not know and must is message 1010 and silence")
    func attributes() {
        let known: [Wire.Attribute] = [
            .init(4, [0, 0, 0, 0]), .init(5, [UInt8](repeating: 0, count: 8)), .init(0x8888, [0, 0, 0, 0]),
        ]
        #expect(turn.send(TURNHarness.draftAllocate([1, 2, 3, 4], known), from: client).verdict == .reply)
        let unknown = TURNHarness.draftAllocate([1, 2, 3, 4], [.init(0x000F, [0x72, 0xC6, 0x4B, 0xC6])])
        #expect(turn.send(unknown, from: client.port(7)).verdict == .drop(.unknownAttribute))
        #expect(turn.server.hadUnknownAttribute && turn.server.detail == 0x000F)
        let overrun = [0, 2, 0, 4, 1, 2, 3, 4, 0, 1, 0, 99] as [UInt8]
        #expect(turn.send(overrun, from: client.port(7)).verdict == .drop(.malformed))
    }

    @Test("an operator ends mirrors by their name, and a server that drains makes none")
    func operators() throws {
        _ = try #require(turn.lockedMirror())
        let count = turn.server.disconnect(now: turn.now, ports: &turn.ports) { $0.username == "(mirror)" }
        #expect(count == 1 && turn.ports.open.isEmpty && turn.ledger.mirrors.allocations == 0)
        turn.server.isDraining = true
        #expect(turn.mirror()?.types.isEmpty == true && turn.server.refused?.refusal == .draining)
    }

    @Test("bandwidth and bytes of the month hold for mirrors as for users")
    func quotas() throws {
        let turn = TURNHarness.mirrors(turn: { $0.quotas.userBytes = Rate(perSecond: 10, burst: 10) })
        let port = try #require(turn.lockedMirror())
        #expect(turn.fromPeer(.peer, to: port, [UInt8](repeating: 0, count: 8))?.verdict == .drop(.overQuota))
        #expect(turn.send([UInt8](repeating: 0, count: 8), from: client).verdict == .drop(.overQuota))
    }
}

extension ClientFlow {
    fileprivate func port(_ port: UInt16) -> ClientFlow {
        ClientFlow(source: source.port(port), destination: destination, role: role)
    }
}
