import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("TCP allocations (RFC 6062 sections 4.1 and 5.1)")
struct TCPAllocationTests {
    let turn = TURNHarness { $0.relaysTCP = true }

    @Test("a client on TCP or TLS gets a relay port for TCP", arguments: [ClientTransport.tcp, .tls])
    func allocate(transport: ClientTransport) throws {
        let client = TURNClient.alice.over(transport)
        let answer = turn.allocateTCP(by: client)
        #expect(answer.isSuccess(0x0003))
        #expect(answer.types.prefix(3) == [0x0016, 0x000D, 0x0020])
        let relayed = try #require(answer.relayed.first)
        #expect(turn.ports.isListening(port: relayed.port, of: .v4))
        #expect(!turn.ports.isOpen(port: relayed.port, of: .v4))
        #expect(turn.server.sessions(now: turn.now).first?.session.relaysTCP == true)
        #expect(turn.refresh(700, by: client).lifetime == 700)
        #expect(turn.refresh(0, by: client).isSuccess)
        #expect(turn.ports.open.isEmpty)
    }

    @Test(
        "a client on UDP or DTLS gets 400, and one that asks for neither protocol 442",
        arguments: [ClientTransport.udp, .dtls]
    )
    func datagrams(transport: ClientTransport) {
        let client = TURNClient.alice.over(transport)
        #expect(turn.allocateTCP(by: client).code == 400)
        #expect(turn.server.refused?.refusal == .needsStream)
        #expect(turn.request(0x0003, [.transport(132)], by: client).code == 442)
        #expect(turn.request(0x0003, [.transport(132)], by: client.over(.tcp)).code == 442)
    }

    @Test(
        "DONT-FRAGMENT, EVEN-PORT and RESERVATION-TOKEN are none of TCP's",
        arguments: [
            (TURNAttribute.dontFragment, UInt16(0x001A)), (.evenPort(reserving: false), 0x0018),
            (.evenPort(reserving: true), 0x0018), (.token([1, 2, 3, 4, 5, 6, 7, 8]), 0x0022),
        ]
    )
    func conflicts(attribute: TURNAttribute, type: UInt16) {
        #expect(turn.allocateTCP([attribute], by: .alice.over(.tcp)).code == 400)
        #expect(turn.server.refused?.refusal == .conflict(.requestedTransport, AttributeType(rawValue: type)))
        #expect(turn.ports.open.isEmpty)
        #expect(turn.ledger.memory.used == 0)
    }

    @Test("both families at once are two relay ports for TCP")
    func dual() {
        let relayed = turn.allocateTCP([.dual], by: .alice.over(.tcp)).relayed
        #expect(relayed.map(\.address.family) == [.v4, .v6])
        for address in relayed { #expect(turn.ports.isListening(port: address.port, of: address.address.family)) }
    }

    @Test("a server that does not relay TCP says 442 as before, and knows neither Connect nor ConnectionBind")
    func off() {
        let turn = TURNHarness()
        #expect(turn.allocateTCP(by: .alice.over(.tcp)).code == 442)
        #expect(turn.request(0x000A, [.peer(.peer)], by: .alice.over(.tcp)).code == 400)
        #expect(turn.request(0x000B, [.connection(1)], by: .alice.over(.tcp)).code == 400)
    }

    @Test("a TCP allocation relays no datagrams: no channel, and Send goes nowhere")
    func noDatagrams() {
        let client = TURNClient.alice.over(.tcp)
        #expect(turn.allocateTCP(by: client).isSuccess)
        #expect(turn.permit(.peer, by: client).isSuccess)
        #expect(turn.bind(0x4001, to: .peer, by: client).code == 437)
        #expect(turn.server.refused?.refusal == .otherTransport)
        #expect(turn.sendIndication(to: .peer, by: client).verdict == .drop(.noAllocation))
        #expect(turn.channelData(0x4001, by: client).verdict == .drop(.noChannel))
    }
}

extension TURNAttribute {
    static let tcp = Self.transport(6)
    static func connection(_ id: UInt32) -> Self { .raw(0x002A, Wire.bytes(id)) }
}

extension TURNHarness {
    /// Allocate for TCP.
    func allocateTCP(_ attributes: [TURNAttribute] = [], by client: TURNClient) -> TURNReply {
        request(0x0003, [.tcp] + attributes, by: client)
    }
}
