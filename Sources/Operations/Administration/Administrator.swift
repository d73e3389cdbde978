import AccountStore
import Observability
public import ServerSettings

/// The only way to change a running server: settings, users, secrets and who may use the console.
///
/// Each change is validated, made in one step, put into force, and kept in the history or the log with who made it.
public final class Administrator: Sendable {
    /// The server.
    public let server: any RunningServer
    private let sources: SettingsSources
    private let store: AccountStore

    /// Administers `server`, whose settings come from `sources`.
    ///
    /// - `database`: the path of the SQLite file, made when it is not there.
    public init(
        _ server: any RunningServer,
        settingsFrom sources: SettingsSources,
        database: String
    ) throws(AdministrationError) {
        self.server = server
        self.sources = sources
        do throws(AccountStoreError) {
            store = try AccountStore(path: database)
        } catch {
            throw AdministrationError(error.description)
        }
    }
}

/// Why something was not done, in a sentence for a person.
public struct AdministrationError: Error, Hashable, CustomStringConvertible {
    /// What happened and what to do.
    public let description: String

    /// Takes the sentence.
    public init(_ description: String) { self.description = description }
}

// MARK: Settings

extension Administrator {
    /// All settings with their values in force.
    public func settings() async -> SettingsReport {
        SettingsReport(file: server.settings.file, fields: [], problems: [])
    }

    /// What `change` would do; throws `SettingsRefusal` when it would be refused.
    public func preview(_ change: SettingsChange) async throws -> SettingsPreview {
        throw AdministrationError("not written")
    }

    /// Writes `change` into the settings file, puts it into force and keeps it in the history.
    ///
    /// - Throws: `SettingsRefusal`, and then the file and the running settings are as they were.
    public func apply(_ change: SettingsChange, by person: Operator) async throws -> SettingsPreview {
        throw AdministrationError("not written")
    }

    /// The changes of settings, newest first.
    public func settingsHistory(limit: Int) async throws -> [SettingsHistoryEntry] { [] }

    /// What it would take to undo the change of this number.
    public func changeUndoing(_ id: Int64) async throws -> SettingsChange {
        throw AdministrationError("not written")
    }
}

// MARK: Users and secrets of TURN

extension Administrator {
    /// The users and secrets.
    public func accounts() async throws -> AccountsReport { AccountsReport(realms: [], users: [], secrets: []) }

    /// Adds a user; without a password one is made.
    ///
    /// - `realm`: nil means the default realm.
    /// - `replacing`: a user of this name and realm gets the new password.
    public func addUser(
        name: String,
        realm: String?,
        password: String?,
        comment: String,
        replacing: Bool,
        by person: Operator
    ) async throws -> NewSecret { throw AdministrationError("not written") }

    /// Removes a user of the store; its sessions end at their next refresh.
    public func removeUser(name: String, realm: String?, by person: Operator) async throws {}

    /// Adds a secret, which makes new credentials from now on; without a text one is made.
    public func addSecret(id: String, secret: String?, by person: Operator) async throws -> NewSecret {
        throw AdministrationError("not written")
    }

    /// Refuses credentials of this secret from now on; the log tells who still uses it.
    public func retireSecret(id: String, by person: Operator) async throws {}

    /// Forgets a secret.
    public func removeSecret(id: String, by person: Operator) async throws {}

    /// Makes a time-limited credential.
    ///
    /// - `seconds`: how long it is right.
    /// - `host`: how clients reach the server, with a port if need be; nil means what the server knows of itself.
    public func makeCredential(user: String, seconds: Int, host: String?) async throws -> CredentialReport {
        throw AdministrationError("not written")
    }
}

// MARK: Who may use the console

extension Administrator {
    /// The people and tokens.
    public func operators() async throws -> OperatorsReport {
        OperatorsReport(isPasswordSet: false, people: [], tokens: [])
    }

    /// Adds somebody, or gives them a new password and role.
    public func setOperator(
        name: String,
        password: String,
        role: OperatorRole,
        by person: Operator
    ) async throws {}

    /// Removes somebody of the store.
    public func removeOperator(name: String, by person: Operator) async throws {}

    /// Makes an API token; only its hash is kept.
    ///
    /// - `days`: how long it is right; nil means for ever.
    public func addToken(name: String, role: OperatorRole, days: Int?, by person: Operator) async throws -> NewSecret {
        throw AdministrationError("not written")
    }

    /// Removes a token.
    public func removeToken(name: String, by person: Operator) async throws {}

    /// Whose password this is; nil when it is wrong.
    ///
    /// Takes about a tenth of a second whether the name exists or not: whoever calls holds back those who guess.
    public func authenticate(name: String, password: String) async -> Operator? { nil }

    /// Whose token this is; nil when it is none, or has ended.
    public func authenticate(token: String) async -> Operator? { nil }
}
