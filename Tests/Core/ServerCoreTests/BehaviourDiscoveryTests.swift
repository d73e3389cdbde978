import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("NAT behaviour discovery (RFC 5780 section 6.1)")
struct BehaviourDiscoveryTests {
    var one = ServerHarness()
    var two = ServerHarness(policy: .twoAddresses)

    /// One line of table 1: Da:Dp, the flags, and the answer's source and OTHER-ADDRESS.
    struct Line: Sendable {
        let asked: SocketRole
        let changesIP: Bool
        let changesPort: Bool
        let source: SocketRole
        let other: SocketRole

        init(_ asked: SocketRole, _ ip: Bool, _ port: Bool, _ source: SocketRole, _ other: SocketRole) {
            self.asked = asked
            changesIP = ip
            changesPort = port
            self.source = source
            self.other = other
        }
    }

    static let table1 = [
        Line(.primaryPrimary, false, false, .primaryPrimary, .alternateAlternate),
        Line(.primaryPrimary, true, false, .alternatePrimary, .alternateAlternate),
        Line(.primaryPrimary, false, true, .primaryAlternate, .alternateAlternate),
        Line(.primaryPrimary, true, true, .alternateAlternate, .alternateAlternate),
        Line(.primaryAlternate, false, false, .primaryAlternate, .alternatePrimary),
        Line(.primaryAlternate, true, false, .alternateAlternate, .alternatePrimary),
        Line(.primaryAlternate, false, true, .primaryPrimary, .alternatePrimary),
        Line(.primaryAlternate, true, true, .alternatePrimary, .alternatePrimary),
        Line(.alternatePrimary, false, false, .alternatePrimary, .primaryAlternate),
        Line(.alternatePrimary, true, false, .primaryPrimary, .primaryAlternate),
        Line(.alternatePrimary, false, true, .alternateAlternate, .primaryAlternate),
        Line(.alternatePrimary, true, true, .primaryAlternate, .primaryAlternate),
        Line(.alternateAlternate, false, false, .alternateAlternate, .primaryPrimary),
        Line(.alternateAlternate, true, false, .primaryAlternate, .primaryPrimary),
        Line(.alternateAlternate, false, true, .alternatePrimary, .primaryPrimary),
        Line(.alternateAlternate, true, true, .primaryPrimary, .primaryPrimary),
    ]

    @Test("table 1, for every socket, flag and family", arguments: table1, [SocketAddress.client, .client6])
    mutating func table(line: Line, client: SocketAddress) {
        let change = Wire.Attribute.change(ip: line.changesIP, port: line.changesPort, as: .cookie)
        let outcome = two.send(Wire.message(as: .cookie, [change]), from: client, on: line.asked)
        #expect(outcome.verdict == (line.source == line.asked ? .reply : .replyFrom(line.source, toPort: nil)))
        let answer = outcome.answer.flatMap { TakenApart($0, as: .cookie) }
        #expect(answer?.type == 0x0101)
        #expect(answer?.types == [0x20, 1, 0x802B, 0x802C])
        #expect(answer?[1] == value(client))
        #expect(answer?[0x802B] == two.address(of: line.source, family: client.address.family).map(value))
        #expect(answer?[0x802C] == two.address(of: line.other, family: client.address.family).map(value))
    }

    @Test("behind a NAT that maps both addresses one to one, clients are told those outside, wherever they ask")
    mutating func external() {
        let outside = (IPAddress(v4: 0xCB00_7105), IPAddress(v4: 0xCB00_7106))
        two.server.policy.v4.primaryExternal = outside.0
        two.server.policy.v4.alternateExternal = outside.1
        let first = two.ask(Wire.message(as: .cookie), as: .cookie)
        #expect(first?[0x802B] == value(SocketAddress(outside.0, port: 3478)))
        #expect(first?[0x802C] == value(SocketAddress(outside.1, port: 3479)))
        let second = two.ask(Wire.message(as: .cookie), as: .cookie, on: .alternateAlternate)
        #expect(second?[0x802B] == value(SocketAddress(outside.1, port: 3479)))
        #expect(second?[0x802C] == value(SocketAddress(outside.0, port: 3478)))
        let change = Wire.message(as: .cookie, [.change(ip: true, as: .cookie)])
        #expect(two.send(change).verdict == .replyFrom(.alternatePrimary, toPort: nil))
        #expect(two.ask(change, as: .cookie)?[0x802B] == value(SocketAddress(outside.1, port: 3478)))
        // SOURCE-ADDRESS and CHANGED-ADDRESS of RFC 3489.
        let classic = two.ask(Wire.message(as: .classic), as: .classic)
        #expect(classic?[4] == value(SocketAddress(outside.0, port: 3478)))
        #expect(classic?[5] == value(SocketAddress(outside.1, port: 3479)))
        let ofIPv6 = two.ask(Wire.message(as: .cookie), as: .cookie, from: .client6)
        #expect(ofIPv6?[0x802C] == two.address(of: .alternateAlternate, family: .v6).map(value))
    }

