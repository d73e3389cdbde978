/// A change of several settings in the settings file: worked out and checked, but not yet written.
public struct SettingsFileChange: Sendable {
    /// One setting that the file has otherwise afterwards.
    public struct Row: Sendable, Hashable {
        /// The setting.
        public let key: SettingKey
        /// The text in the file before; nil when it is not there.
        public let before: String?
        /// The text afterwards; nil when it is taken out.
        public let after: String?

        /// Two rows are equal when they say the same.
        public static func == (left: Row, right: Row) -> Bool {
            left.key.name == right.key.name && left.before == right.before && left.after == right.after
        }

        /// Hashes what the row says.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(key.name)
            hasher.combine(before)
            hasher.combine(after)
        }
    }

    /// What changes, in the order of `Settings.keys`; empty when nothing does.
    public let rows: [Row]
    /// The texts in the file before, by key.
    public let valuesBefore: [String: String]
    /// The texts in the file afterwards, by key.
    public let valuesAfter: [String: String]
    let before: SettingsDocument
    let after: SettingsDocument
    /// The file itself, where the path is a link.
    private let target: String
    private let old: FileContent?

    /// Works out what the file at `path` would be with these values; nil takes a setting out.
    ///
    /// Only the text of a value is replaced, and a setting that is not there becomes a new line at the end: comments, order,
    /// line ends and all other bytes stay.
    /// - Throws: Everything that is wrong with the values; or that the file is wrong elsewhere, or is written in a way that
    ///   cannot be changed safely.
    public init(_ values: [String: String?], in path: String) throws(SettingsError) {
        try Self.check(values, path)
        target = try FileAccess.followingLinks(path)
        let old = try FileAccess.read(target)
        guard old?.isRegular != false else {
            throw SettingsError(.init(.file(path, line: nil), "is a device, which keeps no settings"))
        }
        self.old = old
        before = SettingsDocument(old?.bytes ?? [], path: path)
        if let error = SettingsError(before.problems) { throw error }
        (after, rows) = try Self.edited(before, values)
        valuesBefore = before.texts
        valuesAfter = after.texts
    }

    private static func check(_ values: [String: String?], _ path: String) throws(SettingsError) {
        var problems = ProblemList()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            let origin = SettingOrigin.file(path, line: nil)
            if let key = Settings.key(named: name) {
                guard let value, let complaint = key.complaint(about: value) else { continue }
                problems.append(.init(origin, key: name, "\(name): \(complaint)"))
            } else {
                let nearest = NearestName.of(name, in: Settings.keys.map(\.name))
                problems.append(
                    .init(origin, key: name, "unknown setting \(printable(name))", suggestion: nearest)
                )
            }
        }
        if let error = SettingsError(problems) { throw error }
    }

    private static func edited(
        _ before: SettingsDocument,
        _ values: [String: String?]
    ) throws(SettingsError) -> (SettingsDocument, [Row]) {
        var document = before
        var wanted = before.meaning
        var rows: [Row] = []
        for key in Settings.keys {
            guard let value = values[key.name] else { continue }
            let text = before.meaning[key.name]?.text
            guard value != text else { continue }
            rows.append(Row(key: key, before: text, after: value))
            let edit = SettingsFileEdit(of: key, in: document)
            let bytes: [UInt8]
            if let value {
                (bytes, wanted[key.name]) = try edit.setting(value)
            } else {
                (bytes, wanted[key.name]) = (try edit.takingOut(), nil)
            }
            document = SettingsDocument(bytes, path: before.path)
        }
        // Faults of the file are told by their own names.
        if let error = SettingsError(SettingsLayer(document).problems), document.problems.problems.isEmpty {
            throw error
        }
        guard document.problems.problems.isEmpty, document.meaning == wanted else {
            let name = rows.first?.key.name ?? ""
            throw SettingsError(
                .init(
                    .file(before.path, line: nil),
                    key: name,
                    "\(name): cannot be changed safely in this file: change it with an editor"
                )
            )
        }
        return (document, rows)
    }

    /// The settings as they would be with the changed file.
    ///
    /// - Throws: What would be wrong: values that contradict each other, too.
    public func load(from sources: SettingsSources) throws(SettingsError) -> LoadedSettings {
        try Settings.load(after, exists: true, mode: old?.mode ?? 0o600, from: sources)
    }

    /// Puts the changed file in the place of the old one, in one step: old or new, never a part.
    ///
    /// A file that does not exist is made with mode 0600; an existing one keeps owner and mode, and a link stays one.
    /// - Throws: When it cannot be written, or was changed since this change was worked out.
    public func write() throws(SettingsError) -> SettingsFileReplacement {
        SettingsFileReplacement(try FileAccess.replace(target, with: after.lines.bytes, old: old))
    }

    /// Puts the file as it was before in the place of the changed one.
    ///
    /// - Throws: When it cannot be written, or was changed once more since.
    public func takeBack() throws(SettingsError) {
        let new = try FileAccess.read(target)
        guard new?.bytes == after.lines.bytes else {
            throw SettingsError(.init(.file(target, line: nil), "was changed meanwhile, and stays as it is"))
        }
        guard let old else {
            try FileAccess.Replacement(path: target, backup: nil).undo()
            return
        }
        try FileAccess.replace(target, with: old.bytes, old: new).keep()
    }
}

/// A settings file that was replaced, as long as that may be undone: one of both calls ends it.
public struct SettingsFileReplacement {
    private let replacement: FileAccess.Replacement

    init(_ replacement: FileAccess.Replacement) { self.replacement = replacement }

    /// The changed file stays.
    public func keep() { replacement.keep() }

    /// Puts the old file back.
    public func undo() throws(SettingsError) { try replacement.undo() }
}
