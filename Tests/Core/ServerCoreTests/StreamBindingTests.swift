import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Binding over TCP, TLS and DTLS (RFC 8489 sections 6.2.2 and 11, RFC 5780 section 3)")
struct StreamBindingTests {
    var one = ServerHarness()
    var two = ServerHarness(policy: .twoTCPAddresses)

    static let connected = [ClientTransport.tcp, .tls, .dtls]

    @Test("a request is answered where it came, with the address that it came from", arguments: connected)
    mutating func answer(transport: ClientTransport) {
        let outcome = one.send(Wire.fingerprinted(), over: transport)
        #expect(outcome.verdict == .reply)
        let answer = outcome.answer.flatMap { TakenApart($0, as: .cookie) }
        #expect(answer?.types == [0x20, 0x8028])
        #expect(answer?[0x20].flatMap { Wire.unveiled($0, id: answer?.id ?? []) } == .client)
    }

    @Test("OTHER-ADDRESS is told over TCP where all four sockets take it, else not", arguments: connected)
    mutating func otherAddress(transport: ClientTransport) {
        let answer = two.send(Wire.message(as: .cookie), over: transport).answer.flatMap { TakenApart($0, as: .cookie) }
        #expect(answer?.types == (transport == .tcp ? [0x20, 1, 0x802B, 0x802C] : [0x20]))
        if transport == .tcp {
            #expect(answer?[0x802B] == two.address(of: .primaryPrimary, family: .v4).map(value))
            #expect(answer?[0x802C] == two.address(of: .alternateAlternate, family: .v4).map(value))
        }
        var datagramsOnly = ServerHarness(policy: .twoAddresses)
        #expect(datagramsOnly.send(Wire.message(as: .cookie), over: transport).answer?.count == 32)
    }

    @Test("no flag of CHANGE-REQUEST is understood, since nobody may be called back", arguments: connected)
    mutating func changeRequest(transport: ClientTransport) {
        for (ip, port) in [(true, false), (false, true), (true, true), (false, false)] {
            let request = Wire.message(as: .cookie, [.change(ip: ip, port: port, as: .cookie)])
            let outcome = two.send(request, over: transport)
            #expect(outcome.verdict == .reply)
            let answer = outcome.answer.flatMap { TakenApart($0, as: .cookie) }
            if transport == .tcp, !ip, !port {
                #expect(answer?.type == 0x0101)
            } else {
                #expect(answer?.type == 0x0111)
                #expect(answer?[0x000A] == [0, 3])
            }
        }
    }

    @Test("RESPONSE-PORT is not understood: a connection has one other end", arguments: connected)
    mutating func responsePort(transport: ClientTransport) {
        let outcome = two.send(Wire.message(as: .cookie, [.init(0x0027, [0x75, 0x30, 0, 0])]), over: transport)
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer.flatMap { TakenApart($0, as: .cookie) }?[0x000A] == [0, 0x27])
    }

    @Test("PADDING is answered as over UDP", arguments: connected)
    mutating func padding(transport: ClientTransport) {
        let request = Wire.message(as: .cookie, [.init(0x0026, [UInt8](repeating: 0, count: 400))])
        let datagram = two.send(request).answer.flatMap { TakenApart($0, as: .cookie) }
        let answer = two.send(request, over: transport).answer.flatMap { TakenApart($0, as: .cookie) }
        #expect(datagram?[0x0026]?.isEmpty == false)
        #expect(answer?[0x0026]?.isEmpty == false)
    }

    @Test(
        "of the old dialects TCP and TLS have the Shared Secret request alone",
        arguments: [ClientTransport.tcp, .tls]
    )
    mutating func classic(transport: ClientTransport) {
        #expect(one.send(Wire.message(as: .classic), over: transport).verdict == .drop(.notSTUN))
        #expect(one.send(Wire.message(as: .rosenberg), over: transport).verdict == .drop(.notSTUN))
        #expect(one.send(hex("0001 0004") + Wire.id, over: transport).verdict == .drop(.notSTUN))
        #expect(one.send(Wire.message(0x0102, as: .classic), over: transport).verdict == .drop(.notSTUN))
    }

    @Test("a Shared Secret request over TCP is told to use TLS, on the same connection (RFC 3489 section 8.2)")
    mutating func useTLS() {
        let outcome = one.send(Wire.message(0x0002, as: .classic), over: .tcp)
        #expect(outcome.verdict == .reply)
        let answer = outcome.answer.flatMap { TakenApart($0, as: .classic) }
        #expect(answer?.type == 0x0112)
        #expect(answer?[0x0009] == [0, 0, 4, 33])
    }

    @Test("over DTLS a request without the cookie gets 500, and an indication nothing (RFC 8489 section 11)")
    mutating func dtls() {
        for type: UInt16 in [0x0001, 0x0002, 0x0003] {
            let outcome = one.send(Wire.message(type, as: .classic), over: .dtls)
            #expect(outcome.verdict == .reply)
            let answer = outcome.answer.flatMap { TakenApart($0, as: .classic) }
            #expect(answer?.type == type | 0x0110)
            #expect(answer?[0x0009] == [0, 0, 5, 0])
        }
        #expect(one.refusals(500) == 3)
        for type: UInt16 in [0x0011, 0x0101, 0x0111] {
            #expect(one.send(Wire.message(type, as: .classic), over: .dtls).verdict == .drop(.notSTUN))
        }
    }

    @Test("a datagram of the fleet means nothing on a connection", arguments: connected)
    mutating func fleet(transport: ClientTransport) {
        let outcome = one.send([0xC5, 0x53, 0x54, 0x4E] + [UInt8](repeating: 1, count: 60), over: transport)
        #expect(outcome.verdict == .drop(.notSTUN))
    }
}

extension ServerHarness {
    /// Sends a message over a transport to the first socket.
    mutating func send(_ request: [UInt8], over transport: ClientTransport) -> Outcome {
        let flow = ClientFlow(
            source: .client,
            destination: SocketAddress(.server, port: 3478),
            role: .primaryPrimary,
            transport: transport
        )
        let (verdict, bytes) = withPacket(request, headroom: Packet.headroom) { packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        if case .drop = verdict { return Outcome(verdict: verdict, answer: nil) }
        return Outcome(verdict: verdict, answer: bytes)
    }
}

extension Policy {
    /// A host with two addresses whose four sockets take TCP too.
    static var twoTCPAddresses: Policy {
        var policy = twoAddresses
        policy.v4.takesTCP = true
        policy.v6.takesTCP = true
        return policy
    }
}
