import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Attacks on the relay's requests, by the row numbers of the attack table")
struct TURNAttackTests {
    @Test("row 18: MESSAGE-INTEGRITY-SHA256 of any length but 32 and MESSAGE-INTEGRITY of any but 20 is never accepted")
    func truncation() {
        for kind in TURNClient.Kind.allCases {
            let client = TURNClient.alice.with { $0.kind = kind }
            let whole = kind == .old ? 20 : 32
            for length in Array(0...40) + [64] {
                let turn = TURNHarness()
                let id = turn.nextID()
                let list = [TURNAttribute.udp.wire(id: id)] + client.attributes(nonce: turn.nonce(for: client))
                let plain = Wire.message(0x0003, as: .cookie, id: id, list)
                let datagram = Wire.signed(plain, key: client.key, type: kind.integrityType, length: length)
                let reply = TURNReply(turn.send(datagram, from: client.flow), client: client)
                #expect(reply.isSuccess == (length == whole), "\(length)")
                #expect(length == whole || reply.code == 400 || reply.code == 401)
                #expect(turn.server.sessionCount == (length == whole ? 1 : 0))
            }
        }
    }

    @Test(
        "row 20: a nonce of another address or past its lifetime gets 438 with a fresh one that works, for every method"
    )
    func nonces() throws {
        for method in [0x0003, 0x0004, 0x0008, 0x0009] as [UInt16] {
            let turn = TURNHarness(nonceLifetime: 600)
            let contents = TURNRequestTests.contents[method] ?? []
            let alice = TURNClient.alice.with { $0.nonce = turn.nonce(for: .alice) }
            let elsewhere = alice.at(.otherClient)
            let stolen = turn.request(method, contents, by: elsewhere)
            #expect(stolen.code == 438)
            #expect(stolen.nonce != nil && stolen[0x0014] != nil && stolen[0x8002] != nil)
            turn.advance(seconds: 600)
            #expect(turn.request(method, contents, by: alice).code == (method == 0x0003 ? nil : 437))
            turn.advance(seconds: 601)
            let stale = turn.request(method, contents, by: alice)
            #expect(stale.code == 438)
            let fresh = alice.with { $0.nonce = stale.nonce }
            #expect(turn.request(method, contents, by: fresh).code == (method == 0x0003 ? nil : 437))
            #expect(turn.request(method, contents, by: alice.with { $0.password = "no" }).code == 401, "401 before 438")
        }
    }

    @Test("row 21: no message of a stranger changes what the server holds", arguments: [0, 1])
    func strangers(round: Int) throws {
        var generator = SeededGenerator.announced("row 21")
        let turn = TURNHarness()
        if round == 1 {
            #expect(turn.allocate([.dual]).isSuccess)
            turn.bind(0x4000, to: .peer)
        }
        let state = turn.state
        for request in try TURNCorpus.datagrams(random: 20_000, &generator) {
            let flow = round == 1 ? TURNClient.alice.flow : TURNClient.bob.flow
            _ = turn.send(request, from: flow)
        }
        #expect(turn.state == state)
        #expect(turn.server.sessions(now: turn.now).first?.permissions.count == (round == 1 ? 1 : nil))
        #expect(turn.server.sessions(now: turn.now).first?.session.expiresIn == (round == 1 ? 600 : nil))
        #expect(turn.server.sessions(now: turn.now).first?.channels.map(\.number) == (round == 1 ? [0x4000] : nil))
    }

