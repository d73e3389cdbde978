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
    /// Whether what was named does not exist.
    public let isMissing: Bool

    /// Takes the sentence.
    public init(_ description: String, isMissing: Bool = false) {
        self.description = description
        self.isMissing = isMissing
    }
}
