/// Finds the name that somebody who mistyped meant.
public enum NearestName {
    /// The one of `names` that is nearest to `text`; nil when none is near enough to be meant.
    ///
    /// What all names begin with, `STUND_` of variables, says nothing about which one is meant.
    public static func of(_ text: String, in names: [String]) -> String? {
        let prefix = EnvironmentNames.prefix
        guard !text.hasPrefix(prefix) || !names.allSatisfy({ $0.hasPrefix(prefix) }) else {
            let rests = names.map { String($0.dropFirst(prefix.count)) }
            return of(String(text.dropFirst(prefix.count)), in: rests).map { prefix + $0 }
        }
        let wanted = normalized(text)
        guard (2...64).contains(wanted.count) else { return nil }
        let limit = max(1, min(3, wanted.count / 3))
        let ranked = names.map { (name: $0, distance: distance(wanted, normalized($0))) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= limit else {
            return containing(wanted, names)
        }
        return best.name
    }

    /// The first name that has `wanted` as one of its words, as `stun-port-1` has `port`.
    private static func containing(_ wanted: [UInt8], _ names: [String]) -> String? {
        guard wanted.count > 2 else { return nil }
        return names.first { normalized($0).split(separator: UInt8(ascii: "-")).contains { $0.elementsEqual(wanted) } }
    }

    /// Letters of either case, `-` and `_` are what people mix up most: they count as equal.
    private static func normalized(_ text: String) -> [UInt8] {
        text.lowercased().utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
    }

    /// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours each cost one.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
