import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Attacks on mirrors")
struct MirrorAttackTests {
    let turn = TURNHarness.mirrors()
    let client = TURNClient.alice.flow

    @Test("no open relay: by default, and for addresses that are not named, nothing is answered or kept")
    func openRelay() {
        let off = TURNHarness()
        #expect(off.send(TURNHarness.draftAllocate(), from: client).verdict == .drop(.unknownMethod))
        let empty = TURNHarness.mirrors { $0.clients = [] }
        // The networks next to the one that is let in, and an IPv6 one.
        let strangers = ["217.230.185.255", "217.230.187.0", "2001:db8:fe::1"].compactMap { IPAddress($0) }
            .map { TURNClient.alice.at(SocketAddress($0, port: 5)).flow }
        for (turn, source) in [(empty, client)] + strangers.map({ (turn, $0) }) {
            let state = turn.state
            #expect(turn.send(TURNHarness.draftAllocate(), from: source).verdict == .drop(.clientForbidden))
            #expect(turn.server.refused?.refusal == .mirrorClient)
            #expect(turn.state == state)
        }
        #expect(off.state == TURNHarness().state)
    }

    @Test("Allocate over TCP, TLS or DTLS is none of the draft's", arguments: [ClientTransport.tcp, .tls, .dtls])
    func connections(transport: ClientTransport) {
        let flow = ClientFlow(
            source: client.source,
            destination: client.destination,
            role: client.role,
            transport: transport
        )
        _ = turn.send(TURNHarness.draftAllocate(), from: flow)
        #expect(turn.server.sessionCount == 0)
    }

