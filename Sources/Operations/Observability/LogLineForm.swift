/// How log entries are written.
public enum LogLineForm: String, Sendable, Hashable, CaseIterable {
    /// The form of the manual of 2002: a line for people, then the message in hexadecimal, 16 bytes a line.
    case text
    /// One JSON object a line (RFC 8259).
    case json
}

extension LogEntry {
    /// This entry in `format`, without a newline at its end.
    ///
    /// Whatever the text holds, it can neither end a line nor move a terminal's cursor: control and format characters
    /// are escaped.
    public func formatted(_ format: LogLineForm) -> String {
        switch format {
        case .text: textLines
        case .json: jsonLine
        }
    }

    /// This entry on one line, without its time, for a log that adds its own.
    func syslogLine(_ format: LogLineForm) -> String {
        switch format {
        case .text: "[\(level.rawValue)] \(code.rawValue) \(sentence)" + (pdu.map { ": " + hexBytes($0[...]) } ?? "")
        case .json: jsonLine
        }
    }

    /// The text with the address, the remark and the number of repeats.
    private var sentence: String {
        var line = LogEscape.text(text)
        if let addressText { line += " \(code.definition.addressWord) \(addressText)" }
        if let remark { line += ": " + LogEscape.text(remark) }
        if repeats > 0 {
            line +=
                repeatsDiffer
                ? " (the last of \(repeats) messages with this number)"
                : " (repeated \(repeats) \(repeats == 1 ? "time" : "times"))"
        }
        return line
    }

    private var textLines: String {
        var lines = "[\(level.rawValue)] \(CivilTime(nanosecondsSince1970: time).asctime): \(sentence)"
        guard let pdu else { return lines }
        for start in stride(from: 0, to: pdu.count, by: 16) {
            lines += "\n" + hexBytes(pdu[start..<min(start + 16, pdu.count)])
        }
        if pduLength > pdu.count { lines += "\n... (\(pduLength) bytes)" }
        return lines
    }

    private var jsonLine: String {
        var line = "{\"time\":\"\(CivilTime(nanosecondsSince1970: time).rfc3339)\",\"level\":\(level.rawValue)"
        line += ",\"severity\":\"\(level.name)\",\"code\":\(code.rawValue),\"text\":\"\(LogEscape.json(text))\""
        if let addressText { line += ",\"address\":\"\(addressText)\"" }
        if let remark { line += ",\"remark\":\"\(LogEscape.json(remark))\"" }
        if let pdu { line += ",\"pdu\":\"\(hexBytes(pdu[...], separator: ""))\",\"pdu_length\":\(pduLength)" }
        if repeats > 0 { line += ",\"repeats\":\(repeats)" }
        return line + "}"
    }

    private func hexBytes(_ bytes: ArraySlice<UInt8>, separator: String = " ") -> String {
        bytes.map { LogEscape.hex(UInt32($0), digits: 2) }.joined(separator: separator)
    }
}

/// Makes foreign text harmless for lines, JSON and terminals.
enum LogEscape {
    /// `text` with backslashes doubled and everything that is not plain writing as `\u{1b}`.
    static func text(_ text: String) -> String {
        escaped(text) { scalar in
            scalar == "\\" ? "\\\\" : "\\u{\(String(scalar.value, radix: 16))}"
        } isPlain: {
            $0 != "\\"
        }
    }

    /// `text` as the inside of a JSON string (RFC 8259 section 7).
    static func json(_ text: String) -> String {
        escaped(text) { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            default: String(scalar).utf16.map { "\\u" + hex(UInt32($0), digits: 4) }.joined()
            }
        } isPlain: {
            $0 != "\"" && $0 != "\\"
        }
    }

    /// `value` in lower case hexadecimal with at least `digits` digits.
    static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func escaped(
        _ text: String,
        escape: (Unicode.Scalar) -> String,
        isPlain: (Unicode.Scalar) -> Bool
    ) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if isPlain(scalar), isWriting(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                result += escape(scalar)
            }
        }
        return result
    }

    /// Whether a scalar is a letter, mark, number, sign or space: nothing that steers a terminal or turns its text
    /// around (escape sequences, C1 controls, bidirectional overrides, line separators).
    private static func isWriting(_ scalar: Unicode.Scalar) -> Bool {
        if (0x20..<0x7F).contains(scalar.value) { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: return false
        default: return true
        }
    }
}
