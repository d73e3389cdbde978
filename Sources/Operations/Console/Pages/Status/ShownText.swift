import Administration

/// Text of strangers as a page shows it: what no eye sees is written as an escape, and what is too long is cut.
struct ShownText: Sendable, Equatable {
    /// What is shown.
    let text: String
    /// When that is cut, more of it, for those who point at it.
    let whole: String?

    /// How much of a text that is cut can be seen at all, in bytes of HTML: a page stays small whatever it shows.
    private static let mostWhole = 300

    /// Cuts `text` to `most` bytes of HTML.
    init(_ text: String, most: Int = 60) {
        let shown = Self.cut(text, most)
        self.text = shown.text
        whole = shown.isCut ? Self.cut(text, max(Self.mostWhole, most)).text : nil
    }

    private static func cut(_ text: String, _ most: Int) -> (text: String, isCut: Bool) {
        // Escapes are longer than what they stand for, so more than this is never needed.
        let beginning = TerminalText.oneLine(String(text.unicodeScalars.prefix(most + 1)))
        var result = String.UnicodeScalarView()
        var cost = 0
        for scalar in beginning.unicodeScalars {
            cost += ScalarHTML.cost(scalar)
            guard cost <= most else { return (String(result) + "…", true) }
            result.append(scalar)
        }
        return (String(result), false)
    }
}
