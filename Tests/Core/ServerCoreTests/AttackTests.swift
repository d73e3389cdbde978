import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Attacks that other servers fell to, by the row numbers of the attack table")
struct AttackTests {
    static let clients: [SocketAddress] = [.client, .client6]

    @Test(
        "row 27: no answer is larger than 1.6, 2.2, 3.4 or 5.8 times its request",
        arguments: ServerHarness.hosts.indices
    )
    func amplification(host: Int) throws {
        var generator = SeededGenerator.announced("row 27")
        var harness = ServerHarness(policy: ServerHarness.hosts[host].policy)
        let tenths = host == 0 ? [16, 22] : [34, 58]
        var answered = 0
        for request in try AttackCorpus.datagrams(random: 20_000, &generator) {
            for (client, limit) in zip(Self.clients, tenths) {
                guard let answer = harness.send(request, from: client).answer else { continue }
                answered += 1
                guard answer.count * 10 > request.count * limit else { continue }
                Issue.record("\(answer.count) bytes for \(request.count): \(request)")
            }
        }
        #expect(answered > 10_000)
        #expect(harness.drops(.rateLimited) == 0)
    }

    @Test("row 27: the plain answers are at those limits: 32, 44, 68 and 116 bytes for 20")
    func plainAnswers() {
        for (policy, sizes) in [(Policy.oneAddress, [32, 44]), (.twoAddresses, [68, 116])] {
            var harness = ServerHarness(policy: policy)
            #expect(Self.clients.map { harness.send(Wire.message(as: .cookie), from: $0).answer?.count } == sizes)
        }
    }

    @Test("row 27: nothing that swells an answer is sent: SOFTWARE, a reason phrase, ALTERNATE-SERVER")
    func noSwelling() throws {
        var generator = SeededGenerator.announced("row 27, swelling")
        for (_, policy) in ServerHarness.hosts.dropLast() {
            var harness = ServerHarness(policy: policy)
            for request in try AttackCorpus.datagrams(random: 5_000, &generator) {
                guard let answer = harness.send(request).answer,
                    let read = Dialect.allCases.lazy.compactMap({ TakenApart(answer, as: $0) }).first
                else { continue }
                let known: Set<UInt16> = [1, 4, 5, 9, 0x0A, 0x20, 0x26, 0x8028, 0x802B, 0x802C]
                #expect(known.isSuperset(of: read.types))
                #expect(read[9]?.count ?? 4 == 4)
            }
        }
    }

