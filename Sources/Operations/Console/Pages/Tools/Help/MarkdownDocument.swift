/// A document in the part of Markdown that the project's own documents use: headings, paragraphs, lists, tables, code,
/// quotes, emphasis and links.
///
/// What is not one of these is text; HTML is none of them, so nothing in a document is ever markup of its own.
struct MarkdownDocument: Equatable, Sendable {
    /// A part of a document.
    indirect enum Block: Equatable, Sendable {
        case heading(level: Int, text: String, id: String)
        case paragraph(String)
        case code([String])
        case list(isNumbered: Bool, items: [[Block]])
        case table(head: [String], rows: [[String]])
        case quote([Block])
    }

    let blocks: [Block]

    /// Reads a text.
    init(_ text: String) {
        var reader = MarkdownReader(text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...])
        blocks = reader.blocks(depth: 0)
    }

    /// The first heading, without marks.
    var title: String? {
        for case .heading(1, let text, _) in blocks { return MarkdownSpans.plain(text) }
        return nil
    }
}

/// Takes lines apart.
private struct MarkdownReader {
    private var lines: ArraySlice<Substring>
    private var ids: [String: Int] = [:]

    /// Deeper than this, lists and quotes are text.
    private static let deepest = 6

    init(_ lines: ArraySlice<Substring>) { self.lines = lines }

    mutating func blocks(depth: Int) -> [MarkdownDocument.Block] {
        var blocks: [MarkdownDocument.Block] = []
        while let line = lines.first {
            if line.allSatisfy(\.isWhitespace) {
                lines.removeFirst()
            } else if line.hasPrefix("```") {
                blocks.append(code())
            } else if let level = Self.headingLevel(line) {
                lines.removeFirst()
                blocks.append(heading(level, line))
            } else if let table = table() {
                blocks.append(table)
            } else if depth < Self.deepest, line.hasPrefix(">") {
                blocks.append(quote(depth: depth))
            } else if depth < Self.deepest, let marker = Self.marker(line) {
                blocks.append(list(isNumbered: marker.isNumbered, depth: depth))
            } else {
                blocks.append(paragraph())
            }
        }
        return blocks
    }

    private static func headingLevel(_ line: Substring) -> Int? {
        let level = line.prefix { $0 == "#" }.count
        return (1...6).contains(level) && line.dropFirst(level).hasPrefix(" ") ? level : nil
    }

    private mutating func heading(_ level: Int, _ line: Substring) -> MarkdownDocument.Block {
        let text = line.drop { $0 == "#" }.trimmed
        // As GitHub makes them, so that links within documents work in both places.
        let plain = MarkdownSpans.plain(text).lowercased()
        let name = String(
            plain.filter { $0.isLetter || $0.isNumber || " -_".contains($0) }.map { $0 == " " ? "-" : $0 }
        )
        let count = ids[name, default: 0]
        ids[name] = count + 1
        return .heading(level: level, text: text, id: count == 0 ? name : "\(name)-\(count)")
    }

    private mutating func code() -> MarkdownDocument.Block {
        lines.removeFirst()
        let text = lines.prefix { !$0.hasPrefix("```") }
        lines = lines.dropFirst(text.count + 1)
        return .code(text.map(String.init))
    }

    private mutating func paragraph() -> MarkdownDocument.Block {
        // The first line is text whatever it looks like: else nothing would take it.
        var text = [lines.removeFirst().trimmed]
        while let line = lines.first, !Self.endsParagraph(line) {
            text.append(line.trimmed)
            lines.removeFirst()
        }
        return .paragraph(text.joined(separator: " "))
    }

    private static func endsParagraph(_ line: Substring) -> Bool {
        line.allSatisfy(\.isWhitespace) || line.hasPrefix("```") || headingLevel(line) != nil || line.hasPrefix("|")
            || line.hasPrefix(">") || marker(line) != nil
    }

    // MARK: Lists and quotes

    /// The marker of an item: how many characters it takes.
    private static func marker(_ line: Substring) -> (isNumbered: Bool, width: Int)? {
        if line.hasPrefix("- ") || line.hasPrefix("* ") { return (false, 2) }
        let digits = line.prefix { $0.isASCII && $0.isNumber }.count
        guard (1...9).contains(digits), line.dropFirst(digits).hasPrefix(". ") else { return nil }
        return (true, digits + 2)
    }

    private mutating func list(isNumbered: Bool, depth: Int) -> MarkdownDocument.Block {
        var items: [[MarkdownDocument.Block]] = []
        while let line = lines.first, let marker = Self.marker(line), marker.isNumbered == isNumbered {
            lines.removeFirst()
            var inner = [line.dropFirst(marker.width)]
            while let next = lines.first {
                let indent = next.prefix { $0 == " " }.count
                if indent >= marker.width {
                    inner.append(next.dropFirst(marker.width))
                } else if next.allSatisfy(\.isWhitespace), belongsToItem(after: marker.width) {
                    inner.append("")
                } else if indent > 0 || !Self.endsParagraph(next) {
                    // A line that goes on without being set in.
                    inner.append(next.drop { $0 == " " })
                } else {
                    break
                }
                lines.removeFirst()
            }
            var reader = MarkdownReader(inner[...])
            items.append(reader.blocks(depth: depth + 1))
        }
        return .list(isNumbered: isNumbered, items: items)
    }

    /// Whether a line that is set in follows the empty one.
    private func belongsToItem(after width: Int) -> Bool {
        guard let next = lines.dropFirst().first(where: { !$0.allSatisfy(\.isWhitespace) }) else { return false }
        return next.prefix { $0 == " " }.count >= width
    }

    private mutating func quote(depth: Int) -> MarkdownDocument.Block {
        let quoted = lines.prefix { $0.hasPrefix(">") }
        lines = lines.dropFirst(quoted.count)
        let inner = quoted.map { $0.dropFirst($0.hasPrefix("> ") ? 2 : 1) }
        var reader = MarkdownReader(inner[...])
        return .quote(reader.blocks(depth: depth + 1))
    }

    // MARK: Tables

    private mutating func table() -> MarkdownDocument.Block? {
        guard let first = lines.first, first.hasPrefix("|"), let second = lines.dropFirst().first,
            second.hasPrefix("|"), second.allSatisfy({ "|-: ".contains($0) })
        else { return nil }
        let rows = lines.prefix { $0.hasPrefix("|") }
        lines = lines.dropFirst(rows.count)
        let head = Self.cells(first)
        return .table(head: head, rows: rows.dropFirst(2).map { Array(Self.cells($0).prefix(head.count)) })
    }

    /// The cells of a row: a bar behind a backslash, or within code, ends none.
    private static func cells(_ line: Substring) -> [String] {
        var cells: [String] = []
        var cell = ""
        var isCode = false
        var rest = line.trimmed[...]
        rest.removeFirst()
        while let character = rest.popFirst() {
            switch character {
            case "\\" where rest.first == "|":
                rest.removeFirst()
                cell += "|"
            case "|" where !isCode:
                cells.append(cell[...].trimmed)
                cell = ""
            default:
                if character == "`" { isCode.toggle() }
                cell.append(character)
            }
        }
        if !cell[...].trimmed.isEmpty { cells.append(cell[...].trimmed) }
        return cells
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
