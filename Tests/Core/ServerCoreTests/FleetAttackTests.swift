import Addresses
import ClusterCore
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Attacks rows 29 and 31: the servers of a fleet send nothing where a stranger wants it")
struct FleetAttackTests {
    var fleet = FleetHarness(2)

    static let peer = SocketAddress(FleetHarness.address(0), port: 3478)
    static let request = Wire.message(as: .cookie, [.change(as: .cookie)])

    /// An envelope of the first server for the second one.
    private func envelope(
        _ inner: [UInt8] = request,
        client: SocketAddress = .client,
        at time: UInt64 = FleetHarness.unixMilliseconds,
        instance: UInt64 = 100,
        for receiver: UInt64 = 101,
        key: ClusterKey = FleetHarness.key
    ) -> [UInt8] {
        let other = SocketAddress(FleetHarness.address(1, client.address.family), port: 3479)
        let handOver = HandOver(client: client, other: other, cameToSecondPort: false)
        return withPacket(inner, headroom: Packet.headroom) { packet in
            var sender = HandOver.Sender(instance: instance, seed: UInt64.random(in: 0...UInt64.max))
            _ = handOver.seal(&packet, from: &sender, for: receiver, at: time, with: key)
        }.datagram
    }

    private mutating func verdict(_ datagram: [UInt8], from source: SocketAddress = peer) -> Verdict {
        fleet.servers[1].send(datagram, from: source).verdict
    }

    @Test("an envelope of the fleet is answered to the client, from any port of the other server")
    mutating func accepted() {
        #expect(verdict(envelope()) == .replyFor(.client, from: .primaryPrimary))
        let port = SocketAddress(FleetHarness.address(0), port: 50_000)
        #expect(verdict(envelope(), from: port) == .replyFor(.client, from: .primaryPrimary))
    }

    @Test("forged, changed, stale, replayed, from a stranger, of its own: dropped and counted by that name")
    mutating func refused() {
        let good = envelope()
        var changed = good
        changed[changed.count - 1] ^= 1
        let time = FleetHarness.unixMilliseconds
        #expect(verdict(envelope(key: ClusterKey(secret: [1]))) == .drop(.clusterForged))
        #expect(verdict(changed) == .drop(.clusterForged))
        #expect(verdict(envelope(at: time - 5001)) == .drop(.clusterStale))
        #expect(verdict(envelope(at: time + 5001)) == .drop(.clusterStale))
        #expect(verdict(good, from: .client) == .drop(.clusterStranger))
        #expect(verdict(good) == .replyFor(.client, from: .primaryPrimary))
        #expect(verdict(good) == .drop(.clusterReplayed))
        #expect(verdict(envelope(instance: 101)) == .drop(.clusterLoop))
        let names = ["cluster-forged", "cluster-stale", "cluster-stranger", "cluster-replayed", "cluster-loop"]
        let named = Dictionary(uniqueKeysWithValues: fleet.servers[1].server.counters.named.map { ($0.name, $0.value) })
        #expect(names.map { named["drops-\($0)"] } == [2, 2, 1, 1, 1])
    }

    @Test("an envelope that was recorded is answered by no other server, nor by its sender, nor after a restart")
    mutating func recorded() {
        fleet = FleetHarness(3)
        let journey = fleet.send(Wire.message(as: .cookie, [.change(ip: true, as: .cookie)]))
        let there = journey.between[0].destination
        for number in 0...2 where FleetHarness.address(number) != there.address {
            #expect(fleet.servers[number].send(journey.between[0].bytes, from: Self.peer).answer == nil)
        }
        let number = FleetHarness.address(1) == there.address ? 1 : 2
        var view = FleetHarness.view(of: 3, seenBy: number)
        view.own.instance = 999
        fleet.introduce(number, view)
        let outcome = fleet.servers[number].send(journey.between[0].bytes, from: Self.peer)
        #expect(outcome.verdict == .drop(.clusterForged))
    }

    @Test("a foreign server's address lets nothing in")
    mutating func foreign() {
        fleet.change(1) { $0.kind = .classic }
        #expect(verdict(envelope()) == .drop(.clusterStranger))
        let ping = Heartbeat.ping(id: 1, from: 100, at: FleetHarness.unixMilliseconds, with: FleetHarness.key)
        #expect(verdict(ping) == .drop(.clusterStranger))
    }

    @Test("who forges a server's address gets nothing handed over for it")
    mutating func forgedServer() {
        fleet = FleetHarness(3)
        for dialect in Dialect.allCases {
            let request = Wire.message(as: dialect, [.change(ip: true, as: dialect)])
            for port in [3478, 3479] as [UInt16] {
                let server = SocketAddress(FleetHarness.address(1), port: port)
                #expect(fleet.send(request, from: server).verdicts == [.drop(.clusterLoop)])
            }
        }
    }

