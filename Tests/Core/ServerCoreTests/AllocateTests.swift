import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Allocate (RFC 8656 section 7.2)")
struct AllocateTests {
    @Test(
        "success names the relayed address, the lifetime and the client's own address",
        arguments: TURNClient.Kind.allCases
    )
    func success(kind: TURNClient.Kind) {
        let turn = TURNHarness()
        let reply = turn.allocate(by: .alice.with { $0.kind = kind })
        #expect(reply.isSuccess(0x0003))
        #expect(reply.verdict == .reply)
        #expect(reply.relayed == [SocketAddress(.relay, port: 49152)])
        #expect(reply.lifetime == 600)
        #expect(reply.mapped == .client)
        #expect(reply.types == [0x0016, 0x000D, 0x0020, kind.integrityType])
        #expect(turn.server.sessionCount == 1)
    }

    @Test("USERHASH names a user as USERNAME does, and nobody can add a name behind the integrity (row 15)")
    func userHash() {
        let turn = TURNHarness()
        let hash = TestHash.sha256.digest(Array("alice:stund".utf8))
        let client = TURNClient.alice.with {
            $0.kind = .sha256
            $0.userHash = hash
        }
        #expect(turn.request(0x0003, [.udp], by: client, behind: [.raw(0x0006, Array("mallory".utf8))]).isSuccess)
        #expect(turn.server.sessions(now: turn.now).map(\.session.username) == ["alice"])
        #expect(turn.refresh(by: .alice).isSuccess, "the same user by name")
    }

    @Test("a retransmitted Allocate gets the same relay address and token, opens nothing and counts once")
    func retransmission() {
        let turn = TURNHarness { $0.quotas.userAllocations = 1 }
        let id = turn.nextID()
        let first = turn.allocate([.evenPort(reserving: true)], id: id)
        #expect(first.isSuccess && first.token?.count == 8)
        let state = turn.state
        let row = turn.server.sources.newestFirst.first
        turn.wait(seconds: 30)
        let again = turn.allocate([.evenPort(reserving: true)], id: id)
        #expect(again.bytes == first.bytes)
        // It is told as a repetition (message 1011), and changes nothing else.
        guard case .repeated(let session)? = turn.server.effects.popLast() else {
            Issue.record("the repetition is not told")
            return
        }
        #expect(session.username == "alice")
        #expect(turn.state == state)
        #expect(turn.server.counters.granted[0] == 1)
        #expect(turn.server.sources.newestFirst.first?.mirrorSetup == row?.mirrorSetup)
    }

