import Addresses
import ClusterCore
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Drain and redirect (RFC 8489 section 10, RFC 8656 section 7.2 step 11)")
struct RedirectTests {
    /// A server that knows others, loaded as told in thousandths.
    private static func draining(_ peers: ClusterPeer...) -> TURNHarness {
        let turn = TURNHarness()
        turn.server.isDraining = true
        turn.server.adopt(ClusterView(peers: peers, own: ServerState()), trust: nil)
        return turn
    }

    /// A server with a capacity of 100 allocations of which some are in use, that sends clients away from 80 on.
    private static func loaded(_ allocations: Int, _ peers: ClusterPeer...) -> TURNHarness {
        let turn = TURNHarness { turn in
            turn.capacity = 100
            turn.redirectLoad = 800
        }
        for _ in 0..<allocations { _ = turn.ledger.total.tryAddAllocation(limit: .max) }
        turn.server.adopt(ClusterView(peers: peers, own: ServerState()), trust: nil)
        return turn
    }

    @Test("a new Allocate of a known user gets 300 with the other server's address, signed, and opens nothing")
    func redirected() {
        let turn = Self.draining(.at(7))
        _ = turn.nonce(for: .alice)
        let state = turn.state
        let reply = turn.allocate()
        #expect(reply.code == 300 && reply.isSigned)
        #expect(reply.alternates == [ClusterPeer.address(7)])
        #expect(reply.types == [0x0009, 0x8023, 0x0008])
        #expect(turn.state == state)
        let redirection = Redirection(server: ClusterPeer.address(7), cause: .draining)
        #expect(turn.server.refused?.refusal == .redirected(redirection))
        #expect(turn.server.counters.refused[0] == 1 && turn.server.counters.redirected[0] == 1)
        #expect(turn.server.counters.named.contains { $0 == ("redirects-draining", 1) })
    }

    @Test("without another server it gets 508, and the cause is the drain")
    func nobodyElse() {
        let alone = TURNHarness()
        alone.server.isDraining = true
        for turn in [alone, Self.draining()] {
            let reply = turn.allocate()
            #expect(reply.code == 508 && reply.isSigned && reply.alternates.isEmpty)
            #expect(turn.server.refused?.refusal == .draining)
            #expect(turn.server.counters.redirected[0] == 0)
        }
    }

    @Test("strangers are asked for a credential first, and faults of the request are told before")
    func strangers() {
        let turn = Self.draining(.at(7))
        let challenge = turn.challenge()
        #expect(challenge.code == 401 && challenge.alternates.isEmpty)
        #expect(turn.allocate(by: .alice.with { $0.password = "wrong" }).code == 401)
        #expect(turn.request(0x0003).code == 400)
        #expect(turn.request(0x0003, [.transport(6)]).code == 442)
        #expect(turn.allocate([.raw(0x7777, [])]).code == 420)
    }

    @Test("what lives goes on: the Allocate's retransmission, Refresh, CreatePermission, ChannelBind and data")
    func goesOn() throws {
        let turn = TURNHarness()
        let id = turn.nextID()
        let first = turn.allocate(id: id)
        let relayed = try #require(first.relayed.first)
        turn.server.adopt(ClusterView(peers: [.at(7)], own: ServerState()), trust: nil)
        turn.server.isDraining = true
        #expect(turn.allocate(id: id).bytes == first.bytes)
        #expect(turn.allocate().code == 437, "another Allocate on the 5-tuple is no new client")
        #expect(turn.refresh(900).lifetime == 900)
        #expect(turn.permit(.peer).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        #expect(turn.channelData(0x4000).bytes == [1, 2, 3])
        #expect(turn.sendIndication(to: .peer).bytes == [1, 2, 3])
        #expect(turn.fromPeer(.peer, to: relayed)?.bytes == [0x40, 0, 0, 3, 1, 2, 3])
        turn.server.isDraining = false
        #expect(turn.allocate(by: .bob).isSuccess, "the drain was taken back")
    }

    @Test("the other half of a pair of ports is given to who has its token")
    func token() throws {
        let turn = TURNHarness()
        let token = try #require(turn.allocate([.evenPort(reserving: true)]).token)
        turn.server.adopt(ClusterView(peers: [.at(7)], own: ServerState()), trust: nil)
        turn.server.isDraining = true
        let other = TURNClient.alice.at(SocketAddress.client.port(7))
        #expect(turn.allocate([.token(token)], by: other).isSuccess)
        #expect(turn.allocate(by: .bob).code == 300)
    }

    @Test("a server of the client's own family is named, and its address of the other family behind it")
    func family() {
        let v6 = ClusterPeer.at(6) { $0.v4 = nil }
        let both = ClusterPeer.at(7)
        #expect(Self.draining(v6).allocate().code == 508)
        #expect(Self.draining(v6).allocate(by: .alice6).alternates == [ClusterPeer.address6(6)])
        let dual = ClusterPeer.at(8) { $0.v6 = PeerEndpoints(address: ClusterPeer.address6(8).address, port1: 3478) }
        #expect(Self.draining(both).allocate(by: .alice6).code == 508)
        #expect(Self.draining(dual).allocate().alternates == [ClusterPeer.address(8), ClusterPeer.address6(8)])
        let fromV6 = Self.draining(dual).allocate(by: .alice6).alternates
        #expect(fromV6 == [ClusterPeer.address6(8), ClusterPeer.address(8)])
    }