    @Test("a client whose address other-stun-servers names is served as any other, and gets nothing besides")
    mutating func namedClient() {
        fleet = FleetHarness(3)
        for number in 0...2 {
            var view = FleetHarness.view(of: 3, seenBy: number)
            let there = PeerEndpoints(address: SocketAddress.client.address, port1: 3478)
            view.peers.insert(ClusterPeer(id: 9, kind: .sealed, v4: there, v6: nil, isHealthy: false), at: 0)
            fleet.introduce(number, view)
        }
        for dialect in Dialect.allCases {
            for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
                let journey = fleet.send(Wire.message(as: dialect, [.change(ip: ip, port: port, as: dialect)]))
                #expect(journey.answer?.destination == .client)
                #expect(journey.verdicts.count == (ip ? 2 : 1))
            }
        }
        // What it sends without the key is nothing.
        let forged = envelope(key: ClusterKey(secret: [1]))
        #expect(fleet.servers[0].send(forged, from: .client).verdict == .drop(.clusterForged))
    }

    @Test("what servers send each other is no error of a source, also before this one has heard of them")
    mutating func noSource() {
        let ping = Heartbeat.ping(id: 1, from: 100, at: FleetHarness.unixMilliseconds, with: FleetHarness.key)
        let unknown = [0xC5, 0x53, 0x54, 0x44] + [UInt8](repeating: 9, count: 60)
        for datagram in [ping, envelope(key: ClusterKey(secret: [1])), unknown] { _ = verdict(datagram) }
        fleet.introduce(1, nil)
        for datagram in [ping, envelope(), unknown] { #expect(verdict(datagram) == .drop(.clusterStranger)) }
        #expect(fleet.servers[1].server.sources.newestFirst.isEmpty)
        // One that is too short to be one is an error, as ever.
        #expect(verdict(Array(unknown.prefix(43))) == .drop(.notSTUN))
        #expect(fleet.servers[1].server.sources.newestFirst.count == 1)
    }

    @Test("a handed-over request is never handed on, and two servers that name each other do not loop")
    mutating func noSecondHop() {
        for dialect in Dialect.allCases {
            let inner = Wire.message(as: dialect, [.change(ip: true, as: dialect)])
            #expect(verdict(envelope(inner)) == .drop(.clusterLoop))
        }
        #expect(verdict(envelope(envelope())) == .drop(.notSTUN))
        for dialect in Dialect.allCases {
            let journey = fleet.send(Wire.message(as: dialect, [.change(ip: true, port: true, as: dialect)]))
            #expect(journey.verdicts.count == 2 && journey.answer?.destination == .client)
        }
    }

    @Test("only Binding requests are answered for others")
    mutating func onlyBinding() {
        for type in [0x0002, 0x0003, 0x0011, 0x0101, 0x0111, 0x0016, 0x0017] as [UInt16] {
            #expect(verdict(envelope(Wire.message(type, as: .cookie))) == .drop(.unknownMethod), "\(type)")
        }
        #expect(verdict(envelope([])) == .drop(.notSTUN))
        #expect(verdict(envelope([0x40, 0, 0, 0])) == .drop(.notSTUN))
        #expect(verdict(envelope(Wire.message(as: .cookie, [.init(3, [], claiming: 400)]))) == .drop(.malformed))
    }

    @Test("no client is a server of the fleet, by either port, nor an address that cannot be answered")
    mutating func clients() {
        for number in 0...1 {
            for port in [3478, 3479] as [UInt16] {
                let server = SocketAddress(FleetHarness.address(number), port: port)
                #expect(verdict(envelope(client: server)) == .drop(.clusterLoop))
            }
            let other = SocketAddress(FleetHarness.address(number), port: 3480)
            #expect(verdict(envelope(client: other)) == .replyFor(other, from: .primaryPrimary))
        }
        let bad = [IPAddress(v4: 0), IPAddress(v4: 0xE000_0001), IPAddress(v4: 0xFFFF_FFFF)]
        for address in bad {
            #expect(verdict(envelope(client: SocketAddress(address, port: 9))) == .drop(.unanswerableSource))
        }
        let noPort = SocketAddress(SocketAddress.client.address, port: 0)
        #expect(verdict(envelope(client: noPort)) == .drop(.unanswerableSource))
        #expect(verdict(envelope(client: .client6)) == .drop(.clusterLoop))
    }

    @Test("a refusal goes to the client as well, and never to the other server")
    mutating func refusals() {
        let outcome = verdict(envelope(Wire.message(as: .cookie, [.unknown])))
        #expect(outcome == .replyFor(.client, from: .primaryPrimary))
    }

    @Test(
        "whatever a stranger sends, as itself or as one of the servers, what leaves the fleet goes to the source alone"
    )
    mutating func corpus() throws {
        var generator = SeededGenerator.announced("a stranger's datagrams")
        fleet = FleetHarness(3)
        var answers = 0
        for request in try AttackCorpus.datagrams(random: 3_000, &generator) {
            for (source, role) in [
                (SocketAddress.client, SocketRole.primaryPrimary), (.client6, .primaryAlternate),
                (Self.peer, .primaryAlternate), (SocketAddress(FleetHarness.address(1), port: 3479), .primaryPrimary),
            ] {
                let journey = fleet.send(request, from: source, to: 2, on: role)
                #expect(journey.verdicts.count <= 2)
                #expect(journey.between.count <= 1)
                guard let answer = journey.answer else { continue }
                answers += 1
                #expect(answer.destination.address == source.address)
                let again = fleet.carry(
                    FleetHarness.Datagram(source: answer.source, destination: Self.peer, bytes: answer.bytes)
                )
                #expect(again.answer == nil)
            }
        }
        #expect(answers > 3_000)
    }

    @Test("random bytes behind the first ones of a sealed datagram lead to nothing")
    mutating func noise() {
        var generator = SeededGenerator.announced("sealed noise")
        for _ in 0..<20_000 {
            let noise = generator.bytes(Int.random(in: 0...120, using: &generator))
            let kind = UInt8.random(in: 0...4, using: &generator)
            let datagram = [0xC5, 0x53, 0x54, 0x44] + generator.bytes(16) + [kind] + noise
            guard case .drop = verdict(datagram) else {
                Issue.record("\(datagram)")
                continue
            }
        }
    }
}