    @Test("without any attribute of this RFC the addresses are in the answer all the same")
    mutating func plain() {
        let answer = two.ask(Wire.message(as: .cookie), as: .cookie)
        #expect(answer?.types == [0x20, 1, 0x802B, 0x802C])
        #expect(two.send(Wire.message(as: .cookie)).answer?.count == 68)
        #expect(two.send(Wire.message(as: .cookie), from: .client6).answer?.count == 116)
    }

    @Test("with one address CHANGE-REQUEST is refused with 420 and the list, whatever its flags (section 6)")
    mutating func oneAddress() {
        for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
            let request = Wire.message(as: .cookie, [.change(ip: ip, port: port, as: .cookie)])
            let expected = Wire.message(0x0111, as: .cookie, [.init(9, [0, 0, 4, 20]), .init(0x0A, [0, 3])])
            #expect(one.send(request) == .init(verdict: .reply, answer: expected))
        }
        #expect(one.ask(Wire.message(as: .cookie), as: .cookie)?.types == [0x20])
        #expect(one.row?.error == 4)
        #expect(one.row?.noChange == 1)
    }

    @Test("where port 2 only sends there are no four sockets: 420, and no OTHER-ADDRESS")
    mutating func writeOnlyPort2() {
        two.server.policy.v4.readsPort2 = false
        #expect(two.ask(Wire.message(as: .cookie), as: .cookie)?.types == [0x20])
        let change = Wire.message(as: .cookie, [.change(port: true, as: .cookie)])
        #expect(two.ask(change, as: .cookie)?[9] == [0, 0, 4, 20])
        #expect(two.ask(change, as: .cookie, from: .client6)?.type == 0x0101)
    }

    @Test("a second address in one family is none in the other")
    mutating func families() {
        two.server.policy.v6.alternate = nil
        #expect(two.ask(Wire.message(as: .cookie), as: .cookie, from: .client6)?.types == [0x20])
        #expect(two.ask(Wire.message(as: .cookie), as: .cookie)?.types.count == 4)
    }

    @Test("RESPONSE-PORT of length 2 and 4 sends the answer to that port", arguments: [hex("0400"), hex("0400 0000")])
    mutating func responsePort(port: [UInt8]) {
        let outcome = one.send(Wire.message(as: .cookie, [.init(0x27, port)]))
        #expect(outcome.verdict == .replyFrom(.primaryPrimary, toPort: 1024))
        #expect(outcome.answer.flatMap { TakenApart($0, as: .cookie) }?.types == [0x20])
        let both = two.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie), .init(0x27, port)]))
        #expect(both.verdict == .replyFrom(.alternatePrimary, toPort: 1024))
    }

    @Test("RESPONSE-PORT below 1024, of another length, or with PADDING is refused with 400 (section 7.5)")
    mutating func refusedResponsePort() {
        let bad: [[Wire.Attribute]] = [
            [.init(0x27, hex("03ff 0000"))], [.init(0x27, hex("0000"))], [.init(0x27, hex("0035 0000"))],
            [.init(0x27, [])], [.init(0x27, [4])], [.init(0x27, hex("040000"))], [.init(0x27, hex("0400 0000 00"))],
            [.init(0x27, hex("0400 0000")), .init(0x26, [])],
            [.init(0x26, Array(repeating: 0, count: 100)), .init(0x27, hex("0400"))],
        ]
        for attributes in bad {
            let outcome = two.send(Wire.message(as: .cookie, attributes))
            #expect(outcome.verdict == .reply, "\(attributes)")
            let expected = Wire.message(0x0111, as: .cookie, [.init(9, [0, 0, 4, 0])])
            #expect(outcome.answer == expected, "\(attributes)")
        }
    }

    @Test("the older dialects do not know RESPONSE-PORT and PADDING")
    mutating func olderDialects() {
        for type in [0x26, 0x27] as [UInt16] {
            let request = [Wire.Attribute(type, hex("0400 0000"))]
            #expect(two.ask(Wire.message(as: .classic, request), as: .classic)?[9] == [0, 0, 4, 20])
            #expect(two.send(Wire.message(as: .rosenberg, request)).verdict == .drop(.unknownAttribute))
        }
    }

    @Test("PADDING is answered with PADDING, never so that the answer outgrows request or frame (row 31)")
    mutating func padding() throws {
        for harness in [one, two] {
            for client in [SocketAddress.client, .client6] {
                var harness = harness
                for count in Array(0...200) + [1000, 1400, 1476, 1480, 1500, 1600, 2000] {
                    let request = Wire.message(as: .cookie, [.init(0x26, Array(repeating: 0xFF, count: count))])
                    let answer = try #require(harness.send(request, from: client).answer)
                    let read = try #require(TakenApart(answer, as: .cookie))
                    let padding = try #require(read[0x26])
                    #expect(padding.count <= count && padding.count % 4 == 0)
                    #expect(padding.allSatisfy { $0 == 0 })
                    #expect(answer.count <= 1472)
                    #expect(padding.isEmpty || answer.count <= request.count)
                    #expect(count < 200 || padding.count >= min(count, 1452) - 128, "\(count)")
                }
            }
        }
    }
}
