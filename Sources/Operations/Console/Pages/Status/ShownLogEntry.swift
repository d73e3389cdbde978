import Administration
import Observability

/// A log message as the page shows it.
struct ShownLogEntry: Sendable {
    let level: Int
    /// How it is painted: `urgent`, `attention` or `ordinary`; the number says it too.
    let weight: String
    let stamp: String
    let time: String
    let code: Int
    let help: String
    let text: ShownText
    /// The word between text and address.
    let word: String
    let address: String?
    let explain: String
    let remark: ShownText?
    /// The packet, 16 bytes a line as in the manual; nil when none was kept.
    let hex: String?
    let hexMore: String?
    /// The packet in words; nil when it is no STUN message.
    let decoded: String?

    /// How many bytes of a packet are shown; the download has all of them.
    private static let mostBytes = 320
    private static let bytesPerLine = 16
    private static let mostLines = 24

    init(_ entry: LogReport.Entry, _ request: PageRequest) {
        level = entry.level
        weight = entry.level <= 3 ? "urgent" : entry.level == 4 ? "attention" : "ordinary"
        stamp = ShownText(entry.time, most: 40).text
        time = Self.time(stamp)
        code = entry.code
        help = request.path("help", [("code", "\(entry.code)")])
        text = ShownText(entry.text, most: 400)
        word = UInt16(exactly: entry.code).flatMap(MessageCode.init)?.definition.addressWord ?? ""
        address = entry.address.map { ShownText($0).text }
        explain = request.path("explain", [("subject", address ?? "")])
        remark = entry.remark.map { ShownText($0, most: 300) }
        let bytes = Self.bytes(entry.pdu ?? "")
        hex = bytes.isEmpty ? nil : Self.lines(bytes.prefix(Self.mostBytes))
        let left = bytes.count - Self.mostBytes
        hexMore = left > 0 ? request.texts("log_more_bytes", "\(left)") : nil
        decoded = entry.decoded.map { lines in
            let shown = lines.prefix(Self.mostLines).map { ShownText($0, most: 160).text }
            return (shown + (lines.count > shown.count ? ["…"] : [])).joined(separator: "\n")
        }
    }

    /// About how many bytes of HTML it takes.
    var bytes: Int {
        let texts = [text.text, text.whole, remark?.text, remark?.whole, hex, decoded, address, explain]
        return 480 + texts.reduce(0) { $0 + ($1?.unicodeScalars.reduce(0) { $0 + ScalarHTML.cost($1) } ?? 0) }
    }

    /// `2002-08-13 15:30:48` of `2002-08-13T15:30:48.000Z`.
    static func time(_ stamp: String) -> String {
        String(stamp.prefix { $0 != "." && $0 != "Z" }).replacing("T", with: " ")
    }

    /// The two digits of each byte.
    private static func bytes(_ digits: String) -> [Substring] {
        let digits = digits.filter { $0.isASCII && $0.isHexDigit }
        return stride(from: 0, to: digits.utf8.count - 1, by: 2).map { digits.dropFirst($0).prefix(2) }
    }

    private static func lines(_ bytes: some Collection<Substring>) -> String {
        let bytes = Array(bytes)
        return stride(from: 0, to: bytes.count, by: bytesPerLine)
            .map { bytes[$0..<min($0 + bytesPerLine, bytes.count)].joined(separator: " ") }
            .joined(separator: "\n")
    }
}
