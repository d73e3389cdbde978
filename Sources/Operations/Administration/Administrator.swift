import AccountStore
import Foundation
import Observability
public import ServerSettings

/// The only way to change a running server: settings, users, secrets and who may use the console.
///
/// Each change is validated, made in one step, put into force, and kept in the history or the log with who made it.
public final class Administrator: Sendable {
    /// The server.
    public let server: any RunningServer
    let sources: SettingsSources
    let store: AccountStore
    let editor: SettingsEditor
    /// What the server began with.
    let started: Settings
    /// Files and the database.
    let work = BlockingWork("stund.administrator")
    /// scrypt takes 32 MiB and a tenth of a second: one at a time, and nothing else waits for it.
    let hashing = BlockingWork("stund.scrypt")
    /// A change and the reload that puts it into force belong together.
    let changes = Turnstile()

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
        started = server.settings.settings
        do throws(AccountStoreError) {
            store = try AccountStore(path: database)
        } catch {
            throw AdministrationError(error.description)
        }
        editor = SettingsEditor(sources, store: store)
        // What changes from now on with an editor is found by comparison.
        editor.noteChangesByHand()
    }

    /// The time in Unix seconds.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}

/// Why something was not done, in a sentence for a person.
public struct AdministrationError: Error, Hashable, CustomStringConvertible {
    /// What happened and what to do.
    public let description: String

    /// Takes the sentence.
    public init(_ description: String) { self.description = description }
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
