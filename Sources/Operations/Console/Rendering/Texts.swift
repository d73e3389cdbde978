import Mustache

/// The words of the console in one language: `Texts/<group>.en.txt` and `.de.txt`, a line `key = text` each.
struct Texts: Sendable {
    let language: Language
    /// Every text by its key; what a language lacks is English.
    let all: [String: String]
    /// What the server itself says, in this language.
    private let words: SaidWords?

    private init(_ language: Language) {
        self.language = language
        words = EmbeddedTexts.files["said.\(language.rawValue)"].map(SaidWords.init)
        let english = Self.read(.english)
        all = language == .english ? english : english.merging(Self.read(language)) { $1 }
    }

    private static let each = Dictionary(uniqueKeysWithValues: Language.allCases.map { ($0, Texts($0)) })

    /// The words of `language`.
    static func of(_ language: Language) -> Texts { each[language] ?? Texts(language) }

    /// The text for `key`, its places `{0}`, `{1}` filled; the key itself when there is none, which a test forbids.
    func callAsFunction(_ key: String, _ values: String...) -> String {
        var text = all[key] ?? key
        for (index, value) in values.enumerated() { text = text.replacing("{\(index)}", with: value) }
        return text
    }

    /// What the server says in its own language, in this one; nil when there are no words for it, or it is the same.
    func said(_ text: String) -> String? { words?(text) }

    /// The text for `key`; nil when there is none.
    subscript(key: String) -> String? { all[key] }

    /// Reads the files of a language, lines of `key = text`; lines that begin with `#` are comments.
    static func read(_ language: Language) -> [String: String] {
        var result: [String: String] = [:]
        for (name, text) in EmbeddedTexts.files where name.hasSuffix(".\(language.rawValue).txt") {
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                guard let separator = line.firstRange(of: " = ") else { continue }
                result[String(line[..<separator.lowerBound])] = String(line[separator.upperBound...])
            }
        }
        return result
    }
}
