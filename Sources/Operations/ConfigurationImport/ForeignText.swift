/// The lines of a text file that say something: none that is empty or begins with `#`.
struct ForeignText {
    struct Line {
        /// From 1.
        let number: Int
        /// Without spaces around it.
        let text: String
        /// Why it cannot be read; nil when it can.
        let fault: String?
    }

    /// The longest line in bytes: coturn takes what is behind them for another line.
    static let longestLine = 1023
    /// How many lines may say something: more than any such file has, and few enough for a report.
    static let mostLines = 10_000

    private(set) var lines: [Line] = []

    init(_ bytes: [UInt8]) throws(ImportError) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let start = bytes.starts(with: mark) ? mark.count : 0
        var number = 0
        var rest = bytes[start...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
            number += 1
            try take(rest[..<end], number)
            rest = end < rest.endIndex ? rest[(end + 1)...] : []
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ number: Int) throws(ImportError) {
        guard !bytes.contains(0) else { throw ImportError(line: number, "has a zero byte: this is no text file") }
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        var line = bytes.drop(while: isSpace)
        while let last = line.last, isSpace(last) { line.removeLast() }
        guard let first = line.first, first != UInt8(ascii: "#") else { return }
        guard lines.count < Self.mostLines else {
            throw ImportError(line: nil, "has more than \(Self.mostLines) lines that say something")
        }
        guard line.count <= Self.longestLine else {
            let text = String(decoding: line.prefix(40), as: UTF8.self)
            lines.append(Line(number: number, text: text, fault: "is longer than \(Self.longestLine) bytes"))
            return
        }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw ImportError(line: number, "is not written in UTF-8")
        }
        // Whatever is no letter in a name or value would be lost, or forge a line of the report.
        let hasControl = text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\t" }
        lines.append(Line(number: number, text: text, fault: hasControl ? "has a control character in it" : nil))
    }
}
