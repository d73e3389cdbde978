import Addresses
import STUNAuthentication
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Mirrors with a shared secret (draft-rosenberg-midcom-turn-01 and -08)")
struct MirrorSecretTests {
    let turn = TURNHarness.mirrors()
    let client: SecretClient
    let flow = TURNClient.alice.flow

    init() throws { client = try SecretClient(turn) }

    @Test("Allocate of -08 is answered with cookie first and integrity last; -01 has no cookie in its first answer")
    func allocated() throws {
        let new = try #require(client.allocate())
        #expect(new.type == 0x0103 && new.types == [0x000F, 1, 0x000D, 0x0010, 8] && new.isSigned && new.hasID)
        #expect(new.mapped?.address == .relay && new.lifetime == 600 && new.bandwidth == .max)
        #expect(turn.server.sessions(now: turn.now).first?.session.mirror == .draft08)
        let other = TURNHarness.mirrors()
        let old = try #require(try SecretClient(other).allocate(is01: true))
        #expect(old.types == [1, 0x000D, 0x0010, 8] && old.isSigned)
        #expect(old.mapped.map { $0.port % 2 } == 0)
        #expect(other.server.sessions(now: other.now).first?.session.mirror == .draft01)
        #expect(turn.server.counters.mirrors[2] == 1 && other.server.counters.mirrors[1] == 1)
        #expect(turn.server.sources.newestFirst.first { $0.source == flow.source }?.mirrorSetup == 1)
    }

    @Test("the lifetime that is asked for may be lowered, is never raised, and 0 ends the mirror")
    func lifetimes() throws {
        #expect(client.allocate([.init(0x000D, [0, 0, 0, 30])])?.lifetime == 30)
        #expect(client.allocate([.init(0x000D, [0, 1, 0, 0])])?.lifetime == 3600)
        turn.advance(seconds: 3500)
        #expect(client.allocate([.init(0x000D, [0, 0, 0, 5])])?.lifetime == 5)
        turn.advance(seconds: 7)
        #expect(turn.server.sessionCount == 0)
        // The old secret would do for the old mirror only.
        let client = try SecretClient(turn, number: 2)
        let mapped = client.allocate()?.mapped
        let end = try #require(client.allocate([.init(0x000D, [0, 0, 0, 0])]))
        #expect(end.lifetime == 0 && end.mapped == mapped && end.isSigned)
        #expect(turn.server.sessionCount == 0 && turn.ports.open.isEmpty && turn.ledger.memory.used == 0)
        #expect(client.allocate([.init(0x000D, [0, 0, 0, 0])])?.code == 437)
    }

    @Test("BANDWIDTH is said again, or is what one client may have")
    func bandwidth() throws {
        #expect(client.allocate([.init(0x0010, [0, 0, 0, 64])])?.bandwidth == 64)
        let limited = TURNHarness.mirrors(turn: { $0.quotas.userBytes = Rate(perSecond: 125_000, burst: 125_000) })
        #expect(try SecretClient(limited).allocate()?.bandwidth == 1000)
    }

    @Test("without integrity 401, without a name 432, with a foreign or old one 430, wrong 431, unknown attribute 420")
    func credentials() throws {
        let bare = Wire.message(0x0003, as: .classic, [SecretClient.cookie])
        #expect(code(turn.send(bare, from: flow)) == 401)
        let nameless = Wire.classicSigned(bare, key: client.secret.password)
        #expect(code(turn.send(nameless, from: flow)) == 432)
        let foreign = (name: [UInt8](repeating: 65, count: 32), password: client.secret.password)
        #expect(client.ask(0x0003, secret: foreign)?.code == 430)
        #expect(client.ask(0x0003, secret: (client.secret.name, client.secret.name))?.code == 431)
        let unknown = try #require(client.allocate([.init(0x0066, [1, 2, 3, 4])]))
        #expect(unknown.code == 420 && unknown.types == [0x000F, 9, 0x000A, 8] && unknown.type == 0x0113)
        for index in 28..<(client.request(0x0003).count - 24) {
            var changed = client.request(0x0003)
            changed[index] ^= 1
            let refused = code(turn.send(changed, from: flow))
            #expect(refused == nil || [400, 401, 420, 430, 431, 432].contains(refused), "byte \(index)")
        }
        #expect(turn.server.sessionCount == 0)
        turn.wait(seconds: 901)
        turn.advance(seconds: 1)
        #expect(client.allocate()?.code == 430)
    }