    @Test(
        "denied peers never become the peer, and nothing of theirs reaches the client",
        arguments: ["10.0.0.1", "127.0.0.1", "169.254.169.254", "224.0.0.1", "198.51.100.10", "0.0.0.0"]
    )
    func deniedPeers(address: String) throws {
        let port = try #require(turn.mirror()?.mapped)
        let denied = SocketAddress(try #require(IPAddress(address)), port: 4000)
        #expect(turn.fromPeer(denied, to: port)?.verdict == .drop(.peerForbidden))
        // Our own listening sockets answer whoever forges a request in a relay's name.
        let own = SocketAddress(.relay, port: 3478)
        #expect(turn.fromPeer(own, to: port)?.verdict == .drop(.peerForbidden))
        #expect(turn.fromPeer(SocketAddress.peer.port(0), to: port)?.verdict == .drop(.peerForbidden))
        #expect(turn.fromPeer(.peer, to: port)?.bytes == [1, 2, 3])
    }

    @Test("rules that change later stop a peer at once, both ways")
    func revoked() throws {
        let port = try #require(turn.lockedMirror())
        var policy = turn.server.policy
        policy.turn?.peers = TURNHarness.rules(deny: ["\(SocketAddress.peer.address)"])
        turn.server.policy = policy
        #expect(turn.fromPeer(.peer, to: port)?.verdict == .drop(.noPermission))
        #expect(turn.send([1], from: client).verdict == .drop(.noPermission))
    }

    @Test(
        "nobody takes a mirror over: not another port of the peer's address, nor another address, nor the peer by asking"
    )
    func stealing() throws {
        let port = try #require(turn.lockedMirror())
        let thieves: [SocketAddress] = [
            .otherPeer, SocketAddress.peer.port(1), client.source.port(2), TURNClient.bob.flow.source,
        ]
        for thief in thieves {
            for data in [[7], TURNHarness.draftAllocate()] as [[UInt8]] {
                #expect(turn.fromPeer(thief, to: port, data)?.verdict == .drop(.noPermission))
            }
        }
        #expect(turn.fromPeer(.peer, to: port, TURNHarness.draftAllocate())?.verdict == .toClient(client))
        #expect(turn.send([1], from: TURNClient.bob.flow).verdict == .drop(.notSTUN))
        guard case .toPeer(.peer, _, _) = turn.send([1], from: client).verdict else {
            Issue.record("the peer has changed")
            return
        }
    }

    @Test("only the client's own address can ask the mirror's port; whoever else does is its peer")
    func foreignQuestion() throws {
        let port = try #require(turn.mirror()?.mapped)
        let question = TURNHarness.draftAllocate()
        #expect(turn.fromPeer(.peer, to: port, question) == .init(verdict: .toClient(client), bytes: question))
    }

    @Test(
        "a forged question moves data away only until the client sends, whether it came before the client's or after it"
    )
    func forgedQuestion() throws {
        let (own, forged) = (client.source.port(31_000), client.source.port(31_001))
        for questions in [
            [own, forged], [forged, own], [own, forged, forged.port(31_002)], [own, own, forged, own],
        ] {
            let turn = TURNHarness.mirrors()
            let port = try #require(turn.mirror()?.mapped)
            for question in questions { #expect(turn.ask(port, from: question)?.mapped == question) }
            // The client does not become its own peer.
            #expect(turn.fromPeer(own, to: port)?.verdict == .drop(.noDestination))
            let relay = try #require(turn.relay(at: port))
            let last = questions.last ?? own
            #expect(turn.fromPeer(.peer, to: port)?.verdict == .toPeer(last, relay, dontFragment: false))
            #expect(turn.fromPeer(own, to: port, [9])?.verdict == .toPeer(.peer, relay, dontFragment: false))
            for _ in 0..<2 {
                #expect(turn.fromPeer(.peer, to: port)?.verdict == .toPeer(own, relay, dontFragment: false))
                // Nobody asks any more.
                let late = client.source.port(31_009)
                #expect(turn.fromPeer(late, to: port, TURNHarness.draftAllocate())?.verdict == .drop(.noPermission))
            }
        }
    }

    @Test("datagrams can't go in circles between the server's own ports: none of them is a client of a mirror")
    func circles() throws {
        let turn = TURNHarness.mirrors {
            $0.clients.append(contentsOf: [IPPrefix("198.51.100.20/32")].compactMap(\.self))
        }
        let own = TURNClient("alice", "wonderland", at: SocketAddress(.relay, port: 60_000))
        let port = try #require(turn.mirror(by: own)?.mapped)
        #expect(
            turn.fromPeer(SocketAddress(.relay, port: 50_001), to: port, TURNHarness.draftAllocate())?.verdict
                == .drop(.peerForbidden)
        )
    }

    @Test("two mirrors of one server are each other's peers, while both live")
    func betweenMirrors() throws {
        let first = try #require(turn.mirror()?.mapped)
        let other = TURNClient.alice.at(client.source.port(9))
        let second = try #require(turn.mirror(by: other)?.mapped)
        #expect(turn.fromPeer(first, to: second)?.verdict == .toClient(other.flow))
        #expect(turn.fromPeer(second, to: first)?.verdict == .toClient(client))
        guard case .toPeer(second, _, _) = turn.send([1], from: client).verdict else {
            Issue.record("the other mirror is not reached")
            return
        }
        _ = turn.server.disconnect(now: turn.now, ports: &turn.ports) { $0.flow == other.flow }
        #expect(turn.send([1], from: client).verdict == .drop(.peerForbidden))
    }

    @Test("one client can't use up the ports, nor can all that are let in together")
    func exhaustion() throws {
        let turn = TURNHarness.mirrors {
            $0.perClient = 3
            $0.total = 5
        }
        var granted = 0
        for host in 1...10 as ClosedRange<UInt32> {
            for port in 1...10 as ClosedRange<UInt16> {
                let source = SocketAddress(IPAddress(v4: 0xD9E6_BA00 + host), port: port)
                if turn.mirror(by: TURNClient.alice.at(source))?.mapped != nil { granted += 1 }
            }
        }
        #expect(granted == 5 && turn.ports.open.count == 5)
    }

    @Test("an allocation of a user is no mirror's, and a mirror no user's")
    func mixed() throws {
        #expect(turn.allocate().isSuccess)
        #expect(turn.mirror()?.types.isEmpty == true)
        #expect(turn.server.refused?.refusal == .allocationExists)
        let other = TURNClient.alice.at(client.source.port(9))
        _ = try #require(turn.mirror(by: other)?.mapped)
        #expect(turn.allocate(by: other).code == 437)
        for method in [0x0004, 0x0008, 0x0009] as [UInt16] {
            #expect(turn.request(method, [.peer(.peer), .channel(0x4000)], by: other).code == 441)
        }
        #expect(turn.sendIndication(to: .peer, by: other).verdict == .drop(.noPermission))
        #expect(turn.channelData(0x4000, by: other).verdict == .drop(.noChannel))
    }

    @Test("settings that take a client out, or mirrors away, end its mirrors")
    func takenAway() throws {
        for change in [
            { $0.turn?.mirror = nil }, { $0.turn?.mirror?.clients = [] }, { $0.turn?.mirror?.isDraft00 = false },
            { $0.turn = nil },
        ]
            as [(inout Policy) -> Void]
        {
            let turn = TURNHarness.mirrors()
            let port = try #require(turn.lockedMirror())
            _ = turn.server.takeEffects()
            change(&turn.server.policy)
            #expect(turn.send([1], from: client).bytes.isEmpty)
            #expect(turn.fromPeer(.peer, to: port)?.bytes == [])
            turn.advance(seconds: 2)
            #expect(turn.server.sessionCount == 0 && turn.ports.open.isEmpty)
            #expect(turn.mirror() == nil)
            guard case .ended(_, .forbidden)? = turn.server.takeEffects().first else {
                Issue.record("the end is not told")
                continue
            }
        }
    }

    @Test("requests beyond the rate are not answered")
    func rate() {
        let turn = TURNHarness.mirrors()
        turn.server.policy.bindingRate = Rate(perSecond: 1, burst: 2)
        for _ in 0..<2 { #expect(turn.mirror() != nil) }
        #expect(turn.send(TURNHarness.draftAllocate(), from: client).verdict == .drop(.rateLimited))
    }
}
