/// One edit of the text of a settings file.
struct SettingsFileEdit {
    private let key: SettingKey
    private let document: SettingsDocument
    private let entry: SettingsDocument.Entry?

    init(of key: SettingKey, in document: SettingsDocument) {
        self.key = key
        self.document = document
        entry = document.entries.first { $0.key == key.name }
    }

    /// The bytes with `value` in the place of the old one, and what they mean for the key.
    func setting(_ value: String) throws(SettingsError) -> ([UInt8], SettingsDocument.Value) {
        var bytes = document.lines.bytes
        let scalar = Array(Self.encoded(value).utf8)
        guard let entry else {
            let lineBreak = document.lines.lineBreak
            if let last = bytes.last, last != 0x0A { bytes += lineBreak }
            bytes += Array(repeating: UInt8(ascii: " "), count: document.indentation)
            return (bytes + Array("\(key.name): ".utf8) + scalar + lineBreak, .scalar(value))
        }
        guard let range = range(of: entry) else {
            throw refusal("is written over several lines: write the value on the line of its key first", entry)
        }
        if case .list = entry.value, key.kind.takesList {
            // What was a list stays one.
            let items = value.split(separator: " ").map(String.init)
            bytes.replaceSubrange(range, with: "[\(items.map(Self.encoded).joined(separator: ", "))]".utf8)
            return (bytes, .list(items))
        }
        bytes.replaceSubrange(range, with: (entry.value == .nothing ? [UInt8(ascii: " ")] : []) + scalar)
        return (bytes, .scalar(value))
    }

    /// The bytes without the key; a comment behind the value stays, on a line of its own.
    func takingOut() throws(SettingsError) -> [UInt8] {
        var bytes = document.lines.bytes
        guard let entry else { return bytes }
        let line = document.lines.content(ofLine: entry.line)
        let text = line.starts(with: [0xEF, 0xBB, 0xBF]) ? line.dropFirst(3) : line
        let start = text.firstIndex { !Self.isBlank($0) } ?? text.endIndex
        guard let range = range(of: entry), line.indices.contains(range.lowerBound - 1),
            ["", "'", "\""].contains(where: { text[start...].starts(with: "\($0)\(key.name)\($0)".utf8) })
        else {
            throw refusal("does not stand on a line of its own: take it out with an editor", entry)
        }
        let rest = bytes[range.upperBound..<line.endIndex].drop(while: Self.isBlank)
        if rest.first == UInt8(ascii: "#"), rest.startIndex > range.upperBound {
            bytes.removeSubrange(start..<rest.startIndex)
        } else {
            // Whatever else stands here, a brace say, must not go with the value.
            guard rest.allSatisfy({ $0 == 0x0A || $0 == 0x0D }) else {
                throw refusal("does not stand on a line of its own: take it out with an editor", entry)
            }
            bytes.removeSubrange(text.startIndex..<line.endIndex)
        }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func refusal(_ message: String, _ entry: SettingsDocument.Entry) -> SettingsError {
        SettingsError(.init(.file(document.path, line: entry.line), key: key.name, "\(key.name): \(message)"))
    }

    /// The bytes of the value as written, with its quotes; nil when it does not stand on one line.
    private func range(of entry: SettingsDocument.Entry) -> Range<Int>? {
        guard let start = entry.offset else { return nil }
        let rest = document.lines.bytes[min(start, document.lines.bytes.count)...]
        switch (entry.value, entry.notation) {
        case (.nothing, _):
            return start..<start
        case (.scalar(let text), .plain):
            // A plain scalar on one line is written as it reads.
            return rest.starts(with: text.utf8) ? start..<start + text.utf8.count : nil
        case (.scalar, .singleQuoted):
            return Self.quoted(rest, by: UInt8(ascii: "'"), escape: UInt8(ascii: "'"))
        case (.scalar, .doubleQuoted):
            return Self.quoted(rest, by: UInt8(ascii: "\""), escape: UInt8(ascii: "\\"))
        case (.list, _):
            return Self.bracketed(rest)
        default:
            return nil
        }
    }

    /// The quoted text that `bytes` begins with; a pair of `escape` and any byte does not end it.
    private static func quoted(_ bytes: ArraySlice<UInt8>, by quote: UInt8, escape: UInt8) -> Range<Int>? {
        guard bytes.first == quote else { return nil }
        var index = bytes.startIndex + 1
        while index < bytes.endIndex {
            let next = index + 1 < bytes.endIndex ? bytes[index + 1] : nil
            if bytes[index] == escape, escape != quote || next == quote {
                index += 2
            } else if bytes[index] == quote {
                return bytes.startIndex..<index + 1
            } else {
                index += 1
            }
        }
        return nil
    }

    /// The list in brackets that `bytes` begins with, when it ends on the same line.
    private static func bracketed(_ bytes: ArraySlice<UInt8>) -> Range<Int>? {
        guard bytes.first == UInt8(ascii: "[") else { return nil }
        var index = bytes.startIndex + 1
        // A quote in the middle of a word is a letter like others.
        var beginsItem = true
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "]"): return bytes.startIndex..<index + 1
            case 0x0A, 0x0D: return nil
            case UInt8(ascii: ","): beginsItem = true
            case UInt8(ascii: "'") where beginsItem:
                guard let item = quoted(bytes[index...], by: UInt8(ascii: "'"), escape: UInt8(ascii: "'")) else {
                    return nil
                }
                index = item.upperBound - 1
                beginsItem = false
            case UInt8(ascii: "\"") where beginsItem:
                guard let item = quoted(bytes[index...], by: UInt8(ascii: "\""), escape: UInt8(ascii: "\\")) else {
                    return nil
                }
                index = item.upperBound - 1
                beginsItem = false
            case 0x20, 0x09: break
            default: beginsItem = false
            }
            index += 1
        }
        return nil
    }

    /// `value` as YAML: plain when no reader could take it for anything else, else in single quotes.
    static func encoded(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-._/".utf8.contains($0) }
        if isPlain, let first = value.utf8.first, isLetter(first) || isDigit(first) || first == UInt8(ascii: "/"),
            !["null", "Null", "NULL"].contains(value)
        {
            return value
        }
        return "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
}