    @Test("row 29: every answer of ours, fed to any server of ours, is met with silence")
    func answersAsInput() throws {
        var generator = SeededGenerator.announced("row 29")
        let requests = try AttackCorpus.datagrams(random: 5_000, &generator)
        var answers: Set<[UInt8]> = []
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for role in SocketRole.allCases {
                for client in Self.clients {
                    for request in requests { answers.formUnion(harness.answer(request, client, role)) }
                }
            }
        }
        #expect(answers.count > 1000)
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for answer in answers { #expect(harness.send(answer).answer == nil, "\(answer)") }
            #expect(harness.isAlive())
        }
    }

    @Test("row 29: between two servers a forged packet leads to one answer, and no more")
    func pingPong() throws {
        var generator = SeededGenerator.announced("row 29, two servers")
        var servers = ServerHarness.hosts[0..<2].map { ServerHarness(policy: $0.policy) }
        for request in try AttackCorpus.datagrams(random: 5_000, &generator) {
            var packet: [UInt8]? = request
            var sent = 0
            while let current = packet, sent < 10 {
                packet =
                    servers[sent % 2].send(current, from: SocketAddress(IPAddress(v4: 0xC633_6463), port: 3478)).answer
                sent += 1
            }
            #expect(sent <= 2)
        }
    }

    @Test(
        "row 29: success, error, indication and unknown classes as input are met with silence",
        arguments: Dialect.allCases
    )
    func classes(dialect: Dialect) {
        var harness = ServerHarness(policy: .twoAddresses)
        for type in UInt16(0)...0x3FFF where type & 0x0110 != 0 {
            #expect(harness.send(Wire.message(type, as: dialect)).answer == nil)
        }
    }

    @Test(
        "row 31: RESPONSE-ADDRESS, REFLECTED-FROM and SOURCE-ADDRESS change nothing about where an answer goes",
        arguments: Dialect.allCases
    )
    func responseAddress(dialect: Dialect) {
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for change in [false, true] {
                let plain = [Wire.Attribute.change(port: change, as: dialect)]
                let expected = harness.send(Wire.message(as: dialect, plain))
                for type in [0x0002, 0x000B, 0x0004] as [UInt16] {
                    let aim = Wire.Attribute(
                        type,
                        dialect == .rosenberg ? hex("0035 01 00 08080808") : hex("00 01 0035 08080808")
                    )
                    let outcome = harness.send(Wire.message(as: dialect, [aim] + plain))
                    if outcome.verdict == expected.verdict { continue }
                    // A dialect that never had the attribute refuses it, to the sender; RESPONSE-ADDRESS all ignore.
                    #expect(type != 0x0002)
                    let isRefused = outcome.answer?.starts(with: [0x01, 0x11]) == true && outcome.verdict == .reply
                    #expect(isRefused || outcome.verdict == .drop(.unknownAttribute))
                }
            }
        }
    }

    @Test("row 31: only RESPONSE-PORT moves an answer, to ports from 1024 of the same address")
    func responsePort() throws {
        var generator = SeededGenerator.announced("row 31")
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for request in try AttackCorpus.datagrams(random: 5_000, &generator) {
                guard case .replyFrom(_, let port?) = harness.send(request).verdict else { continue }
                #expect(port >= 1024)
                #expect(TakenApart(request, as: .cookie)?[0x27]?.starts(with: Wire.bytes(port)) == true)
            }
            for port in UInt16.min...UInt16.max {
                let outcome = harness.send(Wire.message(as: .cookie, [.init(0x27, Wire.bytes(port))]))
                #expect(outcome.verdict == (port < 1024 ? .reply : .replyFrom(.primaryPrimary, toPort: port)))
            }
        }
    }

    @Test(
        "row 42: lengths 65516 to 65535 wrap nothing: silence with the cookie, without at most one answer to what is whole"
    )
    func wrappingLengths() {
        var harness = ServerHarness(policy: .twoAddresses)
        let smuggled = Wire.message(as: .cookie, [.init(0x27, hex("2345"))])
        for length in UInt16(65516)...65535 {
            for dialect in Dialect.allCases {
                for tail in [[], smuggled, Array(repeating: 0, count: 1400)] {
                    var request = Wire.message(as: dialect) + tail
                    request.replaceSubrange(2..<4, with: Wire.bytes(length))
                    let outcome = harness.send(request)
                    #expect(dialect != .cookie || outcome.verdict == .drop(.malformed))
                    #expect(outcome.verdict != .replyFrom(.primaryPrimary, toPort: 0x2345))
                }
            }
        }
        #expect(harness.isAlive())
    }

    @Test("row 43: every datagram is judged and answered alike at all 8 buffer offsets")
    func offsets() throws {
        var generator = SeededGenerator.announced("row 43")
        for (_, policy) in ServerHarness.hosts {
            var harness = ServerHarness(policy: policy)
            for request in try AttackCorpus.datagrams(random: 1_000, &generator) {
                let expected = harness.send(request)
                for offset in 1..<8 { #expect(harness.send(request, at: offset) == expected) }
            }
        }
    }
}

extension ServerHarness {
    /// The answer to a request, if any, as a set.
    fileprivate mutating func answer(_ request: [UInt8], _ client: SocketAddress, _ role: SocketRole) -> Set<[UInt8]> {
        send(request, from: client, on: role).answer.map { [$0] } ?? []
    }
}
