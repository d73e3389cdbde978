/// How often durations of each size were seen, in memory of fixed size.
///
/// Each power of two has 64 steps, and a quantile is the middle of its step: less than 1 % from the true value.
struct Histogram: Sendable {
    private static let steps = 64
    /// 64 steps of one, then 64 for each power of two from 2^6 to 2^63.
    private var counts = [UInt64](repeating: 0, count: steps * 59)
    /// How many durations were added.
    private(set) var count: UInt64 = 0
    /// The longest.
    private(set) var longest: UInt64 = 0

    /// Adds a duration.
    mutating func add(_ value: UInt64) {
        counts[Self.step(of: value)] &+= 1
        count &+= 1
        if value > longest { longest = value }
    }

    /// Forgets all of them.
    mutating func removeAll() {
        for index in counts.indices { counts[index] = 0 }
        count = 0
        longest = 0
    }

    /// The smallest duration that at least this part of all does not exceed, 0 to 1; 0 when there is none.
    func quantile(_ part: Double) -> Double {
        guard count > 0 else { return 0 }
        let rank = max(UInt64((part * Double(count)).rounded(.up)), 1)
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= rank { return min(Self.middle(of: index), Double(longest)) }
        }
        return Double(longest)
    }

    /// The number of the step that a duration lies in.
    static func step(of value: UInt64) -> Int {
        guard value >= 64 else { return Int(value) }
        let power = 63 - value.leadingZeroBitCount
        let shift = UInt64(power - 6)
        return (power - 5) * steps + Int(truncatingIfNeeded: (value >> shift) & 63)
    }

    private static func middle(of step: Int) -> Double {
        guard step >= steps else { return Double(step) }
        let width = UInt64(1) << UInt64(step / steps - 1)
        return Double((64 + UInt64(step % steps)) &* width) + Double(width - 1) / 2
    }
}
