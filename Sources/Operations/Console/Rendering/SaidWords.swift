/// What the server itself says - why it refuses, what it finds, what it warns of - in another language than its own.
///
/// `Texts/said.de` has a sentence and its translation in two lines; places `{0}` stand for what differs.
struct SaidWords: Sendable {
    private struct Sentence: Sendable {
        /// What stands before, between and after the places.
        let parts: [String]
        let translation: String

        init(_ text: String, _ translation: String) {
            parts = text.split(separator: /\{[0-9]\}/, omittingEmptySubsequences: false).map(String.init)
            self.translation = translation
        }

        /// What stands in the places; nil when the sentence is another one.
        func values(of text: String) -> [String]? {
            guard let first = parts.first, let last = parts.last, text.hasPrefix(first) else { return nil }
            var rest = text.dropFirst(first.count)
            guard parts.count > 1 else { return rest.isEmpty ? [] : nil }
            var values: [String] = []
            for part in parts.dropFirst().dropLast() {
                guard let found = rest.firstRange(of: part) else { return nil }
                values.append(String(rest[..<found.lowerBound]))
                rest = rest[found.upperBound...]
            }
            guard rest.hasSuffix(last) else { return nil }
            values.append(String(rest.dropLast(last.count)))
            return values
        }
    }

    /// How deep sentences may lie in places of others.
    private static let depth = 3
    /// The longest text that is looked for, in bytes: what is longer was made longer by a stranger.
    private static let longest = 2000

    private let sentences: [Sentence]

    /// Reads lines in pairs; the second of a pair begins with `= `, and comments with `#`.
    init(_ text: String) {
        var sentences: [Sentence] = []
        var said: Substring?
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("= "), let said { sentences.append(Sentence(String(said), String(line.dropFirst(2)))) }
            said = line.hasPrefix("= ") ? nil : line
        }
        self.sentences = sentences
    }

    /// The translation; nil when there is none.
    func callAsFunction(_ text: String) -> String? {
        text.utf8.count <= Self.longest ? translated(text, Self.depth) : nil
    }

    private func translated(_ text: String, _ depth: Int) -> String? {
        // In a place a single word may be somebody's name; `it` stands for an address that was asked about.
        guard depth == Self.depth || text.contains(" ") || text == "it" else { return nil }
        for sentence in sentences {
            guard let values = sentence.values(of: text) else { continue }
            var result = ""
            var rest = sentence.translation[...]
            // Places are filled in one walk, so that what a stranger wrote is no place of its own.
            while let place = rest.firstMatch(of: /\{([0-9])\}/) {
                result += rest[..<place.range.lowerBound]
                if let index = Int(place.output.1), values.indices.contains(index) {
                    result += (depth > 0 ? translated(values[index], depth - 1) : nil) ?? values[index]
                }
                rest = rest[place.range.upperBound...]
            }
            return result + rest
        }
        return nil
    }
}
