/// HTML of a document: every text of it is escaped, and its links lead to our own pages or to https.
struct MarkdownHTML {
    /// The address of another document on this server, by its file name and the id of a heading; nil when there is none.
    let address: (_ file: String, _ id: String?) -> String?

    /// The HTML of blocks; headings begin one level below the page's own.
    func html(_ blocks: [MarkdownDocument.Block]) -> String { blocks.map(html).joined(separator: "\n") }

    private func html(_ block: MarkdownDocument.Block) -> String {
        switch block {
        case .heading(let level, let text, let id):
            let level = min(level + 1, 6)
            return "<h\(level) id=\"\(ScalarHTML.escaped(id))\">\(spans(text))</h\(level)>"
        case .paragraph(let text): return "<p>\(spans(text))</p>"
        case .code(let lines): return "<pre><code>\(ScalarHTML.escaped(lines.joined(separator: "\n")))</code></pre>"
        case .list(let isNumbered, let items):
            let name = isNumbered ? "ol" : "ul"
            return "<\(name)>" + items.map { "<li>\(item($0))</li>" }.joined() + "</\(name)>"
        case .table(let head, let rows):
            let titles = head.map { "<th scope=\"col\">\(spans($0))</th>" }.joined()
            let body = rows.map { row in "<tr>" + row.map { "<td>\(spans($0))</td>" }.joined() + "</tr>" }
            // Can be reached by keyboard, as it is wider than a phone.
            return
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(ScalarHTML.escaped(head.joined(separator: ", ")))\">"
                + "<table><thead><tr>\(titles)</tr></thead><tbody>\(body.joined(separator: "\n"))</tbody></table></div>"
        case .quote(let blocks): return "<blockquote>\(html(blocks))</blockquote>"
        }
    }

    /// An item of one paragraph needs none.
    private func item(_ blocks: [MarkdownDocument.Block]) -> String {
        guard case .paragraph(let text) = blocks.first else { return html(blocks) }
        return spans(text) + html(Array(blocks.dropFirst()))
    }

    private func spans(_ text: String) -> String { spans(MarkdownSpans(text).spans) }

    private func spans(_ spans: [MarkdownSpans.Span]) -> String {
        spans.map { span in
            switch span {
            case .text(let text): ScalarHTML.escaped(text)
            case .code(let text): "<code>\(ScalarHTML.escaped(text))</code>"
            case .strong(let inner): "<strong>\(self.spans(inner))</strong>"
            case .emphasis(let inner): "<em>\(self.spans(inner))</em>"
            case .link(let inner, let address): link(self.spans(inner), address)
            }
        }.joined()
    }

    private func link(_ html: String, _ target: String) -> String {
        if target.hasPrefix("https://") {
            return "<a href=\"\(ScalarHTML.escaped(target))\" rel=\"noreferrer\">\(html)</a>"
        }
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let id = parts.count > 1 ? parts[1] : nil
        let file = parts[0].split(separator: "/").last.map(String.init) ?? ""
        // Only a name of ours, so neither another scheme nor another host.
        guard let address = address(file, id) else { return html }
        return "<a href=\"\(ScalarHTML.escaped(address))\">\(html)</a>"
    }
}
