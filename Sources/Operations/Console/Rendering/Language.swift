/// A language of the console.
enum Language: String, CaseIterable, Sendable {
    case english = "en"
    case german = "de"

    /// The one that a browser likes best (RFC 9110 section 12.5.4); English when it likes none of ours.
    init(acceptLanguage header: String?) {
        var best: (language: Language, quality: Double)?
        for part in (header ?? "").split(separator: ",").prefix(32) {
            let fields = part.split(separator: ";").map { $0.filter { $0 != " " } }
            guard let tag = fields.first?.split(separator: "-").first?.lowercased(),
                let language = Language(rawValue: tag)
            else { continue }
            let quality = fields.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            if quality > best?.quality ?? 0 { best = (language, quality) }
        }
        self = best?.language ?? .english
    }
}