@Suite("Foreign servers of RFC 3489 and the drafts (draft-rosenberg-midcom-stun-00 section 7)")
struct ForeignServerTests {
    var fleet = FleetHarness(2)

    init() { fleet.change { $0.kind = .classic } }

    private static let there = SocketAddress(FleetHarness.address(1), port: 3478)

    @Test("the request gets RESPONSE-ADDRESS and loses the flag for another address, and nothing else goes with it")
    mutating func redirected() {
        let user = Wire.Attribute(6, Array("anna".utf8))
        for (dialect, address) in [(Dialect.classic, value(.client)), (.rosenberg, draft01(.client))] {
            for port in [false, true] {
                let change = Wire.Attribute.change(ip: true, port: port, as: dialect)
                let outcome = fleet.servers[0].send(Wire.message(as: dialect, [user, change]))
                #expect(outcome.verdict == .handOver(to: Self.there, peer: 1))
                let flags = port ? [Wire.Attribute.change(port: true, as: dialect)] : []
                #expect(outcome.answer == Wire.message(as: dialect, flags + [.init(2, address)]))
            }
        }
    }

    @Test("nothing goes to a foreign server that would have it answer itself, or another server")
    mutating func itself() {
        for port in [3478, 3479] as [UInt16] {
            let forged = SocketAddress(Self.there.address, port: port)
            let request = Wire.message(as: .classic, [.change(ip: true, as: .classic)])
            #expect(fleet.servers[0].send(request, from: forged).verdict == .drop(.clusterLoop))
        }
    }

    @Test("what the client itself puts into RESPONSE-ADDRESS goes nowhere (attacks row 31)")
    mutating func aimed() {
        let aim = Wire.Attribute(2, hex("00 01 0035 08080808"))
        let request = Wire.message(as: .classic, [aim, .change(ip: true, as: .classic)])
        let outcome = fleet.servers[0].send(request)
        #expect(outcome.answer == Wire.message(as: .classic, [.init(2, value(.client))]))
    }

    @Test("a request that came to port 2 goes to port 2 there, and a client is told of that server")
    mutating func ports() {
        let request = Wire.message(as: .classic, [.change(ip: true, as: .classic)])
        let outcome = fleet.servers[0].send(request, on: .primaryAlternate)
        #expect(outcome.verdict == .handOver(to: SocketAddress(Self.there.address, port: 3479), peer: 1))
        #expect(
            fleet.servers[0].ask(Wire.message(as: .classic), as: .classic)?[5]
                == value(SocketAddress(Self.there.address, port: 3479))
        )
    }

    @Test("RFC 5780 knows no RESPONSE-ADDRESS: 420 as without other servers")
    mutating func cookie() {
        for (ip, port) in [(true, false), (false, true)] {
            let request = Wire.message(as: .cookie, [.change(ip: ip, port: port, as: .cookie)])
            #expect(fleet.servers[0].ask(request, as: .cookie)?[9] == [0, 0, 4, 20])
        }
        #expect(fleet.servers[0].ask(Wire.message(as: .cookie), as: .cookie)?.types == [0x20])
    }

    @Test("foreign servers need no cluster-key")
    mutating func withoutKey() {
        let view = fleet.servers[0].server.cluster?.view
        fleet.servers[0].server.adopt(view, trust: nil)
        let request = Wire.message(as: .classic, [.change(ip: true, as: .classic)])
        #expect(fleet.servers[0].send(request).verdict == .handOver(to: Self.there, peer: 1))
        #expect(
            fleet.servers[0].send([0xC5, 0x53, 0x54, 0x44] + [UInt8](repeating: 0, count: 60)).verdict
                == .drop(.clusterStranger)
        )
    }
}
