import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("TURN clients with a connection (RFC 8656 sections 2, 12.5 and 21; attacks row 39)")
struct StreamClientTests {
    let turn = TURNHarness()

    @Test(
        "a 5-tuple is another one over another transport, and each has its own allocation",
        arguments: ClientTransport.allCases
    )
    func fiveTuple(transport: ClientTransport) {
        #expect(turn.allocate(by: .alice).isSuccess(0x0003))
        let other = TURNClient.alice.over(transport, 7)
        #expect(turn.allocate(by: other).code == (transport == .udp ? 437 : nil))
        #expect(turn.server.sessionCount == (transport == .udp ? 1 : 2))
    }

    @Test(
        "a later connection between the same addresses has nothing of the one before",
        arguments: [ClientTransport.tcp, .tls, .dtls]
    )
    func laterConnection(transport: ClientTransport) {
        let (first, second) = (TURNClient.alice.over(transport, 1), TURNClient.alice.over(transport, 2))
        #expect(turn.allocate(by: first).isSuccess)
        #expect(turn.refresh(by: second).code == 437)
        #expect(turn.allocate(by: second).isSuccess)
        turn.close(first)
        #expect(turn.server.sessionCount == 1)
        #expect(turn.refresh(by: first).code == 437)
        #expect(turn.refresh(by: second).isSuccess)
    }

    @Test("the same Allocate again on its connection gets the same answer")
    func repeated() {
        let client = TURNClient.alice.over(.tcp)
        let id = turn.nextID()
        let first = turn.allocate(by: client, id: id)
        #expect(first.isSuccess)
        #expect(turn.allocate(by: client, id: id).bytes == first.bytes)
        #expect(turn.allocate(by: client).code == 437)
        #expect(turn.refresh(by: TURNClient.bob.with { $0.flow = client.flow }).code == 441)
    }

    @Test(
        "ChannelData to a client on a stream is padded with zeros, and to others it is not",
        arguments: ClientTransport.allCases,
        0...5
    )
    func padding(transport: ClientTransport, count: Int) throws {
        let client = TURNClient.alice.over(transport)
        let relayed = try #require(turn.allocate(by: client).relayed.first)
        #expect(turn.bind(0x4001, to: .peer, by: client).isSuccess)
        let data = [UInt8](repeating: 0xDA, count: count)
        let outcome = turn.fromPeer(.peer, to: relayed, data)
        #expect(outcome?.verdict == .toClient(client.flow))
        let padding = transport.isStream ? [UInt8](repeating: 0, count: (4 - count % 4) % 4) : []
        #expect(outcome?.bytes == [0x40, 0x01, 0, UInt8(count)] + data + padding)
    }

    @Test("a stream's largest ChannelData is a whole frame, and one without room for its padding is dropped")
    func paddingAtTheEnd() throws {
        let client = TURNClient.alice.over(.tcp)
        let relayed = try #require(turn.allocate(by: client).relayed.first)
        turn.bind(0x4001, to: .peer, by: client)
        let relay = try #require(turn.relay(at: relayed))
        let data = [UInt8](repeating: 1, count: 65_501)
        for (room, expected) in [(3, Verdict.toClient(client.flow)), (2, .drop(.tooLarge))] {
            let (verdict, bytes) = withPacket(data, capacity: data.count + room, headroom: Packet.headroom) { packet in
                turn.server.receiveFromPeer(&packet, at: relay, from: .peer, now: turn.now)
            }
            #expect(verdict == expected)
            if room == 3 { #expect(StreamFramer.first(in: bytes.raw) == .whole(count: 65_505, padded: 65_508)) }
        }
    }

    @Test(
        "ChannelData and Send indications from a stream go to the peer without padding",
        arguments: [ClientTransport.tcp, .tls]
    )
    func toPeer(transport: ClientTransport) {
        let client = TURNClient.alice.over(transport)
        #expect(turn.allocate(by: client).isSuccess)
        turn.bind(0x4001, to: .peer, by: client)
        for padding in 0...3 {
            #expect(turn.channelData(0x4001, [1, 2, 3, 4, 5], padding: padding, by: client).bytes == [1, 2, 3, 4, 5])
        }
        #expect(turn.sendIndication(to: .peer, [7, 8, 9], by: client).bytes == [7, 8, 9])
        #expect(turn.channelData(0x4001, by: .alice).verdict == .drop(.noAllocation))
    }

    @Test("the end of a connection ends its allocation at once, says why, and gives back all it took")
    func closed() throws {
        let client = TURNClient.alice.over(.tls, 3)
        let relayed = try #require(turn.allocate(by: client).relayed.first)
        turn.bind(0x4001, to: .peer, by: client)
        _ = turn.server.takeEffects()
        turn.close(client)
        #expect(turn.server.sessionCount == 0)
        #expect(turn.ports.open.isEmpty)
        #expect(turn.ledger.total.allocations == 0)
        #expect(turn.ledger.memory.used == 0)
        guard case .ended(let session, .connectionClosed)? = turn.server.takeEffects().first else {
            Issue.record("no end was told")
            return
        }
        #expect(session.flow == client.flow)
        #expect(turn.fromPeer(.peer, to: relayed) == nil)
        turn.close(client)
        #expect(!turn.server.hasEffects)
    }

    @Test("the end of a connection touches nobody else's allocation, and a datagram's 5-tuple has none")
    func closedOthers() {
        turn.allocateAll([.alice, TURNClient.alice.over(.tcp, 1), TURNClient.bob.over(.tcp, 1)])
        turn.close(TURNClient.alice.over(.tcp, 2))
        turn.close(TURNClient.alice.over(.tls, 1))
        turn.close(.alice)
        #expect(turn.server.sessionCount == 3)
        turn.close(TURNClient.alice.over(.tcp, 1))
        #expect(turn.server.sessionCount == 2)
    }

    @Test("a forger of datagrams uses up no connection's challenges")
    func challenges() {
        turn.server.policy.challengeRate = Rate(perSecond: 1, burst: 2)
        let request = Wire.message(0x0003, as: .cookie, [TURNAttribute.udp.wire(id: Wire.id)])
        for _ in 0..<3 { _ = turn.send(request, from: TURNClient.alice.flow) }
        #expect(turn.send(request, from: TURNClient.alice.flow).verdict == .drop(.rateLimited))
        let connection = TURNClient.alice.over(.tcp).flow
        for _ in 0..<2 { #expect(turn.send(request, from: connection).verdict == .reply) }
        #expect(turn.send(request, from: connection).verdict == .drop(.rateLimited))
    }
}

extension TURNClient {
    /// The same client with a connection.
    func over(_ transport: ClientTransport, _ socket: UInt32 = 0) -> TURNClient {
        with {
            $0.flow = ClientFlow(
                source: flow.source,
                destination: flow.destination,
                role: flow.role,
                transport: transport,
                socket: socket
            )
        }
    }
}

extension TURNHarness {
    /// Says that a client's connection has ended.
    func close(_ client: TURNClient) { server.connectionClosed(client.flow, now: now, ports: &ports) }

    /// Gives each an allocation.
    func allocateAll(_ clients: [TURNClient]) {
        for client in clients { #expect(allocate(by: client).isSuccess) }
    }
}
