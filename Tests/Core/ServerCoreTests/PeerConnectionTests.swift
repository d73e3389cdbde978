import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Connections of peers, and their end (RFC 6062 sections 5.3 to 5.5; attacks row 13)")
struct PeerConnectionTests {
    let turn: TURNHarness
    let control = TURNClient.alice.over(.tls, 1)
    let data = TURNClient.alice.at(.client.port(29_600)).over(.tcp, 2)
    let relayed: SocketAddress

    init() throws {
        turn = TURNHarness { $0.relaysTCP = true }
        relayed = try #require(turn.allocateTCP(by: control).relayed.first)
    }

    @Test("a peer with a permission is announced with its address and a number, and is bound")
    func attempt() throws {
        turn.permit(.peerOtherPort, by: control)
        let attempt = try #require(turn.accept(.peer, at: relayed))
        #expect(attempt.flow == control.flow)
        #expect(attempt.reply.type == 0x001C)
        #expect(attempt.reply.types == [0x0012, 0x002A])
        #expect(attempt.reply.peer == .peer)
        #expect(attempt.reply[0x002A] == Wire.bytes(attempt.id.rawValue))
        #expect(attempt.reply.id.prefix(4) == [0x21, 0x12, 0xA4, 0x42])
        let bound = turn.bindConnection(attempt.id, by: data)
        #expect(bound.verdict == .bound(attempt.id))
        #expect(bound.isSuccess(0x000B))
    }

    @Test("row 13: without a live permission for its IP address a peer's connection is closed")
    func noPermission() {
        #expect(turn.accept(.peer, at: relayed) == nil)
        turn.permit(.peer, by: control)
        #expect(turn.accept(.otherPeer, at: relayed) == nil)
        #expect(turn.accept(.peerOtherPort, at: relayed) != nil)
        turn.wait(seconds: 300)
        #expect(turn.accept(.peer, at: relayed) == nil)
        #expect(turn.drops(.noPermission) == 3)
    }

    @Test("rules that changed since hold for what peers begin, for what is there, and for what is being connected")
    func changedRules() throws {
        turn.permit(.peer, .otherPeer, by: control)
        let accepted = try #require(turn.accept(.peer, at: relayed))
        let other = try #require(turn.accept(.otherPeer, at: relayed))
        let asked = try #require(turn.connect(.peer.port(6000), by: control))
        turn.server.policy.turn?.peers = TURNHarness.rules(deny: ["93.184.216.34/32"])
        #expect(turn.accept(.peer.port(7000), at: relayed) == nil)
        #expect(turn.server.takeEndedConnections() == [accepted.id])
        #expect(turn.answerUnconnected(control)?.code == 403)
        #expect(turn.server.takeEndedConnections() == [asked.id])
        #expect(turn.bindConnection(other.id, by: data).isSuccess)
    }

    @Test("a connection that is made though its peer is forbidden by then is closed, and the client told 403")
    func forbiddenMeanwhile() throws {
        let asked = try #require(turn.connect(.peer, by: control))
        turn.server.policy.turn?.peers = TURNHarness.rules(deny: ["93.184.216.34/32"])
        #expect(turn.connected(asked.id, by: control).code == 403)
        #expect(turn.server.takeEndedConnections() == [asked.id])
        #expect(turn.answerUnconnected(control) == nil)
    }

