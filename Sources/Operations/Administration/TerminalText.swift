/// Text of strangers made safe for a terminal.
public enum TerminalText {
    /// The text with every control character but the line end written as an escape such as `\u{1B}`.
    ///
    /// What a client sent may stand in a log line; it must not move the cursor or change the title of a window.
    public static func visible(_ text: String) -> String { escaped(text, but: "\n") }

    /// The text on one line: the line end is written as an escape too.
    public static func oneLine(_ text: String) -> String { escaped(text, but: nil) }

    private static func escaped(_ text: String, but kept: Unicode.Scalar?) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where scalar != kept: result += scalar.escaped(asASCII: true)
            case .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Quantities as people read them.
public enum HumanText {
    /// Seconds in the largest units that they fill, at most `parts` of them: `1 d 3 h`.
    public static func duration(_ seconds: Int, parts: Int = 2) -> String {
        let units = [
            (seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s"),
        ]
        let shown = units.drop { $0.0 == 0 }.prefix(parts)
        return shown.isEmpty ? "0 s" : shown.map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }

    /// Bytes in the largest decimal unit, with one digit after the point below ten: `812 B`, `1.2 MB`, `34 GB`.
    public static func bytes(_ count: UInt64) -> String {
        var value = count
        var rest: UInt64 = 0
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            (value, rest) = (value / 1000, value % 1000)
            unit += 1
        }
        return unit > 0 && value < 10 ? "\(value).\(rest / 100) \(units[unit])" : "\(value) \(units[unit])"
    }

    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    /// A number with the noun it counts: `1 packet`, `2 packets`.
    public static func count(_ number: some BinaryInteger, _ noun: String) -> String {
        "\(number) \(noun)" + (number == 1 ? "" : "s")
    }
}
