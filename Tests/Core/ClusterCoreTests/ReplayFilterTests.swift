import Dispatch
import Synchronization
import Testing
import WireFixtures

@testable import ClusterCore

@Suite("No sealed datagram is taken twice")
struct ReplayFilterTests {
    static let second: UInt64 = 1_000_000_000
    let filter = ReplayFilter()

    @Test("a tag is new once in 10 s, and then again")
    func memory() {
        let start = 100 * Self.second
        #expect(filter.admit(1, 2, at: start) == .new)
        for seconds in 0...10 as ClosedRange<UInt64> {
            #expect(filter.admit(1, 2, at: start + seconds * Self.second) == .known, "\(seconds) s")
        }
        #expect(filter.admit(1, 2, at: start + 11 * Self.second) == .new)
    }

    @Test("a worker whose look at the clock is a little older sees what another one took")
    func earlierClock() {
        #expect(filter.admit(1, 2, at: 100 * Self.second) == .new)
        #expect(filter.admit(1, 2, at: 100 * Self.second - 1) == .known)
    }

    @Test("different tags are all new, ten thousand of them in one second")
    func differentTags() {
        var generator = SeededGenerator.announced("tags")
        for _ in 0..<10_000 {
            #expect(filter.admit(generator.next(), generator.next(), at: Self.second) == .new)
        }
    }

    @Test("a full group takes nothing more, and what it holds is still known; after the time it takes again")
    func failsClosed() {
        // The same first half: the same group.
        for number in 1...16 as ClosedRange<UInt64> {
            #expect(filter.admit(7, number << 24, at: Self.second) == .new)
        }
        #expect(filter.admit(7, 17 << 24, at: Self.second) == .full)
        #expect(filter.admit(7, 17 << 24, at: 11 * Self.second) == .full)
        for number in 1...16 as ClosedRange<UInt64> {
            #expect(filter.admit(7, number << 24, at: 11 * Self.second) == .known)
        }
        #expect(filter.admit(8, 17 << 24, at: Self.second) == .new)
        #expect(filter.admit(7, 17 << 24, at: 12 * Self.second) == .new)
    }

    @Test("a tag of zeros is one like any other")
    func zeros() {
        #expect(filter.admit(0, 0, at: 0) == .new)
        #expect(filter.admit(0, 0, at: 0) == .known)
    }

    @Test("of all workers that are sent one datagram at once at most one takes it, and nearly always one does")
    func concurrency() {
        let rounds = 3_000
        let filter = filter
        var most = 0
        var all = 0
        for round in 0..<rounds {
            let taken = Atomic(0)
            // One group: every second one more tag runs out, and its slot is taken anew while others look at it.
            DispatchQueue.concurrentPerform(iterations: 8) { worker in
                let now = UInt64(round) * Self.second + UInt64(worker)
                if filter.admit(0, UInt64(round + 1) << 24, at: now) == .new { taken.add(1, ordering: .relaxed) }
            }
            most = max(most, taken.load(ordering: .relaxed))
            all += taken.load(ordering: .relaxed)
        }
        #expect(most == 1)
        #expect(all > rounds / 2)
    }
}
