import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Attacks on parsers, by the row numbers of the attack table")
struct ParserAttackTests {
    @Test("row 44: all padding of 100,000 answers is zero, and no byte of an answer is what lay in the buffer before")
    func leaks() {
        var generator = SeededGenerator.announced("row 44")
        var harnesses = ServerHarness.hosts.map { ServerHarness(policy: $0.policy) }
        var answered = 0
        while answered < 100_000 {
            let request = AttackCorpus.random(&generator)
            let host = Int.random(in: 0..<harnesses.count, using: &generator)
            let client: SocketAddress = Bool.random(using: &generator) ? .client : .client6
            guard let answer = harnesses[host].send(request, from: client).answer else { continue }
            answered += 1
            let readings = Dialect.allCases.compactMap { TakenApart(answer, as: $0) }
            if readings.contains(where: { !$0.padding.allSatisfy { $0 == 0 } }) { Issue.record("padding: \(answer)") }
            guard answer != harnesses[host].send(request, from: client, filledWith: 0x55).answer else { continue }
            Issue.record("the buffer shows: \(request)")
        }
    }

    @Test(
        "row 45: an attribute that claims 400 bytes in a message of 24 or 28 is not answered",
        arguments: Dialect.allCases
    )
    func attributeOverrun(dialect: Dialect) {
        var harness = ServerHarness(policy: .twoAddresses)
        for type in AttackCorpus.types {
            for value in [[], [0, 0, 0, 0]] as [[UInt8]] {
                let request = Wire.message(as: dialect, [.init(type, value, claiming: 400)])
                #expect(harness.send(request).verdict == .drop(.malformed))
            }
        }
        #expect(harness.isAlive())
    }

    @Test(
        "row 46: every attribute in every length 0 to 64 and 65535, twice, in all orders, is answered rightly or not at all",
        arguments: Dialect.allCases
    )
    func everyAttribute(dialect: Dialect) {
        var harnesses = ServerHarness.hosts.map { ServerHarness(policy: $0.policy) }
        for first in AttackCorpus.types {
            for second in AttackCorpus.types {
                for length in 0...65 {
                    let value = Array(repeating: UInt8(length), count: min(length, 64))
                    let claim: UInt16? = length == 65 ? 65535 : nil
                    let request = Wire.message(
                        as: dialect,
                        [.init(first, value), .init(second, value, claiming: claim)]
                    )
                    let host = length % harnesses.count
                    let outcome = harnesses[host].send(request)
                    if claim != nil { #expect(outcome.verdict == .drop(.malformed)) }
                    guard let answer = outcome.answer else { continue }
                    let isWrongPort = dialect == .cookie && first == 0x0027 && length != 2 && length != 4
                    let isMalformed = first == 0x0003 && length != 4 || isWrongPort
                    // FINGERPRINT that is not the last attribute: not STUN.
                    #expect(dialect != .cookie || first != 0x8028)
                    let isRefusal = answer.starts(with: [0x01, 0x11])
                    if isMalformed, !isRefusal { Issue.record("\(request)") }
                }
            }
        }
        for host in harnesses.indices { #expect(harnesses[host].isAlive()) }
    }

    @Test("row 46: all six orders of CHANGE-REQUEST, RESPONSE-PORT and an unknown attribute mean the same")
    func orders() {
        var harness = ServerHarness(policy: .twoAddresses)
        let change = Wire.Attribute.change(ip: true, as: .cookie)
        let port = Wire.Attribute(0x27, hex("2345"))
        let optional = Wire.Attribute(0x8022, [1, 2, 3])
        let orders = [
            [change, port, optional], [change, optional, port], [port, change, optional], [port, optional, change],
            [optional, change, port], [optional, port, change],
        ]
        for order in orders {
            #expect(
                harness.send(Wire.message(as: .cookie, order)).verdict == .replyFrom(.alternatePrimary, toPort: 0x2345)
            )
            let twice = order + [.change(port: true, as: .cookie), Wire.Attribute(0x27, hex("4321"))]
            #expect(
                harness.send(Wire.message(as: .cookie, twice)).verdict == .replyFrom(.alternatePrimary, toPort: 0x2345)
            )
        }
    }

    @Test("row 47: after the whole corpus, on every socket and family, a Binding request is still answered")
    func survival() throws {
        var generator = SeededGenerator.announced("row 47")
        let corpus = try AttackCorpus.datagrams(random: 10_000, &generator)
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for request in corpus {
                for role in SocketRole.allCases {
                    _ = harness.send(request, from: .client, on: role)
                    _ = harness.send(request, from: .client6, on: role)
                }
            }
            #expect(harness.isAlive())
            #expect(harness.server.sources.newestFirst.count == 2)
        }
    }

    @Test("row 47: no prefix of any datagram, and no length of noise, ends the server")
    func prefixes() throws {
        var generator = SeededGenerator.announced("row 47, prefixes")
        var harness = ServerHarness(policy: .twoAddresses)
        for (_, bytes) in try Fixtures.datagrams() {
            for count in 0...bytes.count { _ = harness.send(Array(bytes[..<count])) }
        }
        for count in 0...1600 { _ = harness.send(generator.bytes(count)) }
        harness.now = Instant(nanoseconds: harness.now.nanoseconds + 60_000_000_000)
        #expect(harness.isAlive())
    }

    @Test("row 48: a wrong FINGERPRINT, or one that is not last, is met with silence")
    func fingerprint() {
        var harness = ServerHarness(policy: .twoAddresses)
        let good = Wire.fingerprinted(0x0001, [.change(as: .cookie)])
        #expect(harness.send(good).verdict == .reply)
        for bit in (good.count - 4) * 8..<good.count * 8 {
            var bad = good
            bad[bit / 8] ^= 1 << (bit % 8)
            #expect(harness.send(bad).verdict == .drop(.badFingerprint))
        }
        for rest in [Wire.Attribute(0x8022, []), Wire.Attribute(0x8028, Array(good.suffix(4)))] {
            let early = Wire.fingerprinted(0x0001, [.change(as: .cookie)], followedBy: [rest])
            #expect(harness.send(early).verdict == .drop(.badFingerprint))
        }
        #expect(harness.drops(.badFingerprint) == 34)
        #expect(harness.row?.error == 34)
    }

    @Test("row 48: UNKNOWN-ATTRIBUTES names at most 16 numbers, whatever the request holds")
    func unknownAttributes() {
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for count in 1...300 {
                let attributes = (0..<UInt16(count)).map { Wire.Attribute(0x7000 + $0, []) }
                for dialect in [Dialect.classic, .cookie] {
                    let answer = harness.ask(Wire.message(as: dialect, attributes), as: dialect)
                    #expect(answer?[9] == [0, 0, 4, 20])
                    var listed = (0..<UInt16(min(count, 16))).flatMap { Wire.bytes(0x7000 + $0) }
                    if dialect == .classic, count < 16, count % 2 == 1 { listed += listed.suffix(2) }
                    #expect(answer?[0x0A] == listed)
                }
            }
        }
    }

    @Test("row 49: an unknown method is met with silence, all 4095 of them", arguments: Dialect.allCases)
    func unknownMethods(dialect: Dialect) {
        var harness = ServerHarness(policy: .twoAddresses)
        for raw in UInt16(0)...0xFFF where raw != 1 && !(raw == 2 && dialect == .classic) {
            let type = MessageType(Method(rawValue: raw), .request).rawValue
            #expect(harness.send(Wire.message(type, as: dialect)).verdict == .drop(.unknownMethod))
        }
        #expect(harness.server.counters.refused[0] == 0)
    }
}