    @Test("a mirror's requests need the secret that made it, also when that is old: others get 441")
    func ownSecret() throws {
        let port = try #require(client.allocate([.init(0x000D, [0, 0, 0x0E, 0x10])])?.mapped)
        let other = try SecretClient(turn, number: 2)
        for type in [0x0003, 0x0004, 0x0006] as [UInt16] {
            #expect(client.ask(type, secret: other.secret)?.code == 441)
        }
        turn.advance(seconds: 1000)
        #expect(client.allocate()?.mapped == port)
        #expect(client.ask(0x0003, secret: (client.secret.name, other.secret.password))?.code == 431)
    }

    @Test("there is 300 when nothing is left, and 437 for whoever has no mirror")
    func full() throws {
        let turn = TURNHarness.mirrors { $0.total = 1 }
        let client = try SecretClient(turn)
        _ = try #require(client.allocate()?.mapped)
        var other = client
        other = with(other, port: 9)
        #expect(other.allocate()?.code == 300 && turn.server.refused?.refusal == .mirrors(1))
        #expect(other.activate(.peer)?.code == 437 && other.send([1], to: .peer).reply?.code == 437)
    }

    @Test("draft -01: the first sender is the peer, and what the client sends is data but for requests with the cookie")
    func draft01() throws {
        let port = try #require(client.allocate(is01: true)?.mapped)
        #expect(turn.send([1, 2, 3], from: flow).verdict == .drop(.notSTUN))
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .toClient(flow))
        #expect(turn.fromPeer(.otherPeer, to: port)?.verdict == .drop(.noPermission))
        for data in [[1], Wire.message(as: .classic), Wire.message(as: .cookie), TURNHarness.draftAllocate()]
            as [[UInt8]]
        {
            #expect(turn.send(data, from: flow).bytes == data)
        }
        let again = try #require(client.allocate(is01: true))
        #expect(again.mapped == port && again.types.first == 0x000F)
        #expect(client.activate(.peer)?.code == 400 && client.send([1], to: .peer).reply?.code == 400)
        // Draft -01 has no question to the mirror's own port.
        #expect(turn.fromPeer(flow.source, to: port, TURNHarness.draftAllocate())?.verdict == .drop(.noPermission))
    }

    @Test("with mirror-draft-01 every Allocate is of -01")
    func setting() throws {
        let turn = TURNHarness.mirrors { $0.isDraft01 = true }
        let port = try #require(try SecretClient(turn).allocate()?.mapped)
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .toClient(flow))
    }

    @Test("cookies inside raw data: only a whole request is one, and its secret must be right")
    func cookieInData() throws {
        _ = try #require(client.allocate(is01: true)?.mapped)
        let port = try #require(turn.server.sessions(now: turn.now).first?.session.relayV4)
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .toClient(flow))
        let rest: [UInt8] = [0x72, 0xC6, 0x4B, 0xC6, 1, 2, 3]
        let heads: [[UInt8]] = [
            [UInt8](repeating: 0x80, count: 24), [0, 3, 0, 99] + [UInt8](repeating: 7, count: 16) + [0, 15, 0, 4],
            [0, 1, 0, 11] + [UInt8](repeating: 7, count: 16) + [0, 15, 0, 4],
            [0, 3, 0, 11] + [UInt8](repeating: 7, count: 16) + [0, 16, 0, 4],
        ]
        for head in heads { #expect(turn.send(head + rest, from: flow).bytes == head + rest) }
        let forged = Wire.message(0x0003, as: .classic, [SecretClient.cookie])
        #expect(code(turn.send(forged, from: flow)) == 401)
        #expect(turn.send(Array(forged.prefix(27)), from: flow).bytes == Array(forged.prefix(27)))
    }

    @Test("strangers get no answer, and draft -00 and the others do not take each other's mirrors")
    func strangers() throws {
        let stranger = SecretClient.stranger(client)
        #expect(turn.send(stranger.request(0x0003), from: stranger.flow).verdict == .drop(.clientForbidden))
        _ = try #require(client.allocate()?.mapped)
        #expect(turn.mirror()?.types.isEmpty == true)
        let first = TURNHarness.mirrors()
        let old = try SecretClient(first)
        _ = try #require(first.mirror())
        #expect(old.allocate()?.code == 437)
    }

    private func code(_ outcome: TURNHarness.Outcome) -> Int? { MirrorReply(outcome.bytes, key: [])?.code }
}

