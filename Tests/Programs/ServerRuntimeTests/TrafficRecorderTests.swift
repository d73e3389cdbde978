import Administration
import Testing

@testable import ServerCore
@testable import ServerRuntime

@Suite("The last hour and day in equal steps")
struct TrafficRecorderTests {
    var recorder = TrafficRecorder(at: Instant(nanoseconds: 5_000_000_000))
    var totals = TrafficTotals()
    var seconds = 5.0

    @Test("each step has what came in it, and when it ended")
    mutating func steps() {
        tick(requests: 7, bytes: 100, packets: 3, sessions: 2, drop: .rateLimited)
        tick(requests: 1)
        let history = history()
        #expect(history.hour.map(\.requests) == [7, 1] && history.hour.map(\.relayedBytes) == [100, 0])
        #expect(history.hour.map(\.relayedPackets) == [3, 0] && history.hour.map(\.sessions) == [2, 0])
        #expect(history.hour.map(\.time) == [1_000_015, 1_000_025] && history.hour.map(\.seconds) == [10, 10])
        #expect(history.hour.map(\.drops) == [["rate-limited": 1], [:]])
        #expect(history.day.isEmpty)
    }

    @Test("the day's steps are sums of 24; an hour and a day are remembered, and no more")
    mutating func bounds() {
        for _ in 0..<24 { tick(requests: 2) }
        #expect(history().day.map(\.requests) == [48] && history().day.map(\.seconds) == [240])
        for _ in 0..<(24 * 400) { tick(requests: 1) }
        let history = history()
        #expect(history.hour.count == 360 && history.day.count == 360)
        #expect(history.hour.allSatisfy { $0.requests == 1 } && history.day.allSatisfy { $0.requests == 24 })
        #expect(zip(history.hour, history.hour.dropFirst()).allSatisfy { $1.time - $0.time == 10 })
        #expect(zip(history.day, history.day.dropFirst()).allSatisfy { $1.time - $0.time == 240 })
        #expect(history.hour.last?.time == Int64(1_000_000 + seconds))
    }

    @Test("a late step says how long it was, and one that comes too soon waits")
    mutating func irregular() {
        tick(37.4, requests: 5)
        tick(2, requests: 1)
        #expect(history().hour.map(\.seconds) == [37] && history().hour.map(\.requests) == [5])
        tick(8, requests: 1)
        #expect(history().hour.map(\.requests) == [5, 2] && history().hour.map(\.seconds) == [37, 10])
    }

    @Test("a wall clock that jumps moves all steps alike, and their order stays")
    mutating func clock() {
        for _ in 0..<5 { tick(requests: 1) }
        let now = Instant(nanoseconds: UInt64(seconds * 1e9))
        for wall in [Int64(0), 1_000_000, 4_000_000_000, -5] {
            let times = recorder.history(at: now, unixSeconds: wall).hour.map(\.time)
            #expect(times == [wall - 40, wall - 30, wall - 20, wall - 10, wall])
        }
    }

    @Test("counts that go back, since a worker has ended, are nothing instead of very much")
    mutating func goingBack() {
        tick(requests: 100, bytes: 100)
        totals = TrafficTotals()
        tick(requests: 3)
        tick(requests: 4)
        #expect(history().hour.map(\.requests) == [100, 0, 4] && history().hour.map(\.relayedBytes) == [100, 0, 0])
    }

    private mutating func tick(
        _ length: Double = 10,
        requests: UInt64 = 0,
        bytes: UInt64 = 0,
        packets: UInt64 = 0,
        sessions: Int = 0,
        drop: DropReason? = nil
    ) {
        seconds += length
        totals.requests += requests
        totals.bytes += bytes
        totals.packets += packets
        totals.sessions = sessions
        if let drop { totals.drops[drop.rawValue] += 1 }
        recorder.record(totals, at: Instant(nanoseconds: UInt64(seconds * 1e9)))
    }

    private func history() -> TrafficHistory {
        recorder.history(at: Instant(nanoseconds: UInt64(seconds * 1e9)), unixSeconds: Int64(1_000_000 + seconds))
    }
}
