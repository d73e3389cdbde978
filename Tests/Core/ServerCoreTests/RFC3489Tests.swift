import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Binding (RFC 3489)")
struct RFC3489Tests {
    var one = ServerHarness()
    var two = ServerHarness(policy: .twoAddresses)
    static let other = SocketAddress(IPAddress(v4: 0xC633_640B), port: 3479)

    @Test("with one address a bare request gets MAPPED-ADDRESS, one with CHANGE-REQUEST SOURCE-ADDRESS too")
    mutating func oneAddress() {
        let mapped = Wire.Attribute(1, value(.client))
        #expect(one.send(Wire.message(as: .classic)).answer == Wire.message(0x0101, as: .classic, [mapped]))
        let source = Wire.Attribute(4, value(SocketAddress(.server, port: 3478)))
        let request = Wire.message(as: .classic, [.change(as: .classic)])
        #expect(one.send(request).answer == Wire.message(0x0101, as: .classic, [mapped, source]))
    }

    @Test("with two addresses SOURCE-ADDRESS and CHANGED-ADDRESS are in every answer (section 8.1)")
    mutating func twoAddresses() {
        let expected = Wire.message(
            0x0101,
            as: .classic,
            [
                .init(1, value(.client)), .init(4, value(SocketAddress(.server, port: 3478))),
                .init(5, value(Self.other)),
            ]
        )
        #expect(two.send(Wire.message(as: .classic)).answer == expected)
    }