    @Test(
        "another Allocate on a 5-tuple in use gets 437, also from another user; another port of ours is another 5-tuple"
    )
    func mismatch() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.allocate().code == 437)
        #expect(turn.allocate(by: .bob.at(.client)).code == 437)
        #expect(turn.server.refused?.refusal == .allocationExists)
        let other = TURNClient.alice.with {
            let destination = SocketAddress(IPAddress.server, port: 3479)
            $0.flow = ClientFlow(source: .client, destination: destination, role: .primaryAlternate)
        }
        #expect(turn.allocate(by: other).isSuccess)
        #expect(turn.server.sessionCount == 2)
        turn.wait(seconds: 600)
        #expect(turn.allocate().isSuccess, "its time is up, timers or not")
        #expect(turn.server.sessionCount == 2)
        #expect(turn.ports.open.count == 2)
    }

    @Test("REQUESTED-TRANSPORT is needed (400) and must be UDP (442)")
    func transport() {
        let turn = TURNHarness()
        let state = turn.state
        #expect(turn.request(0x0003).code == 400)
        #expect(turn.request(0x0003, [.raw(0x0019, [17])]).code == 400)
        for number in [0, 1, 6, 16, 18, 33, 132, 255] as [UInt8] {
            #expect(turn.request(0x0003, [.transport(number)]).code == 442)
            #expect(turn.server.refused?.refusal == .transport(number))
        }
        #expect(
            turn.request(0x0003, [.raw(0x0019, [17, 0xFF, 0xFF, 0xFF])]).isSuccess,
            "reserved bits are passed over"
        )
        #expect(turn.server.ledger.total.allocations == 1)
        #expect(state[0] == 0)
    }

    @Test("Allocate with DONT-FRAGMENT from IPv4 for an IPv6 relay is refused with 420")
    func dontFragment() {
        let turn = TURNHarness()
        for wanted in [[TURNAttribute.family(2)], [.dual], [.dual, .evenPort(reserving: false)]] {
            let refused = turn.allocate([.dontFragment] + wanted)
            #expect(refused.code == 420)
            #expect(refused[0x000A] == [0x00, 0x1A])
            #expect(refused.isSigned)
        }
        #expect(turn.server.sessionCount == 0)
        #expect(turn.ports.open.isEmpty)
        #expect(turn.allocate([.dontFragment], by: .alice6).isSuccess)
        #expect(turn.allocate([.dontFragment, .family(2)], by: .alice6.at(SocketAddress.client6.port(7))).isSuccess)
        #expect(turn.allocate([.dontFragment]).isSuccess)
    }

    @Test("a reserved IPv6 port is not had from IPv4 with DONT-FRAGMENT either")
    func dontFragmentWithToken() throws {
        let turn = TURNHarness()
        let token = try #require(turn.allocate([.family(2), .evenPort(reserving: true)], by: .alice6).token)
        let refused = turn.allocate([.dontFragment, .token(token)])
        #expect(refused.code == 420)
        #expect(refused[0x000A] == [0x00, 0x1A])
        #expect(turn.server.sessionCount == 1)
        #expect(turn.ports.open.count == 1)
        #expect(turn.ledger.total.allocations == 1)
    }

    @Test("a user at the limit gets 486 until an allocation ends, whatever the addresses (row 38)")
    func userQuota() {
        let turn = TURNHarness { $0.quotas.userAllocations = 2 }
        let clients = [TURNClient.alice, .alice6, .alice.at(.peer), .alice.at(SocketAddress.client.port(1))]
        #expect(turn.allocate(by: clients[0]).isSuccess)
        #expect(turn.allocate(by: clients[1]).isSuccess)
        for client in clients[2...] {
            let refused = turn.allocate(by: client)
            #expect(refused.code == 486 && refused.isSigned)
        }
        #expect(turn.server.refused?.refusal == .userAllocations(2))
        #expect(turn.allocate(by: .bob).isSuccess, "another user")
        #expect(turn.ports.open.count == 3)
        #expect(turn.refresh(0, by: clients[0]).isSuccess)
        #expect(turn.allocate(by: clients[2]).isSuccess)
        #expect(turn.allocate(by: clients[3]).code == 486)
        turn.advance(seconds: 601)
        #expect(turn.server.sessionCount == 0)
        #expect(turn.allocate(by: clients[3]).isSuccess)
    }

    @Test("the server's own limit of allocations is 508, and one that fails leaves the user's count as it was (row 38)")
    func totalQuota() {
        let turn = TURNHarness {
            $0.quotas.totalAllocations = 2
            $0.quotas.userAllocations = 2
        }
        #expect(turn.allocate().isSuccess)
        #expect(turn.allocate(by: .bob).isSuccess)
        for _ in 0..<5 { #expect(turn.allocate(by: .alice6).code == 508) }
        #expect(turn.server.refused?.refusal == .serverAllocations(2))
        #expect(turn.refresh(0, by: .bob).isSuccess)
        #expect(turn.allocate(by: .alice6).isSuccess)
    }

    @Test("row 38: with all ports taken the answer is 508, and the next Allocate after an end succeeds")
    func portsTaken() {
        let turn = TURNHarness { $0.quotas.userAllocations = 3 }
        turn.ports.range = 50000...50001
        let clients = (0..<4).map { TURNClient.alice.at(SocketAddress.client.port(UInt16(1000 + $0))) }
        #expect(turn.allocate(by: clients[0]).isSuccess)
        #expect(turn.allocate(by: clients[1]).isSuccess)
        for _ in 0..<10 { #expect(turn.allocate(by: clients[2]).code == 508) }
        #expect(turn.server.refused?.refusal == .relayPort(.noneFree))
        #expect(turn.refresh(0, by: clients[0]).isSuccess)
        #expect(turn.allocate(by: clients[3]).isSuccess)
        turn.ports.failure = .system(24)
        #expect(turn.allocate(by: clients[2]).code == 508)
        #expect(turn.server.refused?.refusal == .relayPort(.system(24)))
    }

    @Test("nothing is stored for an Allocate before its integrity holds (row 33)")
    func statelessness() {
        let turn = TURNHarness()
        let state = turn.state
        let wrong = [
            TURNClient.alice.with { $0.password = "guess" }, .alice.with { $0.name = "nobody" },
            .alice.with { $0.realm = "other" }, .alice.with { $0.nonce = Array("old".utf8) },
            .alice.with {
                $0.kind = .sha256
                $0.password = "guess"
            },
        ]
        for client in wrong {
            let reply = turn.allocate(by: client)
            #expect(reply.code == 401 || reply.code == 438)
            #expect(reply.nonce != nil && !reply.isSigned)
        }
        #expect(turn.challenge().code == 401)
        #expect(turn.state == state)
    }

    @Test("a requested family that is not relayed, or is none, gets 440")
    func families() {
        let turn = TURNHarness()
        turn.ports.addresses = [.relay]
        for family in [0, 2, 3, 4, 255] as [UInt8] {
            let refused = turn.allocate([.family(family)])
            #expect(refused.code == 440 && refused.isSigned)
        }
        #expect(turn.server.refused?.refusal == .addressFamily(255))
        #expect(turn.allocate([.raw(0x0017, [1])]).code == 400)
        #expect(turn.ledger.total.allocations == 0)
        turn.ports.addresses = [.relay6]
        #expect(turn.allocate([.family(1)]).code == 440)
        #expect(turn.allocate([.family(2)]).relayed == [SocketAddress(.relay6, port: 49152)])
    }

    @Test("without a requested family IPv4 is given to clients of both families, or 440 where there is none")
    func defaultFamily() {
        let turn = TURNHarness()
        for client in [TURNClient.alice, .alice6] {
            #expect(turn.allocate(by: client).relayed.map(\.address) == [.relay])
        }
        turn.ports.addresses = [.relay6]
        #expect(turn.allocate(by: .bob).code == 440)
        #expect(turn.allocate(by: .alice6.at(SocketAddress.client6.port(9))).code == 440)
    }

    @Test("the lifetime is what was asked for, but never under the default nor over the longest, 600 and 3600")
    func lifetimes() {
        let expected: [(UInt32?, UInt32)] = [
            (nil, 600), (0, 600), (1, 600), (599, 600), (600, 600), (601, 601), (1800, 1800), (3600, 3600),
            (3601, 3600),
            (.max, 3600),
        ]
        for (asked, granted) in expected {
            let turn = TURNHarness()
            #expect(turn.allocate(asked.map { [.lifetime($0)] } ?? []).lifetime == granted)
            turn.wait(seconds: granted - 1, nanoseconds: 999_999_999)
            #expect(turn.permit(.peer).isSuccess)
            turn.wait(nanoseconds: 1)
            #expect(turn.permit(.peer).code == 437)
            turn.advance(seconds: 2)
            #expect(turn.server.sessionCount == 0)
            #expect(turn.ports.open.isEmpty)
        }
    }

    @Test("a LIFETIME that is no number of four bytes gets 400, and nothing is opened or counted")
    func malformedLifetime() {
        let turn = TURNHarness()
        for count in [0, 1, 3, 5, 8] {
            #expect(turn.allocate([.raw(0x000D, Array(repeating: 1, count: count))]).code == 400)
        }
        #expect(turn.ports.open.isEmpty)
        #expect(turn.ledger.total.allocations == 0)
    }

    @Test("row 32: clients and peers with Teredo or 6to4 addresses get 403, and nothing is sent to one")
    func tunnels() throws {
        let turn = TURNHarness()
        let tunnels = try ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1", "2002:c000:204::1", "2002::"].map {
            SocketAddress(try #require(IPAddress($0)), port: 5000)
        }
        for address in tunnels {
            #expect(turn.allocate([.family(2)], by: .alice6.at(address)).code == 403)
        }
        #expect(turn.server.sessionCount == 0)
        #expect(turn.allocate([.family(2)], by: .alice6).isSuccess)
        for address in tunnels {
            #expect(turn.permit(address, by: .alice6).code == 403)
            #expect(turn.bind(0x4000, to: address, by: .alice6).code == 403)
            #expect(turn.sendIndication(to: address, by: .alice6).verdict == .drop(.noPermission))
        }
        #expect(turn.channelData(0x4000, by: .alice6).verdict == .drop(.noChannel))
    }

    @Test("each realm has lifetimes of its own, and its users are nobody in another realm")
    func realms() {
        let turn = TURNHarness { $0.realmLifetimes = [nil, Lifetimes(shortest: 60, longest: 120)] }
        let carol = TURNClient.carol
        #expect(turn.challenge(carol)[0x0014] == Array("example.org".utf8))
        #expect(turn.challenge(.bob)[0x0014] == Array("stund".utf8))
        #expect(turn.allocate([.lifetime(3000)], by: carol).lifetime == 120)
        #expect(turn.refresh(1, by: carol).lifetime == 60)
        #expect(turn.allocate([.lifetime(3000)]).lifetime == 3000)
        #expect(turn.allocate(by: carol.with { $0.realm = "stund" }).code == 401)
        #expect(turn.allocate(by: .bob.with { $0.realm = "example.org" }).code == 401)
    }
}
