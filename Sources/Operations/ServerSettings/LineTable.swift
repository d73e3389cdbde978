/// The lines of a file: finds the byte that a YAML mark (line and column) stands for, and the line of a byte.
struct LineTable {
    let bytes: [UInt8]
    /// Where each line begins.
    private let starts: [Int]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var starts = [0]
        var index = 0
        while index < bytes.count {
            let length = Self.lineBreakLength(in: bytes, at: index)
            index += max(1, length)
            if length > 0 { starts.append(index) }
        }
        self.starts = starts
    }

    /// What YAML 1.1 section 4.1.4 counts as a line break: CR LF, CR, LF, NEL, LS, PS.
    private static func lineBreakLength(in bytes: [UInt8], at index: Int) -> Int {
        let rest = bytes[index...]
        switch bytes[index] {
        case 0x0D: return rest.starts(with: [0x0D, 0x0A]) ? 2 : 1
        case 0x0A: return 1
        case 0xC2: return rest.starts(with: [0xC2, 0x85]) ? 2 : 0
        case 0xE2: return rest.starts(with: [0xE2, 0x80, 0xA8]) || rest.starts(with: [0xE2, 0x80, 0xA9]) ? 3 : 0
        default: return 0
        }
    }

    /// The number, from 1, of the line in which the byte at `offset` stands.
    func line(ofByte offset: Int) -> Int {
        // Binary search for the first line that begins after the byte.
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        return max(1, low)
    }

    /// The offset of the Unicode scalar at `line` and `column`, both from 1; nil when there is no such place.
    func offset(line: Int, column: Int) -> Int? {
        guard starts.indices.contains(line - 1), column >= 1 else { return nil }
        var offset = starts[line - 1]
        for _ in 1..<column {
            guard offset < bytes.count else { return nil }
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
        }
        return offset
    }

    /// How many lines there are; the last one may be empty.
    var count: Int { starts.count }

    /// The bytes of the line with this number, from 1, with its line break.
    func content(ofLine number: Int) -> ArraySlice<UInt8> {
        bytes[starts[number - 1]..<(number < starts.count ? starts[number] : bytes.count)]
    }

    /// The file with the words of comment lines left out; all lines keep their numbers.
    ///
    /// What is checked before parsing is then what is parsed, and a comment may say anything.
    func withoutComments() -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for number in 1...starts.count {
            let line = content(ofLine: number)
            // A byte order mark may stand in front of the first line.
            let text = number == 1 && line.starts(with: [0xEF, 0xBB, 0xBF]) ? line.dropFirst(3) : line
            guard let first = text.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }), text[first] == UInt8(ascii: "#")
            else {
                result += line
                continue
            }
            result += line[...first]
            var index = first
            while index < line.endIndex, Self.lineBreakLength(in: bytes, at: index) == 0 { index += 1 }
            result += line[index...]
        }
        return result
    }

    /// What to do about a line that YAML cannot read for its bare IPv6 address; empty when it has none.
    func hint(forLine number: Int) -> String {
        guard (1...starts.count).contains(number) else { return "" }
        let line = String(decoding: content(ofLine: number), as: UTF8.self)
        return line.contains("::") || line.contains("]:")
            ? "; put a value that begins with [ or ends with : in quotes" : ""
    }

    /// The numbers of the lines that begin with one of these keys, quoted or not, and a colon.
    func numbersOfLines(settingKeys keys: Set<String>) -> [String: [Int]] {
        var numbers: [String: [Int]] = [:]
        for number in 1...starts.count {
            let name = content(ofLine: number).prefix { $0 != UInt8(ascii: ":") }.filter { !" \t\"'".utf8.contains($0) }
            let key = String(decoding: name, as: UTF8.self)
            if keys.contains(key) { numbers[key, default: []].append(number) }
        }
        return numbers
    }

    /// The line break that the file uses: that of its first line.
    var lineBreak: [UInt8] {
        content(ofLine: 1).suffix(2) == [0x0D, 0x0A] ? [0x0D, 0x0A] : [0x0A]
    }
}
