import Administration
import ServerCore

/// What was counted up to a moment, of all workers together.
struct TrafficTotals: Sendable, Equatable {
    /// STUN and TURN requests.
    var requests: UInt64 = 0
    /// Bytes relayed, both ways.
    var bytes: UInt64 = 0
    /// Packets relayed, both ways.
    var packets: UInt64 = 0
    /// Allocations now.
    var sessions = 0
    /// Datagrams dropped, in the order of `DropReason.allCases`.
    var drops = [UInt64](repeating: 0, count: DropReason.allCases.count)

    init() {}

    init(_ counters: Counters, sessions: Int) {
        requests = counters.requests
        bytes = counters.traffic.bytes
        packets = counters.traffic.packets
        self.sessions = sessions
        drops = DropReason.allCases.map { counters.dropped[$0.rawValue] }
    }

    /// What was added since `earlier`; nothing where a worker has ended and its counts are gone.
    fileprivate func since(_ earlier: TrafficTotals) -> TrafficTotals {
        var difference = self
        difference.requests = Self.growth(requests, earlier.requests)
        difference.bytes = Self.growth(bytes, earlier.bytes)
        difference.packets = Self.growth(packets, earlier.packets)
        difference.drops = zip(drops, earlier.drops).map(Self.growth)
        return difference
    }

    private static func growth(_ now: UInt64, _ before: UInt64) -> UInt64 { now > before ? now - before : 0 }
}

/// The last hour and day in equal steps, in fixed memory: from totals that are told every ten seconds.
///
/// Moments are those of the monotonic clock, and get their place on the wall clock when they are asked for: whoever sets
/// that clock moves all of them alike.
struct TrafficRecorder {
    /// How often totals are to be told, in seconds.
    static let tick = 10
    /// How many steps are remembered of an hour and of a day.
    private static let steps = 360
    /// How many ticks make a step of the day: 24, which is four minutes.
    private static let ticksPerDayStep: UInt64 = 24
    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

    private struct Step {
        var end: Instant
        var length: UInt64
        var traffic: TrafficTotals
    }

    private struct Series {
        var steps: [Step] = []
        var oldest = 0
        var began: Instant
        var totals: TrafficTotals

        mutating func end(at now: Instant, _ new: TrafficTotals) {
            let step = Step(end: now, length: now.nanoseconds(since: began), traffic: new.since(totals))
            if steps.count < TrafficRecorder.steps {
                steps.append(step)
            } else {
                steps[oldest] = step
                oldest = (oldest + 1) % steps.count
            }
            (began, totals) = (now, new)
        }

        var inOrder: [Step] { Array(steps[oldest...] + steps[..<oldest]) }
    }

    private var hour: Series
    private var day: Series

    /// Begins at a moment with what was counted then.
    init(at now: Instant, _ totals: TrafficTotals = TrafficTotals()) {
        hour = Series(began: now, totals: totals)
        day = hour
    }

    /// Takes the totals of a moment; a call that comes too soon after the last one waits for the next.
    mutating func record(_ totals: TrafficTotals, at now: Instant) {
        let tick = UInt64(Self.tick) * Self.nanosecondsPerSecond
        // Timers are late and not early, but for a little.
        guard now.nanoseconds(since: hour.began) >= tick - tick / 10 else { return }
        hour.end(at: now, totals)
        if now.nanoseconds(since: day.began) >= Self.ticksPerDayStep * tick - tick / 2 { day.end(at: now, totals) }
    }

    /// The steps as they lie on the wall clock, which now shows `unixSeconds`.
    func history(at now: Instant, unixSeconds: Int64) -> TrafficHistory {
        func samples(_ series: Series) -> [TrafficHistory.Sample] {
            series.inOrder.map { Self.sample($0, now: now, unixSeconds: unixSeconds) }
        }
        return TrafficHistory(hour: samples(hour), day: samples(day))
    }

    private static func sample(_ step: Step, now: Instant, unixSeconds: Int64) -> TrafficHistory.Sample {
        let half = nanosecondsPerSecond / 2
        let age = (now.nanoseconds(since: step.end) + half) / nanosecondsPerSecond
        var drops: [String: UInt64] = [:]
        for (reason, count) in zip(DropReason.allCases, step.traffic.drops) where count > 0 {
            drops[reason.name] = count
        }
        return TrafficHistory.Sample(
            time: unixSeconds - Int64(clamping: age),
            seconds: max(1, Int(clamping: (step.length + half) / nanosecondsPerSecond)),
            requests: step.traffic.requests,
            relayedBytes: step.traffic.bytes,
            relayedPackets: step.traffic.packets,
            sessions: step.traffic.sessions,
            drops: drops
        )
    }
}
