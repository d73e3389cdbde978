import PacketEngine
import Testing

@Suite("Wake moderation: datagrams are gathered only where they come often and one by one")
struct WakeModerationTests {
    private static let second: UInt64 = 1_000_000_000

    /// Moderation after some time of wake-ups, each with so many datagrams, so many nanoseconds apart.
    private func after(
        _ mode: WakeModeration.Mode,
        wakeUps: Int,
        every pause: UInt64,
        of datagrams: Int,
        from begin: UInt64 = 5 * second
    ) -> (WakeModeration, now: UInt64) {
        var moderation = WakeModeration(mode)
        var now = begin
        for _ in 0..<wakeUps {
            now += pause
            moderation.woke(for: datagrams, now: now)
        }
        return (moderation, now)
    }

    @Test("100 calls wake a worker 10,000 times a second: from the second hundredth of a second on it gathers")
    func calls() {
        #expect(after(.adaptive, wakeUps: 90, every: 100_000, of: 1).0.gathering == nil)
        let gathering = after(.adaptive, wakeUps: 300, every: 100_000, of: 1).0.gathering
        #expect(gathering.map { (200_000...500_000).contains($0.nanoseconds) } == true)
    }

    @Test("nothing waits where datagrams are rare, where they come many at once, and in low-latency mode")
    func off() {
        #expect(after(.adaptive, wakeUps: 300, every: 1_000_000, of: 1).0.gathering == nil)
        #expect(after(.adaptive, wakeUps: 3000, every: 100_000, of: 60).0.gathering == nil)
        #expect(after(.lowLatency, wakeUps: 300, every: 100_000, of: 1).0.gathering == nil)
    }

    @Test("after a quiet time the first datagram is not waited for")
    func quiet() {
        var (moderation, now) = after(.adaptive, wakeUps: 300, every: 100_000, of: 1)
        #expect(moderation.gathering != nil)
        now += Self.second
        moderation.woke(for: 1, now: now)
        #expect(moderation.gathering == nil)
    }

    @Test("while it gathers, several datagrams a wake-up do not end it")
    func steady() {
        #expect(after(.adaptive, wakeUps: 300, every: 450_000, of: 5).0.gathering != nil)
    }

    @Test("at a rate at which it gathers just what would not begin it, it goes on, and far above it ends")
    func hysteresis() {
        var (moderation, now) = after(.adaptive, wakeUps: 300, every: 100_000, of: 1)
        for count in [40, 40, 80] {
            for _ in 0..<100 {
                now += 450_000
                moderation.woke(for: count, now: now)
            }
            #expect((moderation.gathering != nil) == (count < 64), "\(count) a wake-up")
        }
    }

    @Test("low-power gathers at lower rates and for longer")
    func lowPower() throws {
        let gathering = try #require(after(.lowPower, wakeUps: 300, every: 1_000_000, of: 1).0.gathering)
        let adaptive = try #require(after(.adaptive, wakeUps: 300, every: 100_000, of: 1).0.gathering)
        #expect(gathering.nanoseconds > adaptive.nanoseconds)
    }

    @Test("any counts and times, also a clock at its end, are taken")
    func extremes() {
        for mode in WakeModeration.Mode.allCases {
            var moderation = WakeModeration(mode)
            for (count, now) in [(0, 0), (-1, 1), (.max, 20_000_000), (.max, .max), (1, 0)] as [(Int, UInt64)] {
                moderation.woke(for: count, now: now)
                _ = moderation.gathering
            }
        }
    }
}
