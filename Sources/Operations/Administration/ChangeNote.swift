import Observability
import ServerSettings

/// What the log says of something that somebody changed: who, and what.
///
/// The console tells the log itself; a command changes the file or the store, and tells the running server with a
/// `ControlRequest`.
public struct ChangeNote: Codable, Hashable, Sendable {
    /// What was changed.
    public enum Kind: String, Codable, Sendable {
        /// A setting.
        case setting
        /// A user, a secret, or somebody who may use the console.
        case account
    }

    /// The most bytes that are taken of a sentence from outside: names have at most 513 (RFC 8489 section 14.3).
    static let longest = 4096

    /// What was changed.
    public var kind: Kind
    /// The whole sentence.
    public var sentence: String

    private init(_ kind: Kind, _ sentence: String) {
        (self.kind, self.sentence) = (kind, sentence)
    }

    /// The number that it has in the log.
    var code: MessageCode { kind == .setting ? .settingChanged : .accountChanged }

    /// A setting got another value; secrets are not told.
    public static func setting(_ row: SettingsPreview.Row, by person: Operator) -> Self {
        let isSecret = Settings.key(named: row.key)?.isSecret ?? true
        func shown(_ text: String?) -> String { text.map { isSecret ? "(hidden)" : "\"\($0)\"" } ?? "default" }
        let change = "from \(shown(row.before)) to \(shown(row.after))"
        return .init(.setting, "Setting \(row.key) changed \(change) by \(person.phrase)")
    }

    /// A user was added or, `replacing`, got a new password.
    public static func userSet(_ name: String, realm: String, replacing: Bool, by person: Operator) -> Self {
        .init(
            .account,
            "User \"\(name)\" of the realm \"\(realm)\" \(replacing ? "set" : "added") by \(person.phrase)"
        )
    }

    /// A user was removed.
    public static func userRemoved(_ name: String, realm: String, by person: Operator) -> Self {
        .init(.account, "User \"\(name)\" of the realm \"\(realm)\" removed by \(person.phrase)")
    }

    /// A secret was added.
    public static func secretAdded(_ id: String, by person: Operator) -> Self {
        .init(.account, "Secret \"\(id)\" added by \(person.phrase)")
    }

    /// A secret's credentials are refused from now on.
    public static func secretRetired(_ id: String, by person: Operator) -> Self {
        .init(.account, "Secret \"\(id)\" retired by \(person.phrase)")
    }

    /// A secret was removed.
    public static func secretRemoved(_ id: String, by person: Operator) -> Self {
        .init(.account, "Secret \"\(id)\" removed by \(person.phrase)")
    }

    /// Somebody may use the console, or has a new password or role.
    public static func operatorSet(_ name: String, _ role: OperatorRole, by person: Operator) -> Self {
        .init(.account, "Operator \"\(name)\" (\(role.rawValue)) set by \(person.phrase)")
    }

    /// Somebody may no longer use the console.
    public static func operatorRemoved(_ name: String, by person: Operator) -> Self {
        .init(.account, "Operator \"\(name)\" removed by \(person.phrase)")
    }

    /// A token was made.
    public static func tokenAdded(_ name: String, _ role: OperatorRole, by person: Operator) -> Self {
        .init(.account, "Token \"\(name)\" (\(role.rawValue)) added by \(person.phrase)")
    }

    /// A token was removed.
    public static func tokenRemoved(_ name: String, by person: Operator) -> Self {
        .init(.account, "Token \"\(name)\" removed by \(person.phrase)")
    }
}

extension RunningServer {
    /// Says in the log what somebody changed.
    func tell(_ note: ChangeNote) { tell(note.code, note.sentence) }
}
