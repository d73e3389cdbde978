/// A sentence of the server for a page: in its language, cut, literal, and with what stands between backticks shown as code.
///
/// Only templates that say `{{{html}}}` show it, and nothing else can be put there by mistake.
struct Prose: Sendable, Equatable {
    /// The sentence as HTML.
    let html: String
    /// When it is cut, more of it, for those who point at it.
    let whole: String?
    /// The language that it is in, where that is another one than the page's.
    let foreign: String?

    /// Translates `text` where there are words for it, cuts it to `most` bytes of HTML, and makes it literal.
    init(_ text: String, _ texts: Texts, most: Int = 600) {
        let translation = texts.said(text)
        foreign = translation == nil && texts.language != .english ? Language.english.rawValue : nil
        let shown = ShownText(translation ?? text, most: most)
        whole = shown.whole
        let parts = ScalarHTML.escaped(shown.text).split(separator: "`", omittingEmptySubsequences: false)
        // Every second part is code, but for one that nothing ends.
        html = parts.enumerated().map { index, part in
            guard !index.isMultiple(of: 2) else { return String(part) }
            return index < parts.count - 1 ? "<code>\(part)</code>" : "`\(part)"
        }.joined()
    }
}
