import Addresses
import ClusterCore
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Requests for another IP address are answered by another server of the fleet")
struct HandedOverTests {
    var fleet = FleetHarness()

    static let clients: [SocketAddress] = [.client, .client6]
    static let ports: [SocketRole] = [.primaryPrimary, .primaryAlternate]

    /// The other address in an answer, as the dialect writes it.
    private func other(_ answer: TakenApart?, _ dialect: Dialect) -> SocketAddress? {
        guard let value = answer?[dialect == .cookie ? 0x802C : 5] else { return nil }
        let ports = [UInt16(3478), 3479]
        for number in fleet.servers.indices {
            for family in IPAddress.Family.allCases {
                for port in ports {
                    let address = SocketAddress(FleetHarness.address(number, family), port: port)
                    let written = dialect == .rosenberg ? draft01(address) : ServerCoreTests.value(address)
                    if written == value { return address }
                }
            }
        }
        return nil
    }

    @Test(
        "the answer comes from where the client was told, with the client's own address and the same other one (RFC 5780 table 1)",
        arguments: [Dialect.classic, .cookie],
        clients
    )
    mutating func table(dialect: Dialect, client: SocketAddress) throws {
        for asked in Self.ports {
            for number in fleet.servers.indices {
                let plain = fleet.send(Wire.message(as: dialect), from: client, to: number, on: asked).read(dialect)
                let told = try #require(other(plain, dialect))
                #expect(told.address != FleetHarness.address(number, client.address.family))
                #expect(told.port == (asked.isOnAlternatePort ? 3478 : 3479))
                for port in [false, true] {
                    fleet.wait(milliseconds: 31_000)
                    fleet.setClocks()
                    let request = Wire.message(as: dialect, [.change(ip: true, port: port, as: dialect)])
                    let journey = fleet.send(request, from: client, to: number, on: asked)
                    let answer = try #require(journey.answer)
                    let samePort: UInt16 = asked.isOnAlternatePort ? 3479 : 3478
                    #expect(answer.destination == client)
                    #expect(answer.source == SocketAddress(told.address, port: port ? told.port : samePort))
                    let read = try #require(journey.read(dialect))
                    #expect(read.type == 0x0101)
                    #expect(read.types == (dialect == .cookie ? [0x20, 1, 0x802B, 0x802C] : [1, 4, 5]))
                    #expect(read[1] == ServerCoreTests.value(client))
                    #expect(read[dialect == .cookie ? 0x802B : 4] == ServerCoreTests.value(answer.source))
                    #expect(other(read, dialect) == told)
                }
            }
        }
    }

