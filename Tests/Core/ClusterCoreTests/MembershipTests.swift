import Addresses
import ClusterCore
import Testing
import WireFixtures

@Suite("Which of the other servers answer")
struct MembershipTests {
    @Test("A server is unknown until its first pong, and healthy at once with it")
    func firstPong() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        #expect(fleet.states == [.unknown])
        fleet.answer("192.0.2.1", after: 20_000)
        #expect(fleet.states == [.healthy])
        #expect(fleet.changes.map(\.state) == [.healthy])
        #expect(fleet.membership.links[0].figures.roundTrip == 20_000)
    }

    @Test("A server that never answered is lost 3 s after asking began")
    func neverAnswers() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        for _ in 0..<3 { fleet.tick() }
        #expect(fleet.states == [.unknown])
        fleet.tick()
        #expect(fleet.states == [.lost(since: 0)])
        #expect(fleet.changes.count == 1)
    }

    @Test("A server is lost after 3 s of silence, told once, and taken back with the next pong")
    func lostAndBack() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        fleet.answer("192.0.2.1")
        fleet.tick()
        let heard = fleet.answer("192.0.2.1")
        fleet.tick()
        fleet.tick()
        #expect(fleet.states == [.healthy])
        fleet.wait(until: heard + 2_999_999)
        #expect(fleet.states == [.healthy])
        fleet.wait(until: heard + 3_000_000)
        #expect(fleet.states == [.lost(since: heard)])
        for _ in 0..<10 { fleet.tick() }
        #expect(fleet.changes.map(\.state) == [.healthy, .lost(since: heard)])
        fleet.answer("192.0.2.1")
        #expect(fleet.states == [.healthy])
    }

    @Test("Pings go once a second to our own kind, each two seconds to foreign servers, and no flood follows a pause")
    func pace() {
        var membership = Membership(instance: 1)
        let own = Membership.Entry(place: 0, kind: .sealed, address: FleetOnPaper.address("192.0.2.1"))
        let foreign = Membership.Entry(place: 1, kind: .classic, address: FleetOnPaper.address("192.0.2.2"))
        membership.adopt([own, foreign], at: 0)
        var counts = [0, 0]
        for tenth in 0..<100 {
            for ping in membership.pings(at: UInt64(tenth) * 100_000, unixMilliseconds: 0) {
                counts[ping.kind == .sealed ? 0 : 1] += 1
                guard tenth == 0, ping.kind == .sealed else { continue }
                let pong = Membership.Pong(sequence: ping.sequence, unixMilliseconds: 0, state: ServerState())
                membership.take(pong, from: ping.address, at: 0)
            }
        }
        #expect(counts == [11, 5], "one that was due before the first pong came")
        let afterPause = membership.pings(at: 3_600_000_000, unixMilliseconds: 0).count
        let atOnce = membership.pings(at: 3_600_000_001, unixMilliseconds: 0).count
        #expect((afterPause, atOnce) == (2, 0))
        #expect(membership.nextDeadline(at: 3_600_000_001) == 3_601_000_000)
    }

    @Test("A server that finds our clock too far from its own is not used, whatever we find")
    func foundStale() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        let address = FleetOnPaper.address("192.0.2.1")
        var pong = fleet.pong(fleet.sent[address]?.last ?? 0, clock: 4_999)
        pong.foundStale = true
        fleet.membership.take(pong, from: address, at: fleet.now)
        fleet.wait(until: fleet.now)
        #expect(fleet.states == [.clockDiffers(by: 4_999)])
        fleet.tick()
        fleet.answer("192.0.2.1", clock: 4_999)
        #expect(fleet.states == [.healthy])
    }

    @Test("A pong counts once, for a ping of the last 3 s that went to the address it came from")
    func freshness() {
        var fleet = FleetOnPaper(["192.0.2.1", "192.0.2.2"])
        fleet.tick()
        let ping = fleet.sent[FleetOnPaper.address("192.0.2.1")]?.last ?? 0
        let pong = fleet.pong(ping)
        let (first, second) = (FleetOnPaper.address("192.0.2.1"), FleetOnPaper.address("192.0.2.2"))
        let senders = [second, FleetOnPaper.address("198.51.100.1"), first, first]
        let taken = senders.map { fleet.membership.take(pong, from: $0, at: fleet.now) }
        #expect(taken == [false, false, true, false])
        #expect(fleet.membership.links[0].figures.received == 1)
        fleet.tick()
        let old = fleet.pong(fleet.sent[first]?.last ?? 0)
        let isTaken = fleet.membership.take(old, from: first, at: fleet.now + 3_000_001)
        #expect(!isTaken)
    }

    @Test(
        "A clock that differs by more than 5 s makes a server unusable, until it is set",
        arguments: [-1, 1] as [Int64]
    )
    func clocks(sign: Int64) {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        fleet.answer("192.0.2.1", clock: 5_000 * sign)
        #expect(fleet.states == [.healthy])
        fleet.tick()
        fleet.answer("192.0.2.1", clock: 61_000 * sign)
        #expect(fleet.states == [.clockDiffers(by: 61_000 * sign)])
        fleet.tick()
        fleet.answer("192.0.2.1", clock: 61_003 * sign)
        #expect(fleet.changes.count == 2, "a clock that drifts is not told again and again")
        #expect(fleet.view.peers.map(\.isHealthy) == [false])
        fleet.tick()
        fleet.answer("192.0.2.1")
        #expect(fleet.states == [.healthy])
    }

    @Test("Half of the round trip is not taken for a difference of clocks")
    func slowWay() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        fleet.answer("192.0.2.1", after: 800_000, clock: 400)
        #expect(fleet.membership.links[0].figures.clockDifference == 0)
    }

    @Test("An entry that is this server itself is told and left out of the view")
    func itself() {
        var fleet = FleetOnPaper(["192.0.2.1", "192.0.2.2"])
        fleet.instances["192.0.2.1"] = FleetOnPaper.own
        fleet.tick()
        fleet.answerAll()
        #expect(fleet.states == [.itself, .healthy])
        #expect(fleet.view.peers.map(\.v4?.address) == [IPAddress("192.0.2.2")])
    }

    @Test("A draining server stays usable and says so; a restart is told")
    func drainingAndRestart() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        fleet.answerAll()
        fleet.draining = ["192.0.2.1"]
        fleet.tick()
        fleet.answerAll()
        #expect(fleet.states == [.draining])
        #expect(fleet.view.peers.map(\.isHealthy) == [true])
        #expect(fleet.view.peers.map(\.state.isDraining) == [true])
        fleet.draining = []
        fleet.instances["192.0.2.1"] = 77
        fleet.tick()
        fleet.answerAll()
        #expect(fleet.changes.map(\.isRestart) == [false, false, true])
    }

    @Test("Loss counts the last 60 pings but the one under way")
    func loss() {
        var fleet = FleetOnPaper(["192.0.2.1"])
        fleet.tick()
        #expect(fleet.membership.links[0].figures.loss == nil)
        for _ in 0..<60 {
            fleet.answerAll()
            fleet.tick()
        }
        #expect(fleet.membership.links[0].figures.loss == 0)
        for _ in 0..<15 { fleet.tick() }
        #expect(fleet.membership.links[0].figures.loss == 250)
        for _ in 0..<600 { fleet.tick() }
        #expect(fleet.membership.links[0].figures.loss == 1000)
        #expect(fleet.membership.links[0].figures.sent == 676)
    }

    @Test("IPv4 and IPv6 of one host are one server; what it sends from a further address is still known")
    func merged() {
        var fleet = FleetOnPaper(["192.0.2.1", "2001:db8::1", "192.0.2.3", "192.0.2.2"])
        for name in ["192.0.2.1", "2001:db8::1", "192.0.2.3"] { fleet.instances[name] = 5 }
        fleet.tick()
        fleet.answerAll()
        #expect(fleet.membership.servers.map(\.links.count) == [3, 1])
        let view = fleet.view
        #expect(view.peers.map(\.isHealthy) == [true, false, true])
        #expect(view.peers[0].v4?.address == IPAddress("192.0.2.1"))
        #expect(view.peers[0].v6?.address == IPAddress("2001:db8::1"))
        #expect(view.peers[1].v4?.address == IPAddress("192.0.2.3"))
    }

    @Test("While an address of a server is cut off, its others go on")
    func oneAddressCutOff() {
        var fleet = FleetOnPaper(["192.0.2.1", "192.0.2.3"])
        for name in ["192.0.2.1", "192.0.2.3"] { fleet.instances[name] = 5 }
        fleet.tick()
        fleet.answerAll()
        for _ in 0..<4 {
            fleet.tick()
            fleet.answer("192.0.2.3")
        }
        #expect(fleet.membership.servers.count == 1)
        #expect(fleet.view.peers.first?.v4?.address == IPAddress("192.0.2.3"))
        #expect(fleet.view.peers.map(\.isHealthy) == [true, false])
    }

    @Test("A change of the settings keeps what is known of the servers that stay, and no more than 64 are kept")
    func adopted() {
        var fleet = FleetOnPaper(["192.0.2.1", "192.0.2.2"])
        fleet.tick()
        fleet.answerAll()
        fleet.adopt(["192.0.2.3", "192.0.2.2", "192.0.2.2"])
        #expect(fleet.states == [.unknown, .healthy])
        fleet.adopt((0..<10_000).map { "10.0.\($0 / 250).\($0 % 250)" })
        #expect(fleet.states.count == 64)
        #expect(fleet.view.peers.count == 64)
    }

    @Test("Hours of loss, restarts and cut lines: healthy means heard within 3 s, lost means not")
    func soak() {
        var random = SeededGenerator.announced("membership soak")
        let names = (1...8).map { "192.0.2.\($0)" }
        var fleet = FleetOnPaper(names)
        var heard: [String: UInt64] = [:]
        var isCut = Set<String>()
        for _ in 0..<20_000 {
            fleet.tick()
            for name in names {
                if UInt8.random(in: .min ... .max, using: &random) < 3 { isCut.formSymmetricDifference([name]) }
                if UInt16.random(in: .min ... .max, using: &random) < 60 {
                    fleet.instances[name] = UInt64.random(in: 100 ... .max, using: &random)
                }
                guard !isCut.contains(name), UInt8.random(in: .min ... .max, using: &random) >= 40 else { continue }
                heard[name] = fleet.answer(name, after: UInt64.random(in: 1...100_000, using: &random))
            }
            for (name, link) in zip(names, fleet.membership.links) {
                let silence = fleet.now - (heard[name] ?? 0)
                switch link.state {
                case .healthy: #expect(silence < 3_000_000)
                case .lost(let since): #expect(silence >= 3_000_000 && since == heard[name] ?? 0)
                case .unknown: #expect(heard[name] == nil && silence < 3_000_000)
                default: Issue.record("\(name): \(link.state)")
                }
                #expect(link.figures.loss ?? 0 <= 1000)
            }
            #expect(fleet.view.peers.count == 8)
        }
    }
}
