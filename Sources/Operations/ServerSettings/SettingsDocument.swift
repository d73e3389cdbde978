import Yams

/// The settings file as YAML reads it: flat entries, each with its place.
///
/// swift-configuration's own YAML provider is not used. It gives no line numbers, so the file would be parsed twice,
/// and it would take `0x10`, `1_000` and `1:30` for numbers. Here one parse gives names, texts and lines, and the texts
/// then go to swift-configuration as an in-memory provider.
struct SettingsDocument {
    /// A value as written, before any rule about its key.
    enum Value: Equatable {
        case scalar(String)
        case list([String])
        /// Nothing after the colon.
        case nothing

        /// The one text form that the file, the environment and flags share: the items of a list with spaces between.
        var text: String {
            switch self {
            case .scalar(let text): text
            case .list(let items): items.joined(separator: " ")
            case .nothing: ""
            }
        }
    }

    /// How a value is written; all that `SettingsFile` must know to find its end.
    enum Notation {
        case plain
        case singleQuoted
        case doubleQuoted
        /// A list or a text block.
        case other
    }

    struct Entry {
        let key: String
        let value: Value
        /// The line of the key, from 1.
        let line: Int
        /// Where the value begins in the bytes of the file.
        let offset: Int?
        let notation: Notation
    }

    /// The name of the file in messages.
    let path: String
    private(set) var entries: [Entry] = []
    /// Columns in front of the first key.
    private(set) var indentation = 0
    private(set) var problems = ProblemList()
    let lines: LineTable

    /// Reads `bytes`; whatever is wrong with them stands in `problems`.
    init(_ bytes: [UInt8], path: String) {
        self.path = path
        lines = LineTable(bytes)
        if let offset = firstInvalidUTF8(in: bytes) {
            refuse(line: lines.line(ofByte: offset), "is not valid UTF-8: save the file in this encoding")
            return
        }
        let text = String(decoding: lines.withoutComments(), as: UTF8.self)
        guard countAliases(in: text) <= Self.mostAliases else {
            refuse(line: nil, "has too many words that begin with *: YAML aliases are not used here")
            return
        }
        do {
            // Without rules for types every scalar stays the text that was written.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            if let root = try parser.singleRoot() { readRoot(root) }
        } catch {
            refuse(error)
        }
    }

    /// Yams hashes the keys of a mapping, following aliases: a dozen of them could make a key of a billion parts.
    private static let mostAliases = 8

    private func countAliases(in text: String) -> Int {
        var count = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if previous == UInt8(ascii: "*"), byte > UInt8(ascii: " ") { count += 1 }
            previous = byte
        }
        return count
    }

    /// The stund.txt of 2002 and coturn's turnserver.conf have lines of another form, which YAML reads as one text.
    private static func hint(on root: Node) -> String {
        guard case .scalar(let scalar) = root, scalar.style == .plain, scalar.string.contains("=") else { return "" }
        return
            "; if this is the stund.txt of 2002 or coturn's turnserver.conf, `stund import` makes a settings file of it"
    }

    private mutating func readRoot(_ root: Node) {
        if case .scalar(let scalar) = root, scalar.string.isEmpty, scalar.style == .plain { return }
        guard !usesYAMLReferences(root), case .mapping(let mapping) = root else {
            let form = "the settings must be lines of the form key: value, with a space after the colon"
            refuse(line: root.mark?.line, form + Self.hint(on: root))
            return
        }
        for (key, value) in mapping {
            guard !usesYAMLReferences(key), case .scalar(let name) = key, let mark = name.mark else {
                refuse(line: key.mark?.line, "the name of a setting must be a plain word")
                continue
            }
            if entries.isEmpty { indentation = max(0, mark.column - 1) }
            guard !usesYAMLReferences(value) else {
                refuse(
                    line: mark.line,
                    "\(name.string): anchors, aliases and tags (&, *, !) are not used here",
                    name.string
                )
                continue
            }
            readEntry(name.string, line: mark.line, value)
        }
    }

    private mutating func readEntry(_ key: String, line: Int, _ node: Node) {
        let value: Value
        switch node {
        case .scalar(let scalar):
            guard !isNull(scalar) else {
                refuse(line: line, "\(printable(key, quotes: false)): null is no value", key)
                return
            }
            value = scalar.style == .plain && scalar.string.isEmpty ? .nothing : .scalar(scalar.string)
        case .sequence(let sequence):
            var items: [String] = []
            for item in sequence {
                guard case .scalar(let scalar) = item, !usesYAMLReferences(item), !isNull(scalar),
                    !scalar.string.isEmpty
                else {
                    let place = item.mark?.line ?? line
                    refuse(line: place, "\(printable(key, quotes: false)): an item of the list is no plain value", key)
                    return
                }
                items.append(scalar.string)
            }
            value = .list(items)
        case .mapping, .alias:
            refuse(line: line, "\(printable(key, quotes: false)): takes a value, not settings of its own", key)
            return
        }
        let offset = node.mark.flatMap { lines.offset(line: $0.line, column: $0.column) }
        entries.append(Entry(key: key, value: value, line: line, offset: offset, notation: notation(of: node)))
    }

    private func notation(of node: Node) -> Notation {
        switch node.scalar?.style {
        case .plain: .plain
        case .singleQuoted: .singleQuoted
        case .doubleQuoted: .doubleQuoted
        default: .other
        }
    }

    private func isNull(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain && ["~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// Whether an anchor, an alias (whose place is that of its anchor) or a tag stands where `node` begins.
    private func usesYAMLReferences(_ node: Node) -> Bool {
        guard let mark = node.mark, let offset = lines.offset(line: mark.line, column: mark.column) else {
            return false
        }
        guard offset < lines.bytes.count else { return false }
        return [UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!")].contains(lines.bytes[offset])
    }
}

extension SettingsDocument {
    private mutating func refuse(line: Int?, _ message: String, _ key: String? = nil) {
        problems.append(.init(.file(path, line: line), key: key, message))
    }

    private mutating func refuse(_ error: any Error) {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
            refuse(line: mark.line, "is not valid YAML: \(problem)\(lines.hint(forLine: mark.line))")
        case .composer(_, let problem, let mark, _):
            refuse(line: mark.line, "must be one YAML document without references: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            refuseDuplicates(names, line: context.mark.line)
        case .reader(_, let offset, _, let yaml):
            let byte = offset.map { yaml.prefix($0).utf8.count }
            refuse(line: byte.map(lines.line(ofByte:)), "has a control character in it")
        default:
            refuse(line: nil, "is not valid YAML")
        }
    }

    /// Yams names the first place only: the others are looked up, so that a person sees both.
    private mutating func refuseDuplicates(_ names: [String], line: Int) {
        let numbers = lines.numbersOfLines(settingKeys: Set(names))
        for name in names {
            let places = numbers[name] ?? []
            let named = places.prefix(5).map(String.init).joined(separator: ", ")
            let others = places.count > 1 ? " (lines \(named)\(places.count > 5 ? ", ..." : ""))" : ""
            refuse(
                line: places.last ?? line,
                "\(printable(name, quotes: false)): is set more than once\(others): keep one line",
                name
            )
        }
    }
}

/// The offset of the first byte that is no UTF-8; nil when all is well.
private func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    do throws(UTF8.ValidationError) {
        _ = try UTF8Span(validating: bytes.span)
        return nil
    } catch {
        return error.byteOffsets.lowerBound
    }
}
