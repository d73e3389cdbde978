import Addresses

/// All addresses from one to another, as coturn writes them.
struct AddressRange: Hashable {
    let family: IPAddress.Family
    let first: UInt128
    let last: UInt128

    /// Reads `83.166.64.0-83.166.95.255` or a single address; nil when it is neither.
    init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
        guard let first = IPAddress(parts[0]), let last = parts.count == 2 ? IPAddress(parts[1]) : first,
            first.family == last.family
        else { return nil }
        family = first.family
        self.first = Self.bits(first)
        self.last = Self.bits(last)
        guard self.first <= self.last else { return nil }
    }

    init(_ prefix: IPPrefix) {
        family = prefix.address.family
        first = Self.bits(prefix.address)
        let rest = prefix.address.bitWidth - prefix.length
        last = first | (rest == 128 ? .max : (1 << UInt128(rest)) - 1)
    }

    private static func trimmed(_ text: Substring) -> String { String(text.filter { $0 != " " && $0 != "\t" }) }

    private static func bits(_ address: IPAddress) -> UInt128 {
        address.family == .v4 ? UInt128(address.v4Bits) : UInt128(address.high) << 64 | UInt128(address.low)
    }

    private func address(_ bits: UInt128) -> IPAddress {
        family == .v4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: bits))
            : IPAddress(v6High: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    /// The fewest prefixes that have these addresses and no others.
    var prefixes: [IPPrefix] {
        let width = family == .v4 ? 32 : 128
        var result: [IPPrefix] = []
        var next = first
        while true {
            // As many bits as may be free here, and no more than are left.
            var free = min(next.trailingZeroBitCount, width)
            while free > 0, (free == 128 ? UInt128.max : (1 << UInt128(free)) - 1) > last - next { free -= 1 }
            guard let prefix = IPPrefix(address(next), length: width - free) else { return result }
            result.append(prefix)
            let end = AddressRange(prefix).last
            guard end < last else { return result }
            next = end + 1
        }
    }

    /// The fewest prefixes that have all addresses of `ranges`.
    static func prefixes(_ ranges: [AddressRange]) -> [IPPrefix] {
        var merged: [AddressRange] = []
        for range in ranges.sorted(by: { ($0.family == .v4 ? 0 : 1, $0.first) < ($1.family == .v4 ? 0 : 1, $1.first) })
        {
            if let before = merged.last, before.family == range.family,
                before.last == .max || range.first <= before.last + 1
            {
                merged[merged.count - 1] = AddressRange(before.family, before.first, max(before.last, range.last))
            } else {
                merged.append(range)
            }
        }
        return merged.flatMap(\.prefixes)
    }

    private init(_ family: IPAddress.Family, _ first: UInt128, _ last: UInt128) {
        self.family = family
        self.first = first
        self.last = last
    }
}
