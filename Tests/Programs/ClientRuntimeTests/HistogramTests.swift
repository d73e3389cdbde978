import Testing
import WireFixtures

@testable import ClientRuntime

@Suite("Durations in a histogram")
struct HistogramTests {
    @Test("Quantiles are within 1 % of the exact ones", arguments: [100.0, 50_000, 3e9])
    func quantiles(scale: Double) {
        var generator = SeededGenerator.announced("HistogramTests.quantiles")
        var histogram = Histogram()
        var exact: [UInt64] = []
        for _ in 0..<20_000 {
            // Latencies have a long tail: most are small, some are a hundred times as long.
            let part = Double.random(in: 0..<1, using: &generator)
            let value = UInt64(scale * (0.5 + part / (1.01 - part)))
            histogram.add(value)
            exact.append(value)
        }
        exact.sort()
        for part in [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
            let rank = max(Int((part * Double(exact.count)).rounded(.up)), 1)
            let right = Double(exact[rank - 1])
            let difference = abs(histogram.quantile(part) - right)
            #expect(difference <= right * 0.01, "\(part): \(histogram.quantile(part)) instead of \(right)")
        }
        #expect(histogram.longest == exact.last)
    }

    @Test("Steps follow one another without a gap, from 0 to the largest number")
    func steps() {
        var last = -1
        for value in UInt64(0)..<5000 {
            let step = Histogram.step(of: value)
            #expect(step == last || step == last + 1)
            last = step
        }
        for power in UInt64(12)..<64 {
            let value = UInt64(1) << power
            #expect(Histogram.step(of: value) == Histogram.step(of: value - 1) + 1)
        }
        var histogram = Histogram()
        histogram.add(UInt64.max)
        #expect(histogram.quantile(0.5) > 1.8e19)
    }

    @Test("Nothing has no quantile, and a histogram can be emptied")
    func empty() {
        var histogram = Histogram()
        #expect(histogram.quantile(0.5) == 0)
        histogram.add(7)
        #expect(histogram.quantile(0) == 7)
        #expect(histogram.quantile(1) == 7)
        histogram.removeAll()
        #expect(histogram.count == 0)
        #expect(histogram.quantile(0.5) == 0)
    }
}