    @Test("behind NATs that map their one address each, servers name the one outside, also for requests handed over")
    mutating func external() throws {
        let outside = fleet.servers.indices.map { IPAddress(v4: 0xCB00_7105 + UInt32($0)) }
        for (number, address) in outside.enumerated() {
            fleet.servers[number].server.policy.v4.primaryExternal = address
        }
        let own = fleet.send(Wire.message(as: .cookie)).read(.cookie)
        #expect(own?[0x802B] == ServerCoreTests.value(SocketAddress(outside[0], port: 3478)))
        let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie)]))
        let answer = try #require(journey.answer)
        let other = try #require(outside.indices.first { FleetHarness.address($0) == answer.source.address })
        #expect(other > 0)
        let read = journey.read(.cookie)
        #expect(read?[0x802B] == ServerCoreTests.value(SocketAddress(outside[other], port: 3478)))
    }

    @Test(
        "the drafts' clients are answered by each other server in turn, from the port that they ask for",
        arguments: ports
    )
    mutating func rosenberg(asked: SocketRole) throws {
        var sources: Set<IPAddress> = []
        for round in 0..<4 {
            let port = round % 2 == 0
            let request = Wire.message(as: .rosenberg, [.change(ip: true, port: port, as: .rosenberg)])
            let journey = fleet.send(request, on: asked)
            let answer = try #require(journey.answer)
            #expect(answer.destination == .client)
            #expect(answer.source.port == (asked.isOnAlternatePort != port ? 3479 : 3478))
            #expect(journey.read(.rosenberg)?[1] == draft01(.client))
            #expect(journey.read(.rosenberg)?[4] == draft01(answer.source))
            sources.insert(answer.source.address)
        }
        #expect(sources == [FleetHarness.address(1), FleetHarness.address(2)])
    }

    @Test(
        "a request that is repeated goes on to the other servers, and the client is told the same other address by all"
    )
    mutating func repetitions() throws {
        let request = Wire.message(as: .cookie, [.change(ip: true, as: .cookie)])
        var sources: [IPAddress] = []
        var told: Set<[UInt8]> = []
        for _ in 0..<4 {
            let journey = fleet.send(request)
            sources.append(try #require(journey.answer).source.address)
            told.insert(try #require(journey.read(.cookie)?[0x802C]))
            fleet.wait(milliseconds: 500)
        }
        #expect(sources[0] != sources[1])
        #expect(sources[0] == sources[2] && sources[1] == sources[3])
        #expect(told.count == 1)
    }

    @Test("FINGERPRINT is right again without the flag, and the answer has one")
    mutating func fingerprint() throws {
        let request = Wire.fingerprinted(1, [.change(ip: true, port: true, as: .cookie)])
        let journey = fleet.send(request)
        let answer = try #require(journey.answer)
        let plain = fleet.send(Wire.fingerprinted(1)).read(.cookie)
        #expect(journey.read(.cookie)?.types == plain?.types)
        #expect(journey.read(.cookie)?.types.last == 0x8028)
        let crc = Wire.crc32(answer.bytes.dropLast(8)) ^ 0x5354_554E
        #expect(Array(answer.bytes.suffix(4)) == Wire.bytes(UInt16(crc >> 16)) + Wire.bytes(UInt16(crc & 0xFFFF)))
    }

    @Test("RESPONSE-PORT sends the answer to another port of the client, and to no other address")
    mutating func responsePort() {
        let request = Wire.message(as: .cookie, [.change(ip: true, as: .cookie), .init(0x27, [0x13, 0x88, 0, 0])])
        #expect(fleet.send(request).answer?.destination == SocketAddress(SocketAddress.client.address, port: 5000))
    }

    @Test("PADDING is padded in the answer of the other server, too")
    mutating func padding() {
        let padding = Wire.Attribute(0x26, [UInt8](repeating: 0, count: 500))
        let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie), padding]))
        #expect((journey.read(.cookie)?[0x26]?.count ?? 0) > 300)
    }

    @Test("a classic request with a wrong length is handed over as it is (message 1008)")
    mutating func wrongLength() throws {
        let request = Wire.message(as: .classic, [.change(ip: true, as: .classic)]) + [0, 0, 0]
        let journey = fleet.send(request)
        #expect(journey.verdicts.count == 2)
        #expect(journey.read(.classic)?[1] == value(.client))
    }

    @Test("a server with two addresses answers itself, whoever else there is")
    mutating func ownSecondAddress() {
        fleet.servers[0].server.policy.v4.alternate = IPAddress(v4: 0xC633_64FA)
        for dialect in Dialect.allCases {
            let request = Wire.message(as: dialect, [.change(ip: true, as: dialect)])
            #expect(fleet.servers[0].send(request).verdict == .replyFrom(.alternatePrimary, toPort: nil))
        }
    }

    @Test("a server with two addresses answers for others from the address that was sent to")
    mutating func secondServerWithTwoAddresses() throws {
        for number in 1...2 { fleet.servers[number].server.policy.v4.alternate = IPAddress(v4: 0xC633_64FA) }
        let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, port: true, as: .cookie)]))
        #expect(journey.verdicts.last == .replyFor(.client, from: .primaryAlternate))
        #expect(other(journey.read(.cookie), .cookie) == journey.answer?.source)
    }

    @Test("statistics: the first server counts what it hands over, the second what it answers, both the client")
    mutating func statistics() {
        let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie)]))
        guard case .handOver(_, let peer)? = journey.verdicts.first else {
            Issue.record("not handed over")
            return
        }
        let (first, second) = (fleet.servers[0].server, fleet.servers[Int(peer)].server)
        #expect(first.counters.handedOver == 1 && first.counters.answeredForOthers == 0)
        #expect(first.counters.answered[2] == 0 && first.counters.received[2] == 1)
        #expect(second.counters.handedOver == 0 && second.counters.answeredForOthers == 1)
        #expect(second.counters.answered[2] == 1 && second.counters.received[2] == 1)
        for server in [first, second] {
            #expect(server.sources.newestFirst.map(\.source) == [.client])
            #expect(server.sources.newestFirst.first?.changeIP == 1)
        }
    }

    @Test("the rate limit of the client holds at both servers")
    mutating func rateLimits() {
        let request = Wire.message(as: .cookie, [.change(ip: true, as: .cookie)])
        for (limited, verdicts) in [(0, 1), (1, 2)] {
            var fleet = FleetHarness(2)
            fleet.servers[limited].server.policy.bindingRate = Rate(perSecond: 1, burst: 3)
            for _ in 0..<3 { #expect(fleet.send(request).answer != nil) }
            let journey = fleet.send(request)
            #expect(journey.answer == nil)
            #expect(journey.verdicts.count == verdicts)
            #expect(journey.verdicts.last == .drop(.rateLimited))
        }
    }

    @Test(
        "attacks row 27: what a client's request leads to at the second server is within the limit of the request itself"
    )
    mutating func amplification() throws {
        for (client, tenths) in zip(Self.clients, [34, 58]) {
            for dialect in Dialect.allCases {
                let request = Wire.message(as: dialect, [.change(ip: true, as: dialect)])
                let answer = try #require(fleet.send(request, from: client).answer)
                #expect(answer.bytes.count * 10 <= request.count * tenths)
            }
        }
    }
}

