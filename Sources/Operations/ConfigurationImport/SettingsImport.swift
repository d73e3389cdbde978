public import ServerSettings

/// What became of another server's configuration: settings, users, and a word on every line.
public struct SettingsImport: Sendable {
    /// Whose configuration it is.
    public enum Form: String, Sendable, CaseIterable {
        /// turnserver.conf of coturn.
        case coturn
        /// stund.txt, with the names that the setup page of 2002 has.
        case manual
    }

    /// A user that the settings have no way to write: a name or password with a space in it, or one of very many.
    public struct User: Sendable, Hashable {
        /// The name.
        public let name: String
        /// The password; nil when only the key is known.
        public let password: String?
        /// The key by MD5, 16 bytes; empty with a password.
        public let md5Key: [UInt8]
    }

    /// Whose configuration it is.
    public let form: Form
    /// Every line that says something, in its order.
    public internal(set) var lines: [ImportedLine] = []
    /// What is different without any line that says so.
    public internal(set) var notes: [String] = []
    /// The settings.
    public internal(set) var rows: [SettingsDraft.Row] = []
    /// Users for the account store.
    public internal(set) var users: [User] = []
    /// The console's password, of which only a hash belongs into the settings.
    public internal(set) var consolePassword: String?

    init(form: Form) { self.form = form }

    /// Whether a line could not be read, so that nothing should be made of the file.
    public var isRefused: Bool { lines.contains { $0.outcome == .wrong } }
    /// Whether everything is as it was.
    public var isWhole: Bool { lines.allSatisfy { $0.outcome == .honoured } }

    /// Reads a configuration.
    ///
    /// - `form`: nil means that the names in it tell.
    /// - `folder`: where the file lies, with a slash at its end: relative paths in it begin there.
    /// - `isReadable`: whether a file is there that may be read.
    /// - Throws: When it is no text, or nobody can tell whose it is.
    public static func read(
        _ bytes: [UInt8],
        form: Form? = nil,
        folder: String = "",
        isReadable: @escaping (String) -> Bool = { _ in true }
    ) throws(ImportError) -> SettingsImport {
        let text = try ForeignText(bytes)
        let found: Form
        if let form { found = form } else { found = try self.form(of: text) }
        switch found {
        case .coturn:
            var reader = CoturnImport(folder: folder, isReadable: isReadable)
            return reader.read(text)
        case .manual:
            var reader = ManualImport()
            return reader.read(text)
        }
    }

    private static func form(of text: ForeignText) throws(ImportError) -> Form {
        let coturn = text.lines.count { CoturnOptions.rules[CoturnLine($0).name] != nil }
        let manual = text.lines.count { ManualImport.key(of: $0.text) != nil }
        guard coturn > 0 || manual > 0 else {
            throw ImportError(
                line: nil,
                text.lines.isEmpty
                    ? "has no line that says something"
                    : "has no name that turnserver.conf or the setup page of 2002 has; if it is one of the two, say so with --from"
            )
        }
        return manual > coturn ? .manual : .coturn
    }
}

/// One line of another server's configuration, and what became of it.
public struct ImportedLine: Sendable, Hashable {
    /// How a line was taken.
    public enum Outcome: String, Sendable, CaseIterable {
        /// It holds here too.
        case honoured
        /// Something like it holds here.
        case differs
        /// Nothing of it is here, and the text says why.
        case missing
        /// Nobody knows the name; the other server passes over it too.
        case unknown
        /// It cannot be read.
        case wrong
    }

    /// The number of the line, from 1.
    public let number: Int
    /// The name that stands in it.
    public let name: String
    /// How it was taken.
    public let outcome: Outcome
    /// What it became, or why it did not; secrets are not in it.
    public let text: String
}

/// Why a configuration cannot be read at all.
public struct ImportError: Error, Hashable, CustomStringConvertible {
    /// The number of the line, from 1; nil for the file as a whole.
    public let line: Int?
    /// What is wrong, to complete "the file ...", or "line 3 ...".
    public let message: String

    init(line: Int?, _ message: String) {
        self.line = line
        self.message = message
    }

    /// `line 3 has a zero byte`.
    public var description: String { (line.map { "line \($0) " } ?? "the file ") + message }
}

/// `text` in quotes, cut when long.
func quoted(_ text: String) -> String {
    text.unicodeScalars.count > 60 ? "\"\(String(text.unicodeScalars.prefix(60)))...\"" : "\"\(text)\""
}
