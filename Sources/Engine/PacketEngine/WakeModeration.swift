/// Decides for how long a worker waits for more than one datagram, so that several share the cost of one wake-up.
///
/// At the rates of ordinary calls nearly every datagram wakes a sleeping worker, which costs more than all that is done with
/// it. Waiting some hundred microseconds makes it one wake-up for several. It pays only where datagrams come one by one and
/// yet often, so that is measured all the time: the first datagram after a quiet time never waits. Who asks
/// counts what is worth it: datagrams of strangers would else make calls wait.
public struct WakeModeration: Sendable {
    /// How a worker wakes up.
    public enum Mode: String, Sendable, CaseIterable {
        /// Gathers datagrams where it pays.
        case adaptive
        /// Wakes up for each datagram.
        case lowLatency = "low-latency"
        /// Gathers for longer, also at lower rates.
        case lowPower = "low-power"
    }

    /// What a mode goes by.
    private struct Rule {
        /// How long it waits, in nanoseconds.
        let wait: UInt64
        /// From how many datagrams a second on.
        let rate: UInt64
    }

    /// Over how long the rate is measured, in nanoseconds.
    private static let window: UInt64 = 10_000_000
    /// With so many datagrams at a wake-up there is nothing to gain.
    private static let enough = 32

    private let rule: Rule?
    private var windowBegan: UInt64 = 0
    private var datagrams: UInt64 = 0
    private var wakeUps: UInt64 = 0
    private var isOn = false

    /// A worker that has seen nothing yet.
    public init(_ mode: Mode) {
        rule =
            switch mode {
            case .adaptive: Rule(wait: 400_000, rate: 4_000)
            case .lowLatency: nil
            case .lowPower: Rule(wait: 1_000_000, rate: 500)
            }
    }

    /// Counts a wake-up and how many datagrams it found that led to something; `now` in nanoseconds of a clock that never goes back.
    public mutating func woke(for count: Int, now: UInt64) {
        guard let rule else { return }
        datagrams &+= UInt64(max(0, count))
        wakeUps &+= 1
        let elapsed = now &- windowBegan
        guard elapsed >= Self.window else { return }
        // Compared without a division: datagrams a second, and datagrams a wake-up.
        let isOften =
            datagrams.multipliedReportingOverflow(by: 1_000_000_000).partialValue >= rule.rate
            &* min(elapsed, 1_000_000_000)
        // Twice as many end it as begin it, or it would end itself: what it gathers are that many.
        let limit = UInt64(isOn ? 2 &* Self.enough : Self.enough)
        isOn = isOften && elapsed < 2 &* Self.window && datagrams < wakeUps &* limit
        windowBegan = now
        datagrams = 0
        wakeUps = 0
    }

    /// What the next wait should gather; nil for the first datagram that comes.
    public var gathering: EventLoop.Gathering? {
        guard isOn, let rule else { return nil }
        return EventLoop.Gathering(datagrams: Self.enough, nanoseconds: rule.wait)
    }
}