@Suite("When no other server is healthy, or none is configured")
struct NoOtherServerTests {
    var fleet = FleetHarness()

    @Test("the older dialects get no answer (message 1014), and another port all the same")
    mutating func olderDialects() {
        fleet.change { $0.isHealthy = false }
        for dialect in [Dialect.rosenberg, .classic] {
            let address = fleet.send(Wire.message(as: dialect, [.change(ip: true, as: dialect)]))
            #expect(address.verdicts == [.drop(.noOtherAddress)])
            let port = fleet.send(Wire.message(as: dialect, [.change(port: true, as: dialect)]))
            #expect(port.verdicts == [.replyFrom(.primaryAlternate, toPort: nil)])
            #expect(port.read(dialect)?[5] == nil)
        }
    }

    @Test("RFC 5780 gets 420 for another address, as silence would look like a NAT's, and another port all the same")
    mutating func cookie() {
        fleet.change { $0.isHealthy = false }
        for port in [false, true] {
            let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, port: port, as: .cookie)]))
            let expected = Wire.message(0x0111, as: .cookie, [.init(9, [0, 0, 4, 20]), .init(0x0A, [0, 3])])
            #expect(journey.answer?.bytes == expected)
            #expect(fleet.servers[0].server.lackedOtherServer && !fleet.servers[0].server.hadUnknownAttribute)
        }
        let journey = fleet.send(Wire.message(as: .cookie, [.change(port: true, as: .cookie)]))
        #expect(journey.verdicts == [.replyFrom(.primaryAlternate, toPort: nil)])
        #expect(journey.read(.cookie)?.types == [0x20])
        #expect(!fleet.servers[0].server.lackedOtherServer)
    }

    @Test("RFC 5780 needs both ports at both servers; RFC 3489 is told the port that is read")
    mutating func onePort() {
        fleet.change { $0.v4?.port2 = nil }
        let change = { (dialect: Dialect) in Wire.message(as: dialect, [.change(ip: true, as: dialect)]) }
        #expect(fleet.send(change(.cookie)).read(.cookie)?[9] == [0, 0, 4, 20])
        #expect(fleet.send(Wire.message(as: .cookie)).read(.cookie)?.types == [0x20])
        #expect(fleet.send(change(.classic)).answer?.source.port == 3478)
        let told = fleet.send(Wire.message(as: .classic)).read(.classic)?[5]
        #expect(told.map { Array($0[2..<4]) } == [0x0D, 0x96])
        fleet = FleetHarness()
        fleet.servers[0].server.policy.v4.readsPort2 = false
        let refused = fleet.send(Wire.message(as: .cookie, [.change(port: true, as: .cookie)]))
        #expect(refused.read(.cookie)?[9] == [0, 0, 4, 20])
    }

    @Test("a family in which no other server answers is one without another address")
    mutating func families() {
        fleet.change { $0.v6 = nil }
        let request = Wire.message(as: .classic, [.change(ip: true, as: .classic)])
        #expect(fleet.send(request, from: .client6).verdicts == [.drop(.noOtherAddress)])
        #expect(fleet.send(request).answer != nil)
    }

    @Test("without other servers everything is as before, and their datagrams are a stranger's")
    mutating func notConfigured() {
        let ping = Heartbeat.ping(id: 1, from: 101, at: FleetHarness.unixMilliseconds, with: FleetHarness.key)
        let envelope = fleet.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie)])).between[0].bytes
        fleet.introduce(0, nil)
        let peer = SocketAddress(FleetHarness.address(1), port: 3478)
        for bytes in [ping, envelope] {
            #expect(fleet.servers[0].send(bytes, from: peer).verdict == .drop(.clusterStranger))
        }
        #expect(fleet.send(Wire.message(as: .cookie)).read(.cookie)?.types == [0x20])
        #expect(fleet.send(Wire.message(as: .classic)).read(.classic)?.types == [1])
        #expect(fleet.send(Wire.message(as: .cookie, [.change(as: .cookie)])).read(.cookie)?[9] == [0, 0, 4, 20])
    }
}
