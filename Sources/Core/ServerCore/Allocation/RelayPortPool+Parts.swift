/// Ports of one parity, each at its number in a list without gaps, so that any of them can be drawn at once.
struct RelayPortSet: Sendable {
    private let first: UInt16
    private var members: [UInt16] = []
    /// Where a port stands in `members`, or -1.
    private var positions: [Int32]

    /// None of `ports`; the members are all even or all odd.
    init(over ports: ClosedRange<UInt16>) {
        first = ports.lowerBound & ~1
        positions = Array(repeating: -1, count: (Int(ports.upperBound) - Int(first)) / 2 + 1)
    }

    var count: Int { members.count }

    subscript(index: Int) -> UInt16 { members[index] }

    /// One of the members, each as likely as any other.
    func random(using random: inout some RandomNumberGenerator) -> UInt16? {
        members.isEmpty ? nil : members[Int.random(in: 0..<members.count, using: &random)]
    }

    mutating func insert(_ port: UInt16) {
        positions[slot(of: port)] = Int32(truncatingIfNeeded: members.count)
        members.append(port)
    }

    /// Takes a member out; the last one takes its place.
    mutating func remove(_ port: UInt16) {
        let position = Int(positions[slot(of: port)])
        guard position >= 0, let last = members.popLast() else { return }
        if last != port {
            members[position] = last
            positions[slot(of: last)] = Int32(truncatingIfNeeded: position)
        }
        positions[slot(of: port)] = -1
    }

    /// Makes a port a member or none.
    mutating func update(_ port: UInt16, isMember: Bool) {
        guard isMember != (positions[slot(of: port)] >= 0) else { return }
        if isMember { insert(port) } else { remove(port) }
    }

    private func slot(of port: UInt16) -> Int { Int(port - first) / 2 }
}

/// Ports that wait, in the order in which they began to; a port waits in one queue at a time.
struct RelayPortQueues: Sendable {
    enum Name: Int {
        case restingEven
        case restingOdd
        case reserved
        case unusable
    }

    private struct Entry {
        var entered = Instant(nanoseconds: 0)
        /// Index of the port behind and before this one, or -1.
        var next: Int32 = -1
        var previous: Int32 = -1
    }

    private struct Queue {
        var first: Int32 = -1
        var last: Int32 = -1
        var count = 0
    }

    private let first: UInt16
    private var entries: [Entry]
    private var queues = InlineArray<4, Queue>(repeating: Queue())

    /// All queues empty.
    init(over ports: ClosedRange<UInt16>) {
        first = ports.lowerBound
        entries = Array(repeating: Entry(), count: ports.count)
    }

    func count(_ name: Name) -> Int { queues[name.rawValue].count }

    /// When a port that waits began to.
    func entered(_ port: UInt16) -> Instant { entries[Int(port - first)].entered }

    /// The port that waits longest.
    func first(_ name: Name) -> UInt16? {
        let index = queues[name.rawValue].first
        return index < 0 ? nil : first + UInt16(truncatingIfNeeded: index)
    }

    /// The port that waits longest in two queues.
    func longest(_ one: Name, _ other: Name) -> UInt16? {
        guard let left = first(one) else { return first(other) }
        guard let right = first(other) else { return left }
        return entered(right) < entered(left) ? right : left
    }

    mutating func append(_ port: UInt16, to name: Name, now: Instant) {
        let index = Int32(port - first)
        let last = queues[name.rawValue].last
        entries[Int(index)] = Entry(entered: now, next: -1, previous: last)
        if last >= 0 { entries[Int(last)].next = index } else { queues[name.rawValue].first = index }
        queues[name.rawValue].last = index
        queues[name.rawValue].count += 1
    }

    mutating func remove(_ port: UInt16, from name: Name) {
        let entry = entries[Int(port - first)]
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            queues[name.rawValue].first = entry.next
        }
        if entry.next >= 0 {
            entries[Int(entry.next)].previous = entry.previous
        } else {
            queues[name.rawValue].last = entry.previous
        }
        queues[name.rawValue].count -= 1
    }
}
