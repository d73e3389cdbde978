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
        key: ClusterKey = FleetHarness.key
    ) -> [UInt8] {
        let other = SocketAddress(FleetHarness.address(1, client.address.family), port: 3479)
        let handOver = HandOver(client: client, other: other, cameToSecondPort: false)
        return withPacket(inner, headroom: Packet.headroom) { packet in
            var sender = HandOver.Sender(instance: instance, seed: UInt64.random(in: 0...UInt64.max))
            _ = handOver.seal(&packet, from: &sender, at: time, with: key)
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

@Suite("Pings of other servers")
struct PingTests {
    var fleet = FleetHarness(2)

    static let peer = SocketAddress(FleetHarness.address(0), port: 41_000)

    private mutating func answer(
        _ instance: UInt64 = 100,
        from source: SocketAddress = peer,
        at time: UInt64 = FleetHarness.unixMilliseconds
    ) -> (verdict: Verdict, pong: Heartbeat.Pong?) {
        let ping = Heartbeat.ping(id: 77, from: instance, at: time, with: FleetHarness.key)
        let outcome = fleet.servers[1].send(ping, from: source)
        #expect(outcome.answer?.count ?? ping.count == ping.count)
        return (outcome.verdict, outcome.answer.flatMap { try? Heartbeat.readPong($0, with: FleetHarness.key) })
    }

    @Test("a ping is answered with a pong in place, with the server's own state")
    mutating func answered() {
        let (verdict, pong) = answer()
        #expect(verdict == .reply)
        #expect(pong?.id == 77 && pong?.state == FleetHarness.view(of: 2, seenBy: 1).own && pong?.foundStale == false)
        #expect(pong?.unixMilliseconds == FleetHarness.unixMilliseconds)
    }

    @Test("a stranger's ping with the right key is not answered, but the server's own is, from wherever it comes")
    mutating func strangers() {
        #expect(answer(from: .client).verdict == .drop(.clusterStranger))
        #expect(answer(101, from: .client).verdict == .reply)
    }

    @Test("a ping whose clock is off is told so, ten times a second at most, and counted")
    mutating func stale() {
        let time = FleetHarness.unixMilliseconds - 60_000
        #expect(answer(at: time).pong?.foundStale == true)
        #expect(answer(at: time).verdict == .drop(.clusterStale))
        fleet.wait(milliseconds: 100)
        #expect(answer(at: time).pong?.foundStale == true)
        #expect(fleet.servers[1].drops(.clusterStale) == 3)
    }

    @Test("a ping of another key is forged, and a pong is met with silence (attacks row 29)")
    mutating func forged() {
        let ping = Heartbeat.ping(id: 1, from: 100, at: FleetHarness.unixMilliseconds, with: ClusterKey(secret: [1]))
        let good = Heartbeat.ping(id: 1, from: 100, at: FleetHarness.unixMilliseconds, with: FleetHarness.key)
        #expect(fleet.servers[1].send(ping, from: Self.peer).verdict == .drop(.clusterForged))
        let pong = fleet.servers[1].send(good, from: Self.peer).answer ?? []
        #expect(fleet.servers[0].send(pong, from: Self.peer).verdict == .drop(.response))
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
                == .drop(.notSTUN)
        )
    }
}