@Suite("Send, Data Indication and Set Active Destination (draft-rosenberg-midcom-turn-08)")
struct MirrorDestinationTests {
    let turn = TURNHarness.mirrors()
    let client: SecretClient
    let port: SocketAddress
    let flow = TURNClient.alice.flow

    init() throws {
        client = try SecretClient(turn)
        port = try #require(client.allocate()?.mapped)
    }

    @Test("nobody reaches the client before it has sent there; then all ports of that address do, in Data Indications")
    func permissions() throws {
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .drop(.noPermission))
        let sent = client.send([1, 2, 3, 4, 5], to: .peer)
        #expect(sent.outcome.bytes == [1, 2, 3, 4, 5])
        guard case .toPeer(.peer, _, dontFragment: false) = sent.outcome.verdict else {
            Issue.record("the data does not go out: \(sent.outcome.verdict)")
            return
        }
        let reply = try #require(sent.reply)
        #expect(reply.type == 0x0104 && reply.types == [0x000F, 8] && reply.isSigned && reply.hasID)
        for peer in [SocketAddress.peer, SocketAddress.peer.port(9)] {
            for data in [[], [1], [1, 2, 3, 4], [UInt8](repeating: 3, count: 1001)] as [[UInt8]] {
                let outcome = try #require(turn.fromPeer(peer, to: port, data))
                let message = try #require(TakenApart(outcome.bytes, as: .classic))
                #expect(outcome.verdict == .toClient(flow) && message.type == 0x0115)
                #expect(message.types == [0x000F, 0x0012, 0x0013] && message[0x000F] == [0x72, 0xC6, 0x4B, 0xC6])
                #expect(message[0x0012].flatMap(Wire.address) == peer && message[0x0013] == data)
                #expect(message.padding.allSatisfy { $0 == 0 })
            }
        }
        #expect(turn.fromPeer(.otherPeer, to: port)?.verdict == .drop(.noPermission))
        #expect(turn.server.counters.traffic.packetsToClient == 8)
        let detail = try #require(turn.server.sessions(now: turn.now).first)
        #expect(detail.permissions.map(\.address) == [SocketAddress.peer.address] && detail.channels.isEmpty)
    }

    @Test("with an active destination data goes both ways as it is, and others' in Data Indications")
    func active() throws {
        #expect(turn.send([9, 9, 9], from: flow).verdict == .drop(.notSTUN))
        #expect(client.activate(.peer)?.code == 440)
        _ = client.send([1], to: .peer)
        _ = client.send([1], to: .otherPeer)
        _ = turn.server.takeEffects()
        let reply = try #require(client.activate(.peer))
        #expect(reply.type == 0x0106 && reply.types == [0x000F, 8] && reply.isSigned)
        guard case .locked(_, .peer)? = turn.server.takeEffects().first else {
            Issue.record("message 1007 is not told")
            return
        }
        for data in [[1], Wire.message(as: .cookie), [22, 3, 1]] as [[UInt8]] {
            let outcome = turn.send(data, from: flow)
            guard case .toPeer(.peer, _, _) = outcome.verdict else {
                Issue.record("\(data) does not reach the peer")
                continue
            }
            #expect(outcome.bytes == data)
            #expect(turn.fromPeer(.peer, to: port, data) == .init(verdict: .toClient(flow), bytes: data))
        }
        #expect(turn.fromPeer(.otherPeer, to: port)?.bytes.prefix(2) == [1, 0x15])
        #expect(client.send([7], to: .otherPeer).outcome.bytes == [7])
        #expect(client.activate(.peer)?.type == 0x0106)
    }

    @Test("another destination takes three seconds, in which there is none, and a third one gets 439")
    func transition() throws {
        _ = client.send([1], to: .peer)
        _ = client.send([1], to: .otherPeer)
        #expect(client.activate(.peer)?.type == 0x0106)
        #expect(client.activate(.otherPeer)?.type == 0x0106)
        for _ in 0..<2 {
            #expect(turn.send([1], from: flow).verdict == .drop(.noDestination))
            for peer in [SocketAddress.peer, .otherPeer] {
                #expect(turn.fromPeer(peer, to: port)?.bytes.prefix(2) == [1, 0x15])
                #expect(client.send([4], to: peer).outcome.bytes == [4])
            }
            #expect(client.activate(.peer)?.code == 439 && client.activate(.otherPeer)?.code == 439)
            turn.wait(nanoseconds: 1_499_999_999)
        }
        turn.wait(nanoseconds: 2)
        guard case .toPeer(.otherPeer, _, _) = turn.send([1], from: flow).verdict else {
            Issue.record("the destination has not changed")
            return
        }
        #expect(turn.fromPeer(.otherPeer, to: port)?.bytes == [1, 2, 3])
        #expect(turn.fromPeer(.peer, to: port)?.bytes.prefix(2) == [1, 0x15])
        #expect(client.activate(.peer)?.type == 0x0106)
    }

    @Test("whoever has sent from a permitted address may be the destination too, but never uses up the room")
    func heard() throws {
        let turn = TURNHarness.mirrors(turn: { $0.channelsPerAllocation = 4 })
        let client = try SecretClient(turn)
        let port = try #require(client.allocate()?.mapped)
        _ = client.send([1], to: .peer)
        for number in 1...50 as ClosedRange<UInt16> {
            #expect(turn.fromPeer(SocketAddress.peer.port(number), to: port)?.bytes.isEmpty == false)
        }
        #expect(client.activate(SocketAddress.peer.port(1))?.type == 0x0106)
        #expect(client.activate(SocketAddress.peer.port(50))?.code == 440)
        #expect(client.send([1], to: .otherPeer).reply?.type == 0x0104)
    }

    @Test("what is missing is 400, denied peers are refused, and limits are 300")
    func refused() throws {
        #expect(client.ask(0x0004, [.init(0x0013, [1])])?.code == 400)
        #expect(client.ask(0x0004, [.init(0x0011, Wire.value(.peer))])?.code == 400)
        #expect(client.ask(0x0004, [.init(0x0011, [0, 1, 2]), .init(0x0013, [1])])?.code == 400)
        #expect(client.ask(0x0006)?.code == 400)
        for address in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "198.51.100.10"] {
            let peer = SocketAddress(try #require(IPAddress(address)), port: 80)
            #expect(client.send([1], to: peer).reply?.code == 403)
        }
        #expect(client.send([1], to: SocketAddress(.relay, port: 3478)).reply?.code == 403)
        #expect(client.send([1], to: SocketAddress.client6).reply?.code == 443)
        let few = TURNHarness.mirrors(turn: { $0.permissionsPerAllocation = 1 })
        let other = try SecretClient(few)
        _ = other.allocate()
        #expect(other.send([1], to: .peer).reply?.type == 0x0104)
        #expect(other.send([1], to: .otherPeer).reply?.code == 300)
        #expect(few.server.sessions(now: few.now).first?.permissions.count == 1)
    }

    @Test("rules that change stop data both ways, and the end gives everything back")
    func ends() throws {
        _ = client.send([1], to: .peer)
        _ = client.activate(.peer)
        var policy = turn.server.policy
        policy.turn?.peers = TURNHarness.rules(deny: ["\(SocketAddress.peer.address)"])
        turn.server.policy = policy
        #expect(turn.send([1], from: flow).verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .drop(.noPermission))
        #expect(client.send([1], to: .peer).reply?.code == 403)
        turn.advance(seconds: 605)
        #expect(turn.server.sessionCount == 0 && turn.ledger.memory.used == 0 && turn.ledger.mirrors.allocations == 0)
        #expect(turn.server.table.permissions.count == 0 && turn.server.table.channels.count == 0)
        #expect(turn.server.table.mirrors.count == 0 && turn.ports.open.isEmpty)
    }
}

private func with(_ client: SecretClient, port: UInt16) -> SecretClient {
    var client = client
    client.flow = TURNClient.alice.at(client.flow.source.port(port)).flow
    return client
}

extension SecretClient {
    /// The same client from a network that is not let in.
    fileprivate static func stranger(_ client: SecretClient) -> SecretClient {
        var stranger = client
        stranger.flow = TURNClient.alice.at(SocketAddress(IPAddress(v4: 0xCB00_7109), port: 5)).flow
        return stranger
    }
}