    @Test(
        "nobody is sent to a server that is dead, drains, is full, is foreign, or is the client or this server itself",
        arguments: 0..<9
    )
    func ineligible(fault: Int) {
        let bad = ClusterPeer.at(7) { peer in
            switch fault {
            case 0: peer.isHealthy = false
            case 1: peer.state.isDraining = true
            case 2: peer.state.load = 1001
            case 3: peer.kind = .classic
            case 4: peer.v4 = PeerEndpoints(address: SocketAddress.client.address, port1: SocketAddress.client.port)
            case 5: peer.v4 = PeerEndpoints(address: .server, port1: 3479)
            case 6: peer.state.instance = 42
            case 7: peer.v4 = PeerEndpoints(address: .unspecified(.v4), port1: 3478)
            default: peer.v4?.port1 = 0
            }
        }
        let turn = TURNHarness()
        turn.server.isDraining = true
        var own = ServerState()
        own.instance = 42
        turn.server.adopt(ClusterView(peers: [bad], own: own), trust: nil)
        #expect(turn.allocate().code == 508)
        // A good one beside it is chosen, however much it has to do.
        turn.server.adopt(ClusterView(peers: [bad, .at(8) { $0.state.load = 990 }], own: own), trust: nil)
        #expect(turn.allocate().alternates == [ClusterPeer.address(8)])
    }

    @Test("the least loaded server is named, and servers that are loaded alike take turns")
    func choice() {
        func peer(_ number: UInt32, _ load: UInt16) -> ClusterPeer { .at(number) { $0.state.load = load } }
        let one = Self.draining(peer(1, 300), peer(2, 20), peer(3, 700))
        for _ in 0..<3 { #expect(one.allocate().alternates == [ClusterPeer.address(2)]) }
        let turn = Self.draining(peer(1, 300), peer(2, 20), peer(3, 20), peer(4, 1000), peer(5, 20))
        let named = (0..<6).compactMap { _ in turn.allocate().alternates.first }
        #expect(named == [2, 3, 5, 2, 3, 5].map { ClusterPeer.address($0) })
    }

    @Test("over redirect-at a client goes to a server that has at least ten points less to do, else it is served")
    func overload() {
        func peer(_ load: UInt16) -> ClusterPeer { .at(7) { $0.state.load = load } }
        #expect(Self.loaded(79, peer(0)).allocate().isSuccess, "79 of 100")
        let turn = Self.loaded(80, peer(700))
        let reply = turn.allocate()
        #expect(reply.code == 300 && reply.alternates == [ClusterPeer.address(7)])
        #expect(
            turn.server.refused?.refusal
                == .redirected(Redirection(server: ClusterPeer.address(7), cause: .load(800)))
        )
        #expect(turn.server.counters.redirected[1] == 1)
        #expect(Self.loaded(80, peer(701)).allocate().isSuccess, "two full servers do not throw clients back and forth")
        #expect(Self.loaded(80).allocate().isSuccess)
        #expect(Self.loaded(80, peer(0)).allocate(by: .alice6).isSuccess, "no server of the family")
        let off = Self.loaded(99, peer(0))
        off.server.policy.turn?.redirectLoad = nil
        #expect(off.allocate().isSuccess)
        let far = Self.loaded(5000, peer(1001))
        #expect(far.allocate().isSuccess, "a server that is over its own measure is given nobody")
    }

    @Test("the load is measured in thousandths of the capacity, whatever both are")
    func load() {
        var turn = TURNHarness().server.policy.turn
        for (capacity, allocations, load) in [
            (100, 0, 0), (100, 1, 10), (3, 1, 333), (1, 2, 2000), (1, .max, 65535), (.max, .max, 1000), (0, 1, 1000),
            (100, -5, 0), (.max, 5, 0),
        ] as [(Int, Int, UInt16)] {
            turn?.capacity = capacity
            #expect(turn?.load(allocations: allocations) == load, "\(allocations) of \(capacity)")
        }
    }
}

extension ClusterPeer {
    /// A healthy server of our kind with one IPv4 address, which `change` may change.
    fileprivate static func at(_ number: UInt32, _ change: (inout ClusterPeer) -> Void = { _ in }) -> ClusterPeer {
        var peer = ClusterPeer(
            id: UInt16(number),
            kind: .sealed,
            v4: PeerEndpoints(address: address(number).address, port1: 3478),
            v6: number == 6 ? PeerEndpoints(address: address6(number).address, port1: 3478) : nil,
            isHealthy: true
        )
        peer.state.instance = UInt64(number) << 32
        change(&peer)
        return peer
    }

    fileprivate static func address(_ number: UInt32) -> SocketAddress {
        SocketAddress(IPAddress(v4: 0xCB00_7100 + number), port: 3478)
    }

    fileprivate static func address6(_ number: UInt32) -> SocketAddress {
        SocketAddress(IPAddress(v6High: 0x2001_0db8_0000_0001, low: UInt64(number)), port: 3478)
    }
}

extension TURNReply {
    /// The address of each ALTERNATE-SERVER.
    fileprivate var alternates: [SocketAddress] {
        attributes(0x8023).compactMap { value in
            switch value.count {
            case 8: SocketAddress(IPAddress(v4: Self.number(value[4...]).low), port: Self.number(value[2..<4]).port)
            case 20:
                SocketAddress(
                    IPAddress(v6High: Self.number(value[4..<12]).whole, low: Self.number(value[12...]).whole),
                    port: Self.number(value[2..<4]).port
                )
            default: nil
            }
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> (whole: UInt64, low: UInt32, port: UInt16) {
        let whole = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return (whole, UInt32(truncatingIfNeeded: whole), UInt16(truncatingIfNeeded: whole))
    }
}