    @Test("where the answer comes from, for every socket and every flag", arguments: SocketRole.allCases)
    mutating func sources(asked: SocketRole) {
        for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
            let expected = asked.changing(ip: ip, port: port)
            let request = Wire.message(as: .classic, [.change(ip: ip, port: port, as: .classic)])
            let outcome = two.send(request, on: asked)
            #expect(outcome.verdict == (expected == asked ? .reply : .replyFrom(expected, toPort: nil)))
            let answer = outcome.answer.flatMap { TakenApart($0, as: .classic) }
            #expect(answer?[4] == two.address(of: expected, family: .v4).map(value))
            #expect(answer?[5] == two.address(of: asked.changing(ip: true, port: true), family: .v4).map(value))
        }
    }

    @Test("with one address the port can be changed, and the answer names port 2")
    mutating func changePort() {
        let outcome = one.send(Wire.message(as: .classic, [.change(port: true, as: .classic)]))
        #expect(outcome.verdict == .replyFrom(.primaryAlternate, toPort: nil))
        let source = outcome.answer.flatMap { TakenApart($0, as: .classic) }?[4]
        #expect(source == value(SocketAddress(.server, port: 3479)))
        #expect(one.row?.changePort == 1)
    }

    @Test(
        "with one address a change of IP is silence, counted as Change IP and noOtherAddress",
        arguments: [false, true]
    )
    mutating func changeIP(port: Bool) {
        let outcome = one.send(Wire.message(as: .classic, [.change(ip: true, port: port, as: .classic)]))
        #expect(outcome.verdict == .drop(.noOtherAddress))
        #expect(one.drops(.noOtherAddress) == 1)
        #expect(one.row?.changeIP == 1)
        #expect(one.row?.hits == 1)
    }

    @Test("a wildcard socket's answers name the address that was asked")
    mutating func wildcard() {
        var policy = Policy()
        policy.v4.primary = nil
        var harness = ServerHarness(policy: policy)
        let request = Wire.message(as: .classic, [.change(as: .classic)])
        #expect(harness.ask(request, as: .classic)?[4] == value(SocketAddress(.server, port: 3478)))
    }

    @Test("RESPONSE-ADDRESS never moves an answer (row 31)")
    mutating func responseAddress() {
        let aim = Wire.Attribute(2, value(SocketAddress(IPAddress(v4: 0x0808_0808), port: 53)))
        let outcome = two.send(Wire.message(as: .classic, [aim]))
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer.flatMap { TakenApart($0, as: .classic) }?.types == [1, 4, 5])
    }

    @Test("RESPONSE-ADDRESS of an unknown family is message 1009: silence")
    mutating func unknownFamily() {
        for bad in [hex("00 03 00 35 08 08 08 08"), hex("00 00 00 35 08 08 08 08"), [], [0]] {
            let outcome = two.send(Wire.message(as: .classic, [.init(2, bad)]))
            #expect(outcome.verdict == .drop(.unknownAddressFamily))
        }
        #expect(two.row?.error == 4)
    }

    @Test("a wrong length is message 1008, and processing continues with what is whole")
    mutating func wrongLength() {
        var bytes = Wire.message(as: .classic, [.change(port: true, as: .classic)])
        bytes[3] = 9
        let outcome = one.send(bytes)
        #expect(outcome.verdict == .replyFrom(.primaryAlternate, toPort: nil))
        #expect(one.server.hadWrongLength)
        #expect(outcome.answer.flatMap { TakenApart($0, as: .classic) }?.types == [1, 4])
        bytes[3] = 7
        #expect(one.send(bytes).verdict == .reply)
        #expect(one.server.hadWrongLength)
        #expect(one.send(Wire.message(as: .classic)).verdict == .reply)
        #expect(!one.server.hadWrongLength)
    }

    @Test("Shared Secret by UDP is refused with 433 (section 9.3); with the cookie there is no such method")
    mutating func sharedSecret() {
        let outcome = one.send(Wire.message(0x0002, as: .classic))
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer == Wire.message(0x0112, as: .classic, [.init(9, [0, 0, 4, 33])]))
        #expect(one.refusals(433) == 1)
        #expect(one.send(Wire.message(0x0002, as: .cookie)).verdict == .drop(.unknownMethod))
        #expect(one.send(Wire.message(0x0002, as: .rosenberg)).verdict == .drop(.unknownMethod))
    }

    @Test("unknown attributes are refused with 420; an odd list is filled by repeating (section 11.2.10)")
    mutating func unknownRequired() {
        let answer = one.ask(Wire.message(as: .classic, [.unknown]), as: .classic)
        #expect(answer?.type == 0x0111)
        #expect(answer?[9] == [0, 0, 4, 20])
        #expect(answer?[0x0A] == [0x77, 0x77, 0x77, 0x77])
        let second = Wire.Attribute(0x0020, value(.client))
        #expect(one.ask(Wire.message(as: .classic, [.unknown, second]), as: .classic)?[0x0A] == [0x77, 0x77, 0, 0x20])
    }

    @Test("every attribute of the RFC that means nothing in a request is passed over")
    mutating func meaningless() {
        for type in [1, 4, 5, 6, 7, 8, 9, 10, 11] as [UInt16] {
            let request = Wire.message(as: .classic, [.init(type, [0, 1, 0, 0])])
            #expect(one.ask(request, as: .classic)?.type == 0x0101, "\(type)")
        }
    }

    @Test("CHANGE-REQUEST of a wrong length is refused with 400")
    mutating func malformed() {
        for count in 0...12 where count != 4 {
            let request = Wire.message(as: .classic, [.init(3, Array(repeating: 0, count: count))])
            #expect(one.ask(request, as: .classic)?[9] == [0, 0, 4, 0], "\(count)")
        }
    }

    @Test("where port 2 only sends, CHANGED-ADDRESS names port 1")
    mutating func writeOnlyPort2() {
        two.server.policy.v4.readsPort2 = false
        let expected = SocketAddress(IPAddress(v4: 0xC633_640B), port: 3478)
        for flags in [(false, false), (true, false), (false, true), (true, true)] {
            let request = Wire.message(as: .classic, [.change(ip: flags.0, port: flags.1, as: .classic)])
            #expect(two.ask(request, as: .classic)?[5] == value(expected))
        }
        let outcome = two.send(Wire.message(as: .classic, [.change(port: true, as: .classic)]))
        #expect(outcome.verdict == .replyFrom(.primaryAlternate, toPort: nil))
    }
}
