/// One of the project's documents, as the help page shows it.
struct HelpDocument: Sendable {
    /// What the address calls it: the file name without `.md`.
    let name: String
    let title: String
    /// The document, in pieces at its second headings where the whole would be a large page.
    let parts: [[MarkdownDocument.Block]]

    /// Larger documents are shown in parts, in bytes of Markdown.
    private static let largest = 24_000
    /// What people look for first comes first.
    private static let order = [
        "README", "install", "operator-guide", "command-line", "settings", "console", "relay", "messages",
        "nat-discovery", "fleet",
        "dns",
        "certificates", "api", "metrics",
    ]

    /// All documents that the program carries.
    static let all: [HelpDocument] = EmbeddedTexts.files
        .filter { $0.key.hasSuffix(".md") }
        .map { HelpDocument(name: String($0.key.dropLast(3)), text: $0.value) }
        .sorted { ($0.rank, $0.name.lowercased()) < ($1.rank, $1.name.lowercased()) }

    /// The document of this name; nil when there is none.
    static func named(_ name: String) -> HelpDocument? { all.first { $0.name == name } }

    private var rank: Int {
        name == "CHANGELOG" ? .max : Self.order.firstIndex(of: name) ?? Self.order.count
    }

    init(name: String, text: String) {
        let document = MarkdownDocument(text)
        self.name = name
        title = document.title ?? name
        // The page has the title already.
        var blocks = document.blocks[...]
        if case .heading(1, _, _) = blocks.first { blocks.removeFirst() }
        parts = text.utf8.count > Self.largest ? Self.split(blocks) : [Array(blocks)]
    }

    private static func split(_ blocks: ArraySlice<MarkdownDocument.Block>) -> [[MarkdownDocument.Block]] {
        var parts: [[MarkdownDocument.Block]] = [[]]
        for block in blocks {
            if case .heading(2, _, _) = block, !(parts.last?.isEmpty ?? true) { parts.append([]) }
            parts[parts.count - 1].append(block)
        }
        return parts
    }

    /// The part in which the heading with this id is.
    func part(of id: String) -> Int {
        parts.firstIndex { blocks in
            blocks.contains { if case .heading(_, _, id) = $0 { true } else { false } }
        } ?? 0
    }

    /// What a part is called: its first heading.
    func title(ofPart index: Int) -> String {
        for case .heading(2, let text, _) in parts[index].prefix(1) { return MarkdownSpans.plain(text) }
        return title
    }
}
