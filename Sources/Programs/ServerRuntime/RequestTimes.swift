/// How long clients' datagrams took, counted in buckets of fixed memory; written by its worker alone and copied on request.
struct RequestTimes: Sendable, Equatable {
    /// The upper bounds of the buckets in nanoseconds: 10 µs to 100 ms.
    static let bounds: [13 of UInt64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000,
    ]
    /// The same bounds in seconds, as the label `le` has them.
    static let boundTexts = [
        "0.00001", "0.000025", "0.00005", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
        "0.05", "0.1",
    ]

    /// How many took at most the bound of the same index and more than the one before; the last counts those above all.
    private(set) var counts = InlineArray<14, UInt64>(repeating: 0)
    /// The sum of all times in nanoseconds.
    private(set) var sum: UInt64 = 0

    /// Counts `datagrams` that took so long.
    mutating func count(_ datagrams: Int, nanoseconds: UInt64) {
        var bucket = 0
        while bucket < Self.bounds.count, nanoseconds > Self.bounds[bucket] { bucket &+= 1 }
        counts[bucket] &+= UInt64(truncatingIfNeeded: datagrams)
        sum &+= nanoseconds &* UInt64(truncatingIfNeeded: datagrams)
    }

    /// Adds another worker's.
    mutating func add(_ other: RequestTimes) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sum &+= other.sum
    }

    static func == (left: RequestTimes, right: RequestTimes) -> Bool {
        left.sum == right.sum && left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}
