import Foundation
import Observability
import ServerSettings

extension Administrator {
    /// All settings with their values in force.
    public func settings() async -> SettingsReport {
        let loaded = server.settings
        return await work.run { [self] in
            editor.noteChangesByHand()
            return SettingsReport(loaded, started: started, readFrom: sources)
        }
    }

    /// What `change` would do; throws `SettingsRefusal` when it would be refused.
    public func preview(_ change: SettingsChange) async throws -> SettingsPreview {
        try await work.run { [self] in try editor.preview(change) }
    }

    /// Writes `change` into the settings file, puts it into force and keeps it in the history.
    ///
    /// - Throws: `SettingsRefusal`, and then the file and the running settings are as they were.
    public func apply(_ change: SettingsChange, by person: Operator) async throws -> SettingsPreview {
        try await changes.oneAtATime {
            let applied = try await work.run { [self] in try editor.apply(change, by: person, at: Self.now) }
            guard !applied.preview.rows.isEmpty else { return applied.preview }
            do {
                try await server.reload()
            } catch {
                var problems = [SettingsRefusal.Problem(key: nil, "the server refused the changed file: \(error)")]
                do {
                    try await work.run { [self] in try editor.takeBack(applied) }
                } catch {
                    problems.append(.init(key: nil, "the changed file stays, as it could not be put back: \(error)"))
                }
                throw SettingsRefusal(problems)
            }
            for row in applied.preview.rows { server.tell(.setting(row, by: person)) }
            return applied.preview
        }
    }

    /// The changes of settings, newest first.
    public func settingsHistory(limit: Int) async throws -> [SettingsHistoryEntry] {
        try await work.run { [self] in try editor.history(limit: limit) }
    }

    /// What it would take to undo the change of this number.
    ///
    /// - Throws: `AdministrationError` when there is no such change, or a secret was changed: those are not kept.
    public func changeUndoing(_ id: Int64) async throws -> SettingsChange {
        try await work.run { [self] in try editor.changeUndoing(id) }
    }

    /// The scrypt hash of a password, as the setting `http-password-hash` takes it.
    public func hash(password: String) async throws -> String {
        try await hashing.run {
            do throws(PasswordHashError) {
                return try PasswordHash(password: password).description
            } catch {
                throw AdministrationError(error.description)
            }
        }
    }
}

extension Operator {
    /// Who it is, for the log: `"admin" (console)`.
    var phrase: String { "\"\(name)\" (\(way.rawValue))" }
}
