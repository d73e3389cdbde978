import Testing

@testable import ClientRuntime

@Suite("When each flow sends")
struct PacingScheduleTests {
    /// All sendings up to a time, with their moments, when somebody looks at every nanosecond of `step`.
    private func sendings(_ schedule: PacingSchedule, until end: UInt64, step: UInt64 = 1) -> [(flow: Int, at: UInt64)]
    {
        var schedule = schedule
        var result: [(flow: Int, at: UInt64)] = []
        var now: UInt64 = 0
        while now < end {
            while let due = schedule.take(at: now) { result.append((due.flow, now - due.lateness)) }
            now += step
        }
        return result
    }

    @Test("Phases are spread evenly over the interval, and each flow keeps its own")
    func phases() {
        let schedule = PacingSchedule(flows: 4, interval: 20, start: 100)
        let sent = sendings(schedule, until: 161)
        #expect(sent.map(\.at) == Array(stride(from: 100, to: 161, by: 5)))
        #expect(sent.map(\.flow) == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0])
    }

    @Test("What is due is told in the order of time, also when somebody looks seldom, and nothing is left out")
    func seldom() {
        let schedule = PacingSchedule(flows: 7, interval: 1000, jitter: 900, start: 0)
        let sent = sendings(schedule, until: 100_001, step: 2500)
        #expect(sent.map(\.at) == sent.map(\.at).sorted())
        #expect(sent.count > 7 * 99)
        for flow in 0..<7 { #expect(abs(sent.count { $0.flow == flow } - 100) <= 1) }
    }

    @Test("Jitter makes late by at most itself, never early, and does not add up")
    func jitter() {
        let (interval, jitter) = (UInt64(20_000), UInt64(4000))
        let sent = sendings(PacingSchedule(flows: 3, interval: interval, jitter: jitter, start: 0), until: 4_000_000)
        for flow in 0..<3 {
            let times = sent.filter { $0.flow == flow }.map(\.at)
            let delays = times.enumerated().map { beat, time in
                Int(time) - Int(UInt64(flow) * interval / 3 + UInt64(beat) * interval)
            }
            #expect(delays.allSatisfy { (0...Int(jitter)).contains($0) })
            // They look random: neither all the same nor all in one half.
            #expect(Set(delays).count > 100)
            #expect(delays.contains { $0 < Int(jitter) / 4 } && delays.contains { $0 > Int(jitter) * 3 / 4 })
        }
    }

    @Test("The next time is that of the next sending", arguments: [1, 2, 3, 10, 1000])
    func next(flows: Int) {
        var schedule = PacingSchedule(flows: flows, interval: 1_000_000, jitter: 500_000, start: 5)
        for _ in 0..<(3 * flows) {
            let next = schedule.next
            #expect(schedule.take(at: next - 1) == nil)
            #expect(schedule.take(at: next)?.lateness == 0)
        }
    }

    @Test("Nobody has nothing to send")
    func nobody() {
        var schedule = PacingSchedule(flows: 0, interval: 10, start: 0)
        #expect(schedule.next == UInt64.max)
        #expect(schedule.take(at: UInt64.max) == nil)
    }
}
