/// Changes the settings file without touching what a person wrote around a value.
public enum SettingsFile {
    /// Sets one setting in the file at `path`: only the text of its value changes, or a line `key: value` is appended.
    ///
    /// Comments, order, line ends and all other bytes stay. A file that does not exist is made with mode 0600; an
    /// existing one keeps owner and mode, and a symbolic link stays one. The new text is read back and checked before
    /// it takes the place of the old one, in one step and flushed to disk.
    /// - Throws: When `value` is not right for `key`, the file has other faults, or it cannot be written.
    public static func setScalar(key name: String, value: String, in path: String) throws(SettingsError) {
        guard let key = Settings.key(named: name) else {
            let nearest = NearestName.of(name, in: Settings.keys.map(\.name))
            throw refusal(path, nil, "unknown setting \(printable(name))", nearest)
        }
        if let complaint = key.complaint(about: value) { throw refusal(path, name, "\(name): \(complaint)") }
        let target = try FileAccess.followingLinks(path)
        let old = try FileAccess.read(target)
        guard old?.isRegular != false else { throw refusal(path, nil, "is a device, which keeps no settings") }
        let document = SettingsDocument(old?.bytes ?? [], path: path)
        if let error = SettingsError(document.problems) { throw error }
        let bytes = try changed(document, name, value)
        let result = SettingsDocument(bytes, path: path)
        let wanted = meaning(of: document).merging([name: .scalar(value)], uniquingKeysWith: { $1 })
        guard SettingsLayer(result).problems.problems.isEmpty, meaning(of: result) == wanted else {
            // Either the file had faults of its own, which are told, or it is written in a way that a line cannot join.
            throw SettingsError(SettingsLayer(document).problems)
                ?? refusal(path, name, "\(name): cannot be changed safely in this file: change it with an editor")
        }
        try FileAccess.replace(target, with: bytes, old: old)
    }

    private static func meaning(of document: SettingsDocument) -> [String: SettingsDocument.Value] {
        Dictionary(document.entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    private static func changed(
        _ document: SettingsDocument,
        _ key: String,
        _ value: String
    ) throws(SettingsError) -> [UInt8] {
        var bytes = document.lines.bytes
        let scalar = Array(encoded(value).utf8)
        guard let entry = document.entries.first(where: { $0.key == key }) else {
            let lineBreak = document.lines.lineBreak
            if let last = bytes.last, last != 0x0A { bytes += lineBreak }
            bytes += Array(repeating: UInt8(ascii: " "), count: document.indentation)
            return bytes + Array("\(key): ".utf8) + scalar + lineBreak
        }
        guard let range = range(of: entry, in: document.lines) else {
            throw refusal(
                document.path,
                key,
                "\(key): is written over several lines: write the value on the line of its key first",
                line: entry.line
            )
        }
        bytes.replaceSubrange(range, with: (entry.value == .nothing ? [UInt8(ascii: " ")] : []) + scalar)
        return bytes
    }

    /// The bytes of the value as written, with its quotes; nil when it does not stand on one line.
    private static func range(of entry: SettingsDocument.Entry, in lines: LineTable) -> Range<Int>? {
        guard let start = entry.offset else { return nil }
        let rest = lines.bytes[min(start, lines.bytes.count)...]
        switch (entry.value, entry.notation) {
        case (.nothing, _):
            return start..<start
        case (.scalar(let text), .plain):
            // A plain scalar on one line is written as it reads.
            return rest.starts(with: text.utf8) ? start..<start + text.utf8.count : nil
        case (.scalar, .singleQuoted):
            return quoted(rest, by: UInt8(ascii: "'"), escape: UInt8(ascii: "'"))
        case (.scalar, .doubleQuoted):
            return quoted(rest, by: UInt8(ascii: "\""), escape: UInt8(ascii: "\\"))
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

    /// `value` as YAML: plain when no reader could take it for anything else, else in single quotes.
    private static func encoded(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-._/".utf8.contains($0) }
        if isPlain, let first = value.utf8.first, isLetter(first) || isDigit(first) || first == UInt8(ascii: "/"),
            !["null", "Null", "NULL"].contains(value)
        {
            return value
        }
        return "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    private static func refusal(
        _ path: String,
        _ key: String?,
        _ message: String,
        _ suggestion: String? = nil,
        line: Int? = nil
    ) -> SettingsError {
        SettingsError(.init(.file(path, line: line), key: key, message, suggestion: suggestion))
    }
}
