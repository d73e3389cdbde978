extension IPAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Reads dotted decimal IPv4 or RFC 4291 IPv6 text, without zone or brackets; nil for anything else.
    ///
    /// IPv4 is strict: four decimal parts, no leading zeros (which some readers take for octal).
    public init?(_ text: String) {
        let parsed = text.contains(":") ? Self.parseV6(Substring(text)) : Self.parseV4(Substring(text))
        guard let parsed else { return nil }
        self = parsed
    }

    /// Dotted decimal, or RFC 5952 text (lower case, the longest run of zeros shortened).
    public var description: String {
        switch family {
        case .v4:
            let bits = v4Bits
            return "\(bits >> 24).\(bits >> 16 & 0xFF).\(bits >> 8 & 0xFF).\(bits & 0xFF)"
        case .v6:
            return Self.describeV6(groups)
        }
    }

    /// The eight 16-bit groups of an IPv6 address.
    private var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
        }
    }

    private static func parseV4(_ text: Substring) -> IPAddress? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.first != "0", let value = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt32(value)
        }
        return IPAddress(v4: bits)
    }

    private static func parseV6(_ text: Substring) -> IPAddress? {
        guard text.utf8.count <= 45 else { return nil }
        // "::" may stand once; what is left and right of it are plain lists of groups.
        if let range = text.firstRange(ofDoubleColonIn: text) {
            guard let left = parseGroups(text[..<range.lowerBound], allowsV4: false),
                let right = parseGroups(text[range.upperBound...], allowsV4: true),
                left.count + right.count <= 7
            else { return nil }
            return fromGroups(left + Array(repeating: 0, count: 8 - left.count - right.count) + right)
        }
        guard let all = parseGroups(text, allowsV4: true), all.count == 8 else { return nil }
        return fromGroups(all)
    }

    private static func parseGroups(_ text: Substring, allowsV4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if allowsV4, index == parts.count - 1, part.contains(".") {
                guard let v4 = parseV4(part) else { return nil }
                groups += [UInt16(v4.v4Bits >> 16), UInt16(truncatingIfNeeded: v4.v4Bits)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexDigit),
                let value = UInt16(part, radix: 16)
            else { return nil }
            groups.append(value)
        }
        return groups
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    private static func fromGroups(_ groups: [UInt16]) -> IPAddress {
        let high = groups[0..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = groups[4..<8].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return IPAddress(v6High: high, low: low)
    }

    private static func describeV6(_ groups: [UInt16]) -> String {
        // RFC 5952 section 4.2: shorten the longest run of at least two zero groups, the first one of equals.
        var best = 0..<0
        var start: Int?
        for index in 0...8 {
            if index < 8, groups[index] == 0 {
                start = start ?? index
            } else if let first = start {
                if index - first > best.count, index - first >= 2 { best = first..<index }
                start = nil
            }
        }
        let hex = { (slice: ArraySlice<UInt16>) in slice.map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty
            ? hex(groups[...]) : hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }
}

extension Substring {
    /// Where the one "::" stands in `text`; nil when there is none.
    fileprivate func firstRange(ofDoubleColonIn text: Substring) -> Range<Substring.Index>? {
        var index = startIndex
        while index < endIndex {
            let next = self.index(after: index)
            if self[index] == ":", next < endIndex, self[next] == ":" { return index..<self.index(after: next) }
            index = next
        }
        return nil
    }
}
