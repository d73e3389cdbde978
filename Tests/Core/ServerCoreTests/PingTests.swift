import Addresses
import ClusterCore
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Pings of other servers")
struct PingTests {
    var fleet = FleetHarness(2)

    static let peer = SocketAddress(FleetHarness.address(0), port: 41_000)

    private mutating func answer(
        _ instance: UInt64 = 100,
        id: UInt64 = 77,
        from source: SocketAddress = peer,
        at time: UInt64 = FleetHarness.unixMilliseconds
    ) -> (verdict: Verdict, pong: Heartbeat.Pong?) {
        let ping = Heartbeat.ping(id: id, from: instance, at: time, with: FleetHarness.key)
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
        // A look at the source comes before the digest, which costs more.
        let forged = Heartbeat.ping(id: 1, from: 100, at: FleetHarness.unixMilliseconds, with: ClusterKey(secret: [1]))
        #expect(fleet.servers[1].send(forged, from: .client).verdict == .drop(.clusterStranger))
    }

    @Test("a ping is answered once, from whatever address it comes again (attacks row 31)")
    mutating func repeated() {
        #expect(answer().verdict == .reply)
        #expect(answer().verdict == .drop(.clusterReplayed))
        #expect(answer(id: 78).verdict == .reply)
        #expect(answer(101, id: 79, from: .client).verdict == .reply)
        #expect(answer(101, id: 79, from: .client6).verdict == .drop(.clusterReplayed))
    }

    @Test("who asks under a server's forged address takes no pong from it: no rate limit holds for pings")
    mutating func rateLimit() {
        fleet.servers[1].server.policy.bindingRate = Rate(perSecond: 1, burst: 1)
        let request = Wire.message(as: .cookie)
        for _ in 0..<100 { _ = fleet.servers[1].send(request, from: Self.peer) }
        #expect(fleet.servers[1].send(request, from: Self.peer).verdict == .drop(.rateLimited))
        for id in 0..<50 as Range<UInt64> { #expect(answer(id: id).verdict == .reply) }
        #expect(fleet.servers[1].send(request, from: Self.peer).verdict == .drop(.rateLimited))
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