    @Test("ConnectionBind is for a stream of its own, the same user, and a number that waits")
    func bindRefusals() throws {
        turn.permit(.peer, by: control)
        let id = try #require(turn.accept(.peer, at: relayed)).id
        #expect(turn.bindConnection(id, by: data.over(.udp)).code == 400)
        #expect(turn.server.refused?.refusal == .needsStream)
        #expect(turn.bindConnection(id, by: data.over(.dtls, 3)).code == 400)
        #expect(turn.bindConnection(id, by: control).code == 437)
        #expect(turn.request(0x000B, by: data).code == 400)
        #expect(turn.server.refused?.refusal == .missing(.connectionID))
        #expect(turn.request(0x000B, [.raw(0x002A, [1, 2, 3])], by: data).code == 400)
        #expect(turn.bindConnection(ConnectionID(rawValue: id.rawValue ^ 1), by: data).code == 400)
        #expect(turn.server.refused?.refusal == .unknownConnection)
        #expect(turn.bindConnection(id, by: TURNClient.bob.over(.tcp, 4)).code == 441)
        #expect(turn.bindConnection(id, by: data).isSuccess)
        #expect(turn.bindConnection(id, by: data.over(.tcp, 5)).code == 400)
    }

    @Test("a number that is being connected cannot be bound yet")
    func bindTooEarly() throws {
        let asked = try #require(turn.connect(.peer, by: control))
        #expect(turn.bindConnection(asked.id, by: data).code == 400)
    }

    @Test("a stranger's ConnectionBind gets a challenge, and the number in it tells the worker")
    func stranger() {
        let bytes = Wire.message(0x000B, as: .cookie, [.init(0x002A, [9, 1, 2, 3])])
        #expect(TURNReply(turn.send(bytes, from: data.flow), client: nil).code == 401)
        #expect(ConnectionID(ofBindRequest: bytes.raw)?.worker == 9)
        #expect(ConnectionID(ofBindRequest: Wire.message(0x000B, as: .cookie).raw) == nil)
        #expect(
            ConnectionID(ofBindRequest: Wire.message(0x000A, as: .cookie, [.init(0x002A, [9, 1, 2, 3])]).raw) == nil
        )
        #expect(ConnectionID(ofBindRequest: Array(bytes.dropLast()).raw) == nil)
        #expect(ConnectionID(ofBindRequest: [UInt8]().raw) == nil)
    }

    @Test("the end of an allocation ends all that belongs to it, however it ends", arguments: EndReason.allCases)
    func allocationEnds(reason: EndReason) throws {
        turn.permit(.peer, by: control)
        let waiting = try #require(turn.accept(.peer, at: relayed)).id
        let bound = try #require(turn.accept(.peer.port(1), at: relayed)).id
        #expect(turn.bindConnection(bound, by: data).isSuccess)
        let connecting = try #require(turn.connect(.otherPeer, by: control)).id
        switch reason {
        case .expired:
            // The control connection's own time is over while the bound one goes on.
            turn.advance(seconds: 610)
        case .deleted: #expect(turn.refresh(0, by: control).isSuccess)
        case .connectionClosed: turn.close(control)
        case .disconnected, .stopped, .forbidden:
            let count = turn.server.disconnect(now: turn.now, as: reason, ports: &turn.ports) { _ in true }
            #expect(count == 1)
        }
        let ended = Set(turn.server.takeEndedConnections())
        #expect(ended == [waiting, bound, connecting])
        #expect(turn.server.connections.count == 0)
        #expect(turn.answerUnconnected(control) == nil)
        #expect(turn.ledger.memory.used == 0)
        #expect(turn.bindConnection(waiting, by: data.over(.tcp, 7)).code == 400)
    }

    @Test("half of a dual allocation ends with its own connections alone")
    func halfEnds() throws {
        let dual = TURNClient.bob.over(.tcp, 8)
        let addresses = turn.allocateTCP([.dual], by: dual).relayed
        try #require(addresses.count == 2)
        turn.permit(.peer, .peer6, by: dual)
        let v4 = try #require(turn.accept(.peer, at: addresses[0])).id
        let v6 = try #require(turn.accept(.peer6, at: addresses[1])).id
        #expect(turn.refresh(0, [.family(2)], by: dual).isSuccess)
        #expect(turn.server.takeEndedConnections() == [v6])
        #expect(turn.server.connections.index(of: v4) != nil)
        #expect(turn.accept(.peer6, at: addresses[1]) == nil)
    }

    @Test("a used up bandwidth makes bytes wait, also those of datagrams, until what was too much is made up for")
    func bandwidth() throws {
        turn.permit(.peer, by: control)
        let id = try #require(turn.accept(.peer, at: relayed)).id
        #expect(turn.allowance(of: id) > 65_536)
        for quota in [\Quotas.userBytes, \Quotas.totalBytes] {
            turn.server.policy.turn?.quotas[keyPath: quota] = Rate(perSecond: 1000, burst: 1000)
            let before = turn.server.counters.traffic.bytesToPeers
            #expect(turn.allowance(of: id) == 65_536)
            turn.moved(999, toPeer: true, on: id)
            #expect(turn.allowance(of: id) == 65_536)
            // Nobody knows beforehand how many there are.
            turn.moved(5001, toPeer: true, on: id)
            #expect(turn.allowance(of: id) == 0)
            turn.wait(seconds: 5)
            #expect(turn.allowance(of: id) == 0)
            turn.wait(seconds: 1)
            #expect(turn.allowance(of: id) == 65_536)
            #expect(turn.server.counters.traffic.bytesToPeers == before + 6000)
            turn.server.policy.turn?.quotas[keyPath: quota] = nil
        }
    }
}

