/// When each flow sends: all at the same interval, each in a phase of its own, spread evenly, so that the load as a whole is
/// as even as that of people who called at random.
///
/// With a jitter, each datagram is late by a part of it that looks random and is the same in each run; the flow as a whole
/// does not drift. A heap of fixed size knows who is next.
struct PacingSchedule: Sendable {
    private struct Entry {
        var due: UInt64
        var flow: Int
        var beat: UInt64
    }

    private let start: UInt64
    private let flows: UInt64
    private let interval: UInt64
    private let jitter: UInt64
    private var heap: [Entry]

    /// A schedule from `start` on; all times are in nanoseconds, and the interval is at least 1.
    init(flows: Int, interval: UInt64, jitter: UInt64 = 0, start: UInt64) {
        self.start = start
        self.flows = UInt64(max(flows, 1))
        self.interval = max(interval, 1)
        self.jitter = jitter
        heap = []
        heap.reserveCapacity(flows)
        for flow in 0..<flows { heap.append(Entry(due: due(flow, 0), flow: flow, beat: 0)) }
        for position in stride(from: flows / 2 - 1, through: 0, by: -1) { sink(position) }
    }

    /// The next time that anybody sends.
    var next: UInt64 { heap.first?.due ?? UInt64.max }

    /// A flow that is to send by now, and how late that is; it is then due an interval later.
    mutating func take(at now: UInt64) -> (flow: Int, lateness: UInt64)? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap[0].beat = first.beat &+ 1
        heap[0].due = due(first.flow, first.beat &+ 1)
        sink(0)
        return (first.flow, now - first.due)
    }

    private func due(_ flow: Int, _ beat: UInt64) -> UInt64 {
        let phase = UInt64(flow) &* interval / flows
        let delay = jitter == 0 ? 0 : mixed(UInt64(flow) << 32 ^ beat) % (jitter &+ 1)
        return start &+ phase &+ beat &* interval &+ delay
    }

    /// Moves an entry down until nobody below it is earlier.
    private mutating func sink(_ position: Int) {
        var position = position
        let entry = heap[position]
        while true {
            var child = 2 * position + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].due < heap[child].due { child += 1 }
            guard heap[child].due < entry.due else { break }
            heap[position] = heap[child]
            position = child
        }
        heap[position] = entry
    }
}

/// A number that looks random and is always the same for the same one (the finalizer of SplitMix64).
func mixed(_ number: UInt64) -> UInt64 {
    var value = number &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
}
