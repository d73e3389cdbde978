/// A settings file that the program writes as a whole, such as one made of another server's configuration.
public struct SettingsDraft: Sendable {
    /// One setting of it.
    public struct Row: Sendable, Hashable {
        /// The setting.
        public let key: String
        /// Its value, as it would be written.
        public let value: String
        /// What stands above it, for a person; may be empty.
        public let comment: String

        /// Names a setting and its value.
        public init(key: String, value: String, comment: String = "") {
            self.key = key
            self.value = value
            self.comment = comment
        }
    }

    private let document: SettingsDocument
    private let path: String

    /// Makes the file that is to be at `path`; `heading` are comments at its beginning.
    public init(_ rows: [Row], heading: [String], path: String) {
        var lines = heading.map(Self.comment)
        for row in rows {
            lines.append("")
            if !row.comment.isEmpty { lines.append(Self.comment(row.comment)) }
            lines.append("\(row.key): \(SettingsFileEdit.encoded(row.value))")
        }
        document = SettingsDocument(Array((lines.joined(separator: "\n") + "\n").utf8), path: path)
        self.path = path
    }

    private static func comment(_ text: String) -> String { "# " + printable(text, quotes: false, limit: 1000) }

    /// The file.
    public var text: String { String(decoding: document.lines.bytes, as: UTF8.self) }

    /// The settings as they would be with the file.
    ///
    /// - Throws: What would be wrong, values that contradict each other among it.
    public func load(from sources: SettingsSources) throws(SettingsError) -> LoadedSettings {
        try Settings.load(document, exists: true, mode: 0o600, from: sources)
    }

    /// Writes the file with mode 0600, or in the place of one that is there and keeps its owner and mode.
    ///
    /// - Throws: When it cannot be written, or without `replacing` when a file is there already.
    public func write(replacing: Bool) throws(SettingsError) -> SettingsFileReplacement {
        let target = try FileAccess.followingLinks(path)
        let old = try FileAccess.read(target)
        guard old == nil || replacing else { throw Self.refusal(path, "is there already, and stays as it is") }
        guard old?.isRegular != false else { throw Self.refusal(path, "is a device, which keeps no settings") }
        return SettingsFileReplacement(try FileAccess.replace(target, with: document.lines.bytes, old: old))
    }

    private static func refusal(_ path: String, _ message: String) -> SettingsError {
        SettingsError(.init(.file(path, line: nil), message))
    }
}

extension SettingsFile {
    /// The bytes of a small file that somebody named, that of another server, say; nil when there is none.
    ///
    /// - Throws: When it cannot be read, is no file, or is larger than a settings file may be.
    public static func bytes(of path: String) throws(SettingsError) -> [UInt8]? { try FileAccess.read(path)?.bytes }
}

extension Settings {
    /// What is wrong with `text` as the value of a setting, in words that do not name the setting; nil when it is right.
    public static func complaint(about text: String, for name: String) -> String? {
        guard let key = key(named: name) else { return "is no setting" }
        return key.complaint(about: text)
    }

    /// The name of `names` that somebody who wrote `text` may have meant; nil when none is near enough.
    public static func nearest(to text: String, in names: [String]) -> String? { NearestName.of(text, in: names) }
}