    @Test("row 25: a timed credential whose time is up, or that names no time, gets 401")
    func timedCredentials() {
        let turn = TURNHarness(secrets: ["north"])
        let now = turn.unixSeconds
        #expect(turn.allocate(by: .timed("\(now + 1):dora")).isSuccess)
        #expect(turn.refresh(0, by: .timed("\(now + 1):dora")).isSuccess)
        #expect(turn.allocate(by: .timed("\(now + 60)")).isSuccess)
        #expect(turn.refresh(0, by: .timed("\(now + 60)")).isSuccess)
        let names = [
            "\(now):dora", "\(now - 1):dora", "0:dora", "-1:dora", "9223372036854775808:dora",
            "18446744073709551616:dora",
            "1e9:dora", "", ":", ":dora", " \(now + 60):dora", "+\(now + 60):dora", "\(now + 60) :dora",
            "0x7fffffff:dora",
            "99999999999:dora", String(repeating: ":", count: 500), "dora:\(now + 60)",
        ]
        for name in names { #expect(turn.allocate(by: .timed(name)).code == 401, "\(name)") }
        #expect(turn.allocate(by: .timed("\(now + 60):dora", secret: "south")).code == 401)
        #expect(turn.server.sessionCount == 0)
    }

    @Test("row 25: with strict-expiry an allocation ends with its credential, without it it can be refreshed past that")
    func strictExpiry() {
        for isStrict in [true, false] {
            let turn = TURNHarness(secrets: ["north"]) { $0.endsAtCredentialExpiry = isStrict }
            let dora = TURNClient.timed("\(turn.unixSeconds + 900):dora")
            #expect(turn.allocate([.lifetime(3600)], by: dora).lifetime == (isStrict ? 900 : 3600))
            turn.advance(seconds: 600)
            #expect(turn.refresh(3600, by: dora).lifetime == (isStrict ? 300 : 3600))
            turn.advance(seconds: 299)
            #expect(turn.refresh(3600, by: dora).lifetime == (isStrict ? 1 : 3600))
            turn.advance(seconds: 1)
            #expect(turn.refresh(3600, by: dora).code == (isStrict ? 401 : nil))
            #expect(turn.permit(.peer, by: dora).code == (isStrict ? 401 : nil))
            #expect(turn.channelData(0x4000).verdict == .drop(isStrict ? .noAllocation : .noChannel))
            turn.advance(seconds: 2)
            #expect(turn.allocate(by: dora.at(.otherClient)).code == 401, "nothing new")
            #expect(turn.ports.open.count == (isStrict ? 0 : 1))
        }
    }

    @Test(
        "row 25: all credentials of one timed user count for the same quota, and a renewed one is another user by RFC 8656"
    )
    func timedQuota() {
        let turn = TURNHarness(secrets: ["north"]) { $0.quotas.userAllocations = 1 }
        let first = TURNClient.timed("\(turn.unixSeconds + 900):dora")
        let renewed = TURNClient.timed("\(turn.unixSeconds + 901):dora")
        #expect(turn.allocate(by: first).isSuccess)
        #expect(turn.allocate(by: renewed.at(.otherClient)).code == 486)
        #expect(turn.refresh(by: renewed).code == 441)
        #expect(turn.allocate(by: .timed("\(turn.unixSeconds + 900):emil").at(.otherClient)).isSuccess)
    }

    @Test("row 27: a 401 has at most 88 bytes for a realm of up to 8, and no answer to a stranger is larger")
    func answerSizes() throws {
        var generator = SeededGenerator.announced("row 27, TURN")
        for count in 1...8 {
            let realm = String(repeating: "r", count: count)
            let turn = TURNHarness()
            turn.server.policy.turn?.authenticator = TURNHarness.authenticator(realms: [realm])
            #expect(turn.challenge().code == 401)
            #expect(turn.challenge().bytes.count <= 88)
            #expect(turn.challenge().types == [0x0009, 0x0014, 0x0015, 0x8002])
            #expect(turn.challenge()[0x0009]?.count == 4, "no reason phrase")
            var answered = 0
            for request in try TURNCorpus.datagrams(random: count == 8 ? 20_000 : 1_000, &generator) {
                let outcome = turn.send(request, from: TURNClient.alice.flow)
                guard !outcome.bytes.isEmpty else { continue }
                answered += 1
                #expect(outcome.bytes.count <= 88, "\(request)")
                guard TURNCorpus.isTURN(request) else { continue }
                #expect(outcome.verdict == .reply)
                #expect(request.count >= 28 || outcome.bytes.count <= 28, "\(request)")
            }
            #expect(answered > 500)
        }
    }

    @Test("row 27: a TURN request under 28 bytes gets 400 in 28 bytes, without a nonce")
    func shortRequests() {
        let turn = TURNHarness()
        for method in [0x0003, 0x0004, 0x0008, 0x0009, 0x000A, 0x000B] as [UInt16] {
            for attributes in [[], [Wire.Attribute(0x0008, [])], [.init(0x7777, [])]] {
                let reply = TURNReply(
                    turn.send(Wire.message(method, as: .cookie, attributes), from: TURNClient.alice.flow),
                    client: nil
                )
                #expect(reply.bytes.count == 28)
                #expect(reply.code == 400)
                #expect(reply.types == [0x0009])
                #expect(reply.type == method | 0x0110)
            }
        }
        for method in [0x000A, 0x000B] as [UInt16] {
            let long = turn.request(method, [.udp, .peer(.peer)])
            #expect(long.code == 400 && long.bytes.count == 28 && long.nonce == nil)
        }
    }

    @Test(
        "row 28: with a limit of 10 a second no more than 10 answers go to one address, whatever its ports; others are served"
    )
    func challengeRate() {
        let turn = TURNHarness()
        turn.server.policy.challengeRate = Rate(perSecond: 10, burst: 10)
        var answers = 0
        for number in 0..<10_000 {
            let client = TURNClient.alice.at(SocketAddress.client.port(UInt16(1 + number % 60_000)))
            if !turn.challenge(client).bytes.isEmpty { answers += 1 }
            turn.wait(nanoseconds: 100_000)
        }
        #expect((10...20).contains(answers), "a burst of 10 and 10 in the second: \(answers)")
        #expect(turn.drops(.rateLimited) == 10_000 - UInt64(answers))
        #expect(turn.challenge(.bob).code == 401)
        #expect(turn.allocate(by: .bob).isSuccess)
        var other = 0
        for number in UInt64(0)..<1_000 {
            let address = IPAddress(v6High: 0x2a00_1450_4001_0801, low: number)
            if !turn.challenge(.alice6.at(SocketAddress(address, port: 9))).bytes.isEmpty { other += 1 }
        }
        #expect(other == 10, "a /64 is one source")
        #expect(turn.request(0x0004, by: .bob).isSuccess, "what is authenticated is not limited")
    }

    @Test("row 33: Allocates from a hundred thousand sources leave no state")
    func manySources() {
        let turn = TURNHarness()
        let state = turn.state
        let limit = turn.server.policy.statisticsRows
        var request = Wire.message(0x0003, as: .cookie, [TURNAttribute.udp.wire(id: Wire.id)])
        let nonce = turn.nonce(for: .alice)
        let signed = turn.signed(
            0x0003,
            [.udp],
            by: .alice.with {
                $0.password = "guess"
                $0.nonce = nonce
            }
        )
        for number in UInt32(0)..<50_000 {
            let source = SocketAddress(IPAddress(v4: 0x0B00_0000 + number &* 251), port: UInt16(1 + number % 65_535))
            let flow = ClientFlow(source: source, destination: TURNClient.alice.flow.destination, role: .primaryPrimary)
            request[19] = UInt8(truncatingIfNeeded: number)
            #expect(turn.send(request, from: flow).verdict == .reply)
            #expect(turn.send(signed, from: flow).verdict == .reply)
        }
        #expect(turn.state == state)
        #expect(turn.server.sources.newestFirst.count == limit)
        #expect(turn.server.nextDeadline == nil)
    }

    @Test("row 35: nothing is left of many allocations, permissions and channels when all times are up")
    func nothingLeft() {
        let turn = TURNHarness()
        for round in 0..<20 {
            for number in 0..<50 {
                let client = TURNClient.alice.at(SocketAddress.client.port(UInt16(1000 + number)))
                #expect(turn.allocate(number % 2 == 0 ? [.dual] : [], by: client).isSuccess)
                turn.bind(0x4000, to: .peer, by: client)
                turn.permit(.otherPeer, by: client)
                if number % 3 == 0 { #expect(turn.refresh(0, by: client).isSuccess) }
            }
            turn.advance(seconds: 300)
            turn.advance(seconds: 302)
            _ = turn.server.takeEffects()
            #expect(turn.server.table.allocations.count <= 50, "places are used again")
            let places = turn.server.table.allocations.count
            #expect(turn.state == TURNHarness.nothingLeft(places: places, effects: 0, accounts: 1), "\(round)")
            #expect(turn.server.nextDeadline == nil)
        }
    }

    @Test("rows 24 and 23: ACCESS-TOKEN and MOBILITY-TICKET are not understood: 420")
    func otherExtensions() {
        let turn = TURNHarness()
        for type in [0x001B, 0x8030] as [UInt16] {
            let reply = turn.allocate([.raw(type, [UInt8](repeating: 0xFF, count: 64))])
            #expect(reply.code == (type < 0x8000 ? 420 : nil))
        }
    }
}

/// What strangers send to a relay: TURN's messages without a credential or with a made-up one, some of them broken.
enum TURNCorpus {
    static let attributes: [UInt16] = [
        0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019,
        0x001A, 0x001C, 0x001D, 0x001E, 0x0020, 0x0022, 0x7777, 0x8000, 0x8001, 0x8002, 0x8004, 0x8022, 0x8023, 0x8028,
    ]

    static func datagrams(random count: Int, _ generator: inout SeededGenerator) throws -> [[UInt8]] {
        var all = try Fixtures.datagrams().map(\.bytes)
        for method in [0x0003, 0x0004, 0x0008, 0x0009, 0x0016, 0x000A] as [UInt16] {
            all.append(Wire.message(method, as: .cookie))
            for type in attributes {
                all += (0...40).map {
                    Wire.message(method, as: .cookie, [.init(type, [UInt8](repeating: 0, count: $0))])
                }
            }
        }
        for _ in 0..<count { all.append(random(&generator)) }
        return all
    }

    /// Whether a datagram is a request of a method of TURN.
    static func isTURN(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 20 && bytes[0] == 0 && [3, 4, 8, 9, 10, 11].contains(bytes[1])
    }

    private static func random(_ generator: inout SeededGenerator) -> [UInt8] {
        let methods: [UInt16] = [0x0003, 0x0004, 0x0008, 0x0009, 0x0016, 0x000A, 0x0103, 0x4000, 0x4FFF]
        let method = methods.randomElement(using: &generator) ?? 3
        if method >= 0x4000 {
            let data = generator.bytes(Int.random(in: 0...64, using: &generator))
            return Wire.bytes(method) + Wire.bytes(UInt16.random(in: 0...70, using: &generator)) + data
        }
        let list = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
            let type = attributes.randomElement(using: &generator) ?? 0
            let count = [0, 1, 4, 8, 12, 16, 20, 32, 36].randomElement(using: &generator) ?? 0
            return Wire.Attribute(type, generator.bytes(count))
        }
        let message = Wire.message(method, as: .cookie, list)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return Wire.appendingFingerprint(to: message)
        case 1: return Array(message.prefix(Int.random(in: 0...message.count, using: &generator)))
        case 2: return Wire.signed(message, key: generator.bytes(16))
        case 3: return Wire.signed(message, key: generator.bytes(32), type: 0x001C)
        default: return message
        }
    }
}
