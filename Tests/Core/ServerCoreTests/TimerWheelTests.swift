import Testing
import WireFixtures

@testable import ServerCore

@Suite("TimerWheel: every lifetime ends, none before its time")
struct TimerWheelTests {
    static let second: UInt64 = 1_000_000_000
    static let tick: UInt64 = 1 << TimerWheel.tickBits
    var wheel = TimerWheel()

    @Test("a deadline is told at the next tick after it, once, and never before")
    mutating func once() {
        for nanoseconds in [0, 1, Self.tick - 1, Self.tick, Self.tick + 1, 600 * Self.second, 3600 * Self.second] {
            var wheel = TimerWheel()
            wheel.arm(7, at: Instant(nanoseconds: nanoseconds))
            if nanoseconds > 0 {
                #expect(wheel.popExpired(now: Instant(nanoseconds: nanoseconds - 1)) == nil)
            }
            let end = Instant(nanoseconds: nanoseconds + Self.tick)
            #expect(wheel.popExpired(now: end) == 7, "\(nanoseconds)")
            #expect(wheel.popExpired(now: end) == nil)
            #expect(wheel.nextDeadline == nil)
        }
    }

    @Test("200,000 random steps over days agree with a plain list of deadlines", arguments: [3, 60, 5000])
    mutating func model(ids: Int) throws {
        var generator = SeededGenerator.announced("timer wheel of \(ids)")
        var model: [Int: UInt64] = [:]
        var now = UInt64.random(in: 0...(10 * 86_400 * Self.second), using: &generator)
        for step in 0..<200_000 {
            let id = Int.random(in: 0..<ids, using: &generator)
            switch Int.random(in: 0..<16, using: &generator) {
            case 0..<8:
                let deadline =
                    now + Self.lifetime(&generator) * Self.second + UInt64.random(in: 0..<999, using: &generator)
                wheel.arm(id, at: Instant(nanoseconds: deadline))
                model[id] = deadline
            case 8:
                // In the past.
                let deadline = now - min(now, UInt64.random(in: 0...(40 * Self.second), using: &generator))
                wheel.arm(id, at: Instant(nanoseconds: deadline))
                model[id] = deadline
            case 9..<12:
                wheel.cancel(id)
                model[id] = nil
            default:
                now += Self.pause(&generator)
                try expectSameExpiry(&model, now: now, step: step, pops: Int.random(in: 0...9, using: &generator))
            }
            try expectNextDeadline(of: model, now: now, step: step)
        }
        now += 30 * 86_400 * Self.second
        try expectSameExpiry(&model, now: now, step: 200_000, pops: 9)
        #expect(model.isEmpty)
        #expect(wheel.nextDeadline == nil)
    }

    @Test("refreshed 200,000 times, an id has one deadline, and its timers take no memory")
    mutating func refresh() {
        for second in UInt64(0)..<200_000 {
            wheel.arm(0, at: Instant(nanoseconds: (second + 600) * Self.second))
            #expect(wheel.popExpired(now: Instant(nanoseconds: second * Self.second)) == nil)
        }
        #expect(wheel.popExpired(now: Instant(nanoseconds: 200_700 * Self.second)) == 0)
        #expect(wheel.popExpired(now: Instant(nanoseconds: 200_700 * Self.second)) == nil)
    }

    @Test("waiting until nextDeadline each time comes to the end after a few wakes a turn, not one a nanosecond")
    mutating func wakes() throws {
        wheel.arm(1, at: Instant(nanoseconds: 3600 * Self.second))
        var wakes = 0
        while let next = wheel.nextDeadline {
            wakes += 1
            try #require(wakes < 10)
            if wheel.popExpired(now: next) == 1 { #expect(next.nanoseconds >= 3600 * Self.second) }
        }
        #expect(wakes == 4)
    }

    @Test("a pause of centuries, the end of the clock, and a clock that steps back do not trap or lose a deadline")
    mutating func clockEnds() {
        wheel.arm(0, at: Instant(nanoseconds: 5))
        wheel.arm(1, at: Instant(nanoseconds: .max))
        wheel.arm(2, at: Instant(nanoseconds: .max - 3 * Self.tick))
        let late = Instant(nanoseconds: .max - 2 * Self.tick)
        #expect(Set([wheel.popExpired(now: late), wheel.popExpired(now: late)]) == [0, 2])
        #expect(wheel.popExpired(now: late) == nil)
        wheel.arm(3, at: Instant(nanoseconds: 9))
        #expect(wheel.popExpired(now: Instant(nanoseconds: 10)) == 3)
        #expect(wheel.popExpired(now: Instant(nanoseconds: 10)) == nil)
        #expect(wheel.nextDeadline.map { $0 > late } == true)
        #expect(wheel.popExpired(now: Instant(nanoseconds: .max)) == 1)
        #expect(wheel.nextDeadline == nil)
    }

    @Test("numbers that are no ids are ignored")
    mutating func strangeIDs() {
        for id in [-1, Int.min, Int.max, Int(Int32.max)] {
            wheel.arm(id, at: Instant(nanoseconds: 0))
            wheel.cancel(id)
        }
        wheel.cancel(5)
        #expect(wheel.popExpired(now: Instant(nanoseconds: Self.tick)) == nil)
    }

    /// Pops up to `pops` (all of them for 9) and compares with what the list says may and must be told.
    private mutating func expectSameExpiry(_ model: inout [Int: UInt64], now: UInt64, step: Int, pops: Int) throws {
        var left = pops == 9 ? Int.max : pops
        while left > 0, let id = wheel.popExpired(now: Instant(nanoseconds: now)) {
            let deadline = try #require(model[id], "step \(step): \(id) has no deadline")
            try #require(deadline <= now, "step \(step): \(id) is early")
            model[id] = nil
            left -= 1
        }
        guard left > 0 else { return }
        for (id, deadline) in model {
            try #require(deadline >> TimerWheel.tickBits >= now >> TimerWheel.tickBits, "step \(step): \(id) is late")
        }
    }

    /// A deadline that had passed when it was set is to be told at once: the next one is then not later than now.
    private func expectNextDeadline(of model: [Int: UInt64], now: UInt64, step: Int) throws {
        guard let first = model.values.min() else {
            try #require(wheel.nextDeadline == nil, "step \(step)")
            return
        }
        let next = try #require(wheel.nextDeadline, "step \(step)")
        try #require(next.nanoseconds <= max(first + Self.tick, now), "step \(step)")
    }

    /// Seconds: those of permissions, channels and allocations, and some that go round the wheel many times.
    private static func lifetime(_ generator: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: UInt64.random(in: 0...3, using: &generator)
        case 1: 300
        case 2: UInt64.random(in: 600...3600, using: &generator)
        default: UInt64.random(in: 0...100_000, using: &generator)
        }
    }

    /// Nanoseconds: mostly short, sometimes days.
    private static func pause(_ generator: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0..<50, using: &generator) {
        case 0: UInt64.random(in: 0...(4 * 86_400 * second), using: &generator)
        case 1..<10: UInt64.random(in: 0...(1200 * second), using: &generator)
        default: UInt64.random(in: 0...(2 * second), using: &generator)
        }
    }
}
