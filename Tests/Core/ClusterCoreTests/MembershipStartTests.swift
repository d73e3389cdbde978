import Addresses
import ClusterCore
import Testing

@Suite("The first seconds with the other servers")
struct MembershipStartTests {
    @Test("Who has not answered yet is asked ten times a second, twenty times at most, and then as everybody else")
    func quick() {
        var membership = Membership(instance: 1)
        membership.adopt([Membership.Entry(place: 0, kind: .sealed, address: FleetOnPaper.address("192.0.2.1"))], at: 0)
        var times: [UInt64] = []
        for now in stride(from: UInt64(0), to: 6_000_000, by: 10_000) {
            _ = membership.changes(at: now)
            times += membership.pings(at: now, unixMilliseconds: 0).map { _ in now / 100_000 }
            #expect(membership.links[0].figures.loss == (now < 3_000_000 ? nil : 1000), "loss at \(now)")
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

    @Test(
        "Just after the start no loss is told: not before 3 s without a pong, nor before three pings after the first one"
    )
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
        #expect(losses == [666, 1000])
    }
}
