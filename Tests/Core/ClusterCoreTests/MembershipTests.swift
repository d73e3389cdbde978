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

    @Test("Who has not answered yet is asked ten times a second, twenty times at most, and then as everybody else")
    func quick() {
        var membership = Membership(instance: 1)
        membership.adopt([Membership.Entry(place: 0, kind: .sealed, address: FleetOnPaper.address("192.0.2.1"))], at: 0)
        var times: [UInt64] = []
        for now in stride(from: UInt64(0), to: 6_000_000, by: 10_000) {
            times += membership.pings(at: now, unixMilliseconds: 0).map { _ in now / 100_000 }
        }
        #expect(times == Array(0...19) + [29, 39, 49, 59])
    }

    @Test("A pong that takes nearly 3 s is taken, also of one of the first quick pings, and the next one in a second")
    func slowPong() {
        var membership = Membership(instance: 1)
        let address = FleetOnPaper.address("192.0.2.1")
        membership.adopt([Membership.Entry(place: 0, kind: .sealed, address: address)], at: 0)
        var sequences: [UInt64] = []
        for now in stride(from: UInt64(0), through: 2_900_000, by: 100_000) {
            sequences += membership.pings(at: now, unixMilliseconds: 0).map(\.sequence)
        }
        for (sequence, time) in [(sequences[0], 3_000_001), (sequences[1], 3_000_001)] as [(UInt64, UInt64)] {
            let pong = Membership.Pong(sequence: sequence, unixMilliseconds: 0, state: ServerState())
            let isTaken = membership.take(pong, from: address, at: time)
            #expect(isTaken == (sequence == sequences[1]))
        }
        #expect(membership.links[0].figures.roundTrip == 2_900_001)
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

    @Test("Just after the start no loss is told: not before 3 s without a pong, nor before three pings after the first one")
    func lossAtStart() {
        var fleet = FleetOnPaper(["192.0.2.1", "192.0.2.2"])
        var losses: [UInt16?] { fleet.membership.links.map(\.figures.loss) }
        for _ in 0..<3 {
            fleet.tick()
            #expect(losses == [nil, nil])
        }
        // The first one starts now: that it was not there before is no loss.
        fleet.answer("192.0.2.1")
        #expect(losses == [nil, nil])
        fleet.wait(until: 3_000_000)
        #expect(losses == [nil, nil], "the second one was asked twice but for the one under way")
        fleet.tick()
        fleet.tick()
        #expect(losses == [nil, 1000])
        fleet.tick()
        #expect(losses == [667, 1000])
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

/// A membership with servers that answer when the test says so.
private struct FleetOnPaper {
    static let own: UInt64 = 42

    var membership = Membership(instance: own)
    var now: UInt64 = 0
    var sent: [SocketAddress: [UInt64]] = [:]
    var changes: [Membership.Change] = []
    var instances: [String: UInt64] = [:]
    var draining: Set<String> = []
    private var names: [String] = []
    private var hasTicked = false

    init(_ names: [String]) { adopt(names) }

    static func address(_ text: String) -> SocketAddress {
        SocketAddress(IPAddress(text) ?? .unspecified(.v4), port: 3478)
    }

    var states: [PeerState] { membership.links.map(\.state) }
    var view: ClusterView { membership.view(own: ServerState()) }

    mutating func adopt(_ names: [String]) {
        self.names = names
        let entries = names.enumerated().map {
            Membership.Entry(
                place: UInt16(clamping: $0.offset),
                kind: .sealed,
                address: Self.address($0.element)
            )
        }
        membership.adopt(entries, at: now)
    }

    /// Sends the pings of the next full second; the first are sent at 0.
    mutating func tick() {
        if hasTicked { now = (now / 1_000_000 + 1) * 1_000_000 }
        hasTicked = true
        for ping in membership.pings(at: now, unixMilliseconds: unix) {
            sent[ping.address, default: []].append(ping.sequence)
        }
        changes += membership.changes(at: now)
    }

    mutating func wait(until time: UInt64) {
        now = time
        changes += membership.changes(at: now)
    }

    private var unix: Int64 { 1_800_000_000_000 + Int64(now / 1000) }

    func pong(_ sequence: UInt64, clock: Int64 = 0, instance: UInt64 = 1, isDraining: Bool = false) -> Membership.Pong {
        var state = ServerState()
        state.instance = instance
        state.isDraining = isDraining
        return Membership.Pong(sequence: sequence, unixMilliseconds: unix + clock, state: state)
    }

    /// Lets a server answer the last ping, with its clock so many milliseconds ahead of what is right in a network
    /// without delay; returns when.
    @discardableResult
    mutating func answer(_ name: String, after delay: UInt64 = 0, clock: Int64 = 0) -> UInt64 {
        let address = Self.address(name)
        let place = UInt64(names.firstIndex(of: name) ?? 0)
        let pong = pong(
            sent[address]?.last ?? 0,
            clock: clock,
            instance: instances[name] ?? 1000 + place,
            isDraining: draining.contains(name)
        )
        // Others' answers may come in between: only the newest moment counts for the clock.
        let time = now / 1_000_000 * 1_000_000 + max(delay, now % 1_000_000)
        now = time
        membership.take(pong, from: address, at: time)
        changes += membership.changes(at: time)
        return time
    }

    mutating func answerAll() { for name in names { answer(name) } }
}
