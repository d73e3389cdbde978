import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("rosenberg drafts")
struct RosenbergTests {
    var one = ServerHarness()
    var two = ServerHarness(policy: .twoAddresses)

    @Test(
        "where the answer comes from, for every socket and every flag from the top bit",
        arguments: SocketRole.allCases
    )
    mutating func sources(asked: SocketRole) {
        for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
            let expected = asked.changing(ip: ip, port: port)
            let request = Wire.message(as: .rosenberg, [.change(ip: ip, port: port, as: .rosenberg)])
            let outcome = two.send(request, on: asked)
            #expect(outcome.verdict == (expected == asked ? .reply : .replyFrom(expected, toPort: nil)))
            let answer = outcome.answer.flatMap { TakenApart($0, as: .rosenberg) }
            #expect(answer?.types == [1, 4, 5])
            #expect(answer?[1] == hex("7344 01 00 d9e6ba6a"))
            #expect(answer?[4] == two.address(of: expected, family: .v4).map(draft01))
            #expect(answer?[5] == two.address(of: asked.changing(ip: true, port: true), family: .v4).map(draft01))
        }
    }

    @Test("with one address the port can be changed and the IP cannot (message 1014)")
    mutating func oneAddress() {
        let port = one.send(Wire.message(as: .rosenberg, [.change(port: true, as: .rosenberg)]))
        #expect(port.verdict == .replyFrom(.primaryAlternate, toPort: nil))
        let address = one.send(Wire.message(as: .rosenberg, [.change(ip: true, as: .rosenberg)]))
        #expect(address.verdict == .drop(.noOtherAddress))
    }

    @Test("flags at the bottom, where later dialects have them, mean nothing")
    mutating func lowFlags() {
        #expect(one.send(Wire.message(as: .rosenberg, [.init(3, [0, 0, 0, 7])])).verdict == .reply)
    }

    @Test("the discard flag asks for silence")
    mutating func discard() {
        let outcome = two.send(Wire.message(as: .rosenberg, [.change(discard: true, as: .rosenberg)]))
        #expect(outcome.verdict == .drop(.discardFlag))
    }

    @Test("IPv6 addresses have 20 bytes in -01 and 19 in -00")
    mutating func v6() {
        let request = Wire.message(as: .rosenberg, [.change(as: .rosenberg)])
        #expect(
            one.ask(request, as: .rosenberg, from: .client6)?[1] == hex("9c40 02 00 20010db800ff0000 0000000000000077")
        )
        one.server.policy.draftAddressLayout = .draft00
        let answer = one.send(request, from: .client6).answer
        let mapped = answer.flatMap { TakenApart($0, as: .rosenberg, padded: false) }?[1]
        #expect(mapped == hex("9c40 02 20010db800ff0000 0000000000000077"))
    }

    @Test("the drafts knew no errors: what must be understood and is not is message 1010 and silence")
    mutating func unknownRequired() {
        #expect(one.send(Wire.message(as: .rosenberg, [.unknown])).verdict == .drop(.unknownAttribute))
        #expect(one.send(Wire.message(as: .rosenberg, [.init(3, [0])])).verdict == .drop(.malformed))
        #expect(one.send(Wire.message(as: .rosenberg, [.init(0x8888, [0, 0, 0, 0])])).verdict == .reply)
        #expect(one.row?.error == 2)
    }

    @Test("RESPONSE-ADDRESS never moves an answer (row 31); of an unknown family it is message 1009")
    mutating func responseAddress() {
        #expect(two.send(Wire.message(as: .rosenberg, [.init(2, hex("0035 01 00 08080808"))])).verdict == .reply)
        let unknown = two.send(Wire.message(as: .rosenberg, [.init(2, hex("0035 03 00 08080808"))]))
        #expect(unknown.verdict == .drop(.unknownAddressFamily))
    }

    @Test("a request of rosenberg-00 with a 7-byte address is read without padding")
    mutating func unpadded() {
        let flags = Wire.Attribute.change(port: true, as: .rosenberg)
        let request = Wire.message(as: .rosenberg, padded: false, [.init(2, hex("0035 01 08080808")), flags])
        #expect(two.send(request).verdict == .replyFrom(.primaryAlternate, toPort: nil))
    }

    @Test("a bare header of 8 bytes stays unanswered with one address: 20 bytes would be 2.5 times as many (row 27)")
    mutating func bare() {
        #expect(one.send(Wire.message(as: .rosenberg)).verdict == .drop(.amplification))
        #expect(two.ask(Wire.message(as: .rosenberg), as: .rosenberg)?.types == [1])
    }
}

@Suite("midcom drafts")
struct MidcomTests {
    var harness = ServerHarness(policy: .twoAddresses)

    @Test("FLAGS count from the bottom, and the discard flag asks for silence")
    mutating func discard() {
        let discard = Wire.message(as: .classic, [.change(port: true, discard: true, as: .classic)])
        #expect(harness.send(discard).verdict == .drop(.discardFlag))
        #expect(harness.drops(.discardFlag) == 1)
        #expect(harness.row?.changePort == 1)
        #expect(harness.row?.error == 0)
        let high = Wire.message(as: .classic, [.init(3, [0xE0, 0, 0, 0])])
        #expect(harness.send(high).verdict == .reply)
    }

    @Test("with the cookie that bit means nothing (RFC 5780 section 7.2)")
    mutating func cookie() {
        #expect(harness.send(Wire.message(as: .cookie, [.change(discard: true, as: .cookie)])).verdict == .reply)
    }

    @Test("CMS-SIGNED-DATA and COOKIE of midcom-00 are passed over")
    mutating func abandoned() {
        let request = Wire.message(as: .classic, [.init(6, [1, 2, 3, 4]), .init(7, Array(repeating: 9, count: 16))])
        #expect(harness.ask(request, as: .classic)?.types == [1, 4, 5])
    }
}
