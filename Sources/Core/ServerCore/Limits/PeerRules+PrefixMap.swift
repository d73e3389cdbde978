import Addresses

/// The value of the longest prefix that an address lies in, found by a search in a sorted list of integers.
///
/// Prefixes lie in each other or apart, so they cut the addresses into stretches with one value each. Compared are whole
/// 128-bit integers, never single bytes (attacks row 7).
struct PeerPrefixMap: Sendable {
    /// The stretches of one family: stretch n goes from `starts[n]` to before `starts[n + 1]`.
    private struct Stretches: Sendable {
        var starts: [UInt128] = [0]
        var values: [Int] = [-1]

        func value(of bits: UInt128) -> Int {
            // The first stretch starts at 0, so the one that starts at or before `bits` always exists.
            var low = 0
            var high = starts.count
            while high &- low > 1 {
                let middle = (low &+ high) / 2
                if starts[middle] <= bits { low = middle } else { high = middle }
            }
            return values[low]
        }

        mutating func begin(at start: UInt128, value: Int) {
            if starts.last == start {
                values[values.count - 1] = value
            } else {
                starts.append(start)
                values.append(value)
            }
        }
    }

    private var v4 = Stretches()
    private var v6 = Stretches()

    /// Of prefixes given twice the later value holds.
    init(_ prefixes: [(prefix: IPPrefix, value: Int)]) {
        v4 = Self.stretches(prefixes.filter { $0.prefix.address.family == .v4 })
        v6 = Self.stretches(prefixes.filter { $0.prefix.address.family == .v6 })
    }

    /// The value of the longest prefix around an address; -1 when there is none.
    func value(of address: IPAddress) -> Int {
        address.family == .v4 ? v4.value(of: address.bits) : v6.value(of: address.bits)
    }

    private static func stretches(_ prefixes: [(prefix: IPPrefix, value: Int)]) -> Stretches {
        var stretches = Stretches()
        // The prefixes around the current position, the longest last.
        var around: [(last: UInt128, value: Int)] = []
        let leaveLongest = { (around: inout [(last: UInt128, value: Int)], stretches: inout Stretches) in
            guard let left = around.popLast(), left.last < .max else { return }
            stretches.begin(at: left.last + 1, value: around.last?.value ?? -1)
        }
        let sorted = prefixes.enumerated().sorted { left, right in
            let (first, second) = (left.element.prefix, right.element.prefix)
            return (first.address.bits, first.length, left.offset) < (second.address.bits, second.length, right.offset)
        }
        for (_, entry) in sorted {
            let start = entry.prefix.address.bits
            while let longest = around.last, longest.last < start { leaveLongest(&around, &stretches) }
            let hostBits = UInt128(entry.prefix.address.bitWidth - entry.prefix.length)
            around.append((start | ~(UInt128.max << hostBits), entry.value))
            stretches.begin(at: start, value: entry.value)
        }
        while !around.isEmpty { leaveLongest(&around, &stretches) }
        return stretches
    }
}

extension IPAddress {
    /// The address as one integer.
    var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }
}
