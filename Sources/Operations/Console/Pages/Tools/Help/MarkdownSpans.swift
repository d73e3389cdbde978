/// The marks within a line: code, emphasis and links.
struct MarkdownSpans: Equatable {
    /// A piece of a line.
    indirect enum Span: Equatable {
        case text(String)
        case code(String)
        case strong([Span])
        case emphasis([Span])
        case link(text: [Span], address: String)
    }

    let spans: [Span]

    /// Deeper than this, marks are text.
    private static let deepest = 4

    /// Reads a line.
    init(_ text: String) { spans = Self.parse(Array(text)[...], depth: 0) }

    /// The line without marks.
    static func plain(_ text: String) -> String { plain(MarkdownSpans(text).spans) }

    private static func plain(_ spans: [Span]) -> String {
        spans.map { span in
            switch span {
            case .text(let text), .code(let text): text
            case .strong(let inner), .emphasis(let inner), .link(let inner, _): plain(inner)
            }
        }.joined()
    }

    private static func parse(_ text: ArraySlice<Character>, depth: Int) -> [Span] {
        var spans: [Span] = []
        var plain = ""
        var rest = text
        // Where a mark has no end once, it has none further on: hostile text costs no more than its length.
        var hopeless: Set<String> = []
        while let character = rest.first {
            if let (span, after) = span(rest, before: plain.last, depth: depth, &hopeless) {
                if !plain.isEmpty { spans.append(.text(plain)) }
                plain = ""
                spans.append(span)
                rest = after
            } else {
                rest.removeFirst()
                if character == "\\", let next = rest.first, "\\`*_[]|<>#-".contains(next) {
                    rest.removeFirst()
                    plain.append(next)
                } else {
                    plain.append(character)
                }
            }
        }
        if !plain.isEmpty { spans.append(.text(plain)) }
        return spans
    }

    /// The span that begins here, and what follows it.
    private static func span(
        _ rest: ArraySlice<Character>,
        before: Character?,
        depth: Int,
        _ hopeless: inout Set<String>
    ) -> (Span, ArraySlice<Character>)? {
        switch rest.first {
        case "`":
            let ticks = rest.prefix { $0 == "`" }.count
            let mark = String(repeating: "`", count: min(ticks, 3))
            guard let (inner, after) = enclosed(rest, mark, &hopeless) else { return nil }
            return (.code(String(inner)), after)
        case "*" where depth < deepest:
            if rest.dropFirst().first == "*", let (inner, after) = enclosed(rest, "**", &hopeless) {
                return (.strong(parse(inner, depth: depth + 1)), after)
            }
            guard rest.dropFirst().first?.isWhitespace == false, let (inner, after) = enclosed(rest, "*", &hopeless)
            else { return nil }
            return (.emphasis(parse(inner, depth: depth + 1)), after)
        case "[" where depth < deepest:
            guard !hopeless.contains("]") else { return nil }
            guard let end = rest.firstIndex(of: "]") else {
                hopeless.insert("]")
                return nil
            }
            let inner = rest[rest.index(after: rest.startIndex)..<end]
            let after = rest[rest.index(after: end)...]
            guard after.first == "(", !hopeless.contains(")") else { return nil }
            guard let close = after.firstIndex(of: ")") else {
                hopeless.insert(")")
                return nil
            }
            let address = String(after[after.index(after: after.startIndex)..<close])
            return (.link(text: parse(inner, depth: depth + 1), address: address), after[after.index(after: close)...])
        case "!" where rest.dropFirst().first == "[":
            // The program carries no pictures: what one shows is said.
            guard case (.link(let text, _), let after)? = span(rest.dropFirst(), before: nil, depth: depth, &hopeless)
            else { return nil }
            return (.emphasis(text), after)
        default:
            return nil
        }
    }

    /// What stands between a mark and its next place.
    private static func enclosed(
        _ rest: ArraySlice<Character>,
        _ mark: String,
        _ hopeless: inout Set<String>
    ) -> (ArraySlice<Character>, ArraySlice<Character>)? {
        let body = rest.dropFirst(mark.count)
        guard !hopeless.contains(mark) else { return nil }
        guard let end = body.firstRange(of: Array(mark)) else {
            hopeless.insert(mark)
            return nil
        }
        guard end.lowerBound > body.startIndex else { return nil }
        return (body[body.startIndex..<end.lowerBound], body[end.upperBound...])
    }
}