// MARK: What clients and the runtime do

extension TURNHarness {
    /// Connect; nil when the verdict is another one.
    func connect(
        _ peer: SocketAddress,
        by client: TURNClient,
        id: [UInt8]? = nil
    ) -> (
        to: SocketAddress, from: RelayID, id: ConnectionID
    )? {
        let datagram = signed(0x000A, [.peer(peer)], by: client, id: id)
        guard case .connect(let to, let from, let id) = send(datagram, from: client.flow).verdict else { return nil }
        return (to, from, id)
    }

    /// Says what became of it.
    func connected(_ id: ConnectionID, _ isConnected: Bool = true, by client: TURNClient) -> TURNReply {
        reply(to: client) { server, packet, now in server.peerConnected(id, isConnected, over: &packet, now: now) }
    }

    /// The answer to a Connect request that has waited too long.
    func answerUnconnected(_ client: TURNClient) -> TURNReply? {
        var isNone = false
        let reply = reply(to: client) { server, packet, now in
            let verdict = server.answerUnconnected(over: &packet, now: now)
            isNone = verdict == nil
            return verdict ?? .drop(.noAllocation)
        }
        return isNone ? nil : reply
    }

    /// A peer's connection to a relayed address; nil when it is closed.
    func accept(
        _ peer: SocketAddress,
        at relayed: SocketAddress
    ) -> (id: ConnectionID, flow: ClientFlow, reply: TURNReply)? {
        guard let relay = relay(at: relayed) else { return nil }
        let reply = reply(to: nil) { server, packet, now in
            server.peerAccepted(at: relay, from: peer, over: &packet, now: now)
        }
        guard case .attempt(let id, let flow) = reply.verdict else { return nil }
        return (id, flow, reply)
    }

    /// How many bytes may pass a bound connection.
    func allowance(of id: ConnectionID) -> Int { server.allowance(of: id, now: now) }

    /// Bytes have passed.
    func moved(_ bytes: Int, toPeer: Bool, on id: ConnectionID) {
        server.moved(bytes, toPeer: toPeer, on: id, now: now)
    }

    /// ConnectionBind.
    func bindConnection(_ id: ConnectionID, by client: TURNClient) -> TURNReply {
        request(0x000B, [.connection(id.rawValue)], by: client)
    }

    private func reply(
        to client: TURNClient?,
        _ body: (inout Server, inout Packet, Instant) -> Verdict
    ) -> TURNReply {
        let (verdict, bytes) = withPacket([], headroom: Packet.headroom) { packet in body(&server, &packet, now) }
        if case .drop = verdict { return TURNReply(Outcome(verdict: verdict, bytes: []), client: client) }
        return TURNReply(Outcome(verdict: verdict, bytes: bytes), client: client)
    }
}
