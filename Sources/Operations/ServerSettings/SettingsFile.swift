/// Changes the settings file without touching what a person wrote around a value.
public enum SettingsFile {
    /// Sets one setting in the file at `path`: only the text of its value changes, or a line `key: value` is appended.
    ///
    /// Comments, order, line ends and all other bytes stay. A file that does not exist is made with mode 0600; an
    /// existing one keeps owner and mode, and a symbolic link stays one. The new text is read back and checked before
    /// it takes the place of the old one, in one step and flushed to disk.
    /// - Throws: When `value` is not right for `key`, the file has other faults, or it cannot be written.
    public static func setScalar(key name: String, value: String, in path: String) throws(SettingsError) {
        let change = try SettingsFileChange([name: value], in: path)
        if !change.rows.isEmpty { try change.write().keep() }
    }

    /// The texts of the settings in the file at `path`, by key; none when there is no file.
    ///
    /// - Throws: When the file cannot be read, or has something wrong in it.
    public static func values(in path: String) throws(SettingsError) -> [String: String] {
        let document = SettingsDocument(try FileAccess.read(path)?.bytes ?? [], path: path)
        if let error = SettingsError(SettingsLayer(document).problems) { throw error }
        return document.texts
    }
}

extension SettingsDocument {
    /// The value of each key.
    var meaning: [String: Value] {
        Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The text of each key.
    var texts: [String: String] { meaning.mapValues(\.text) }
}
