public import AccountStore
import Foundation
public import ServerSettings

/// Shows and changes the settings of a file and keeps the history of that, whether a server runs with it or not.
///
/// Everything here blocks: the console asks `Administrator`.
public struct SettingsEditor: Sendable {
    /// A change that was made, as long as it may be taken back.
    public struct Applied: Sendable {
        /// What changed.
        public let preview: SettingsPreview
        fileprivate let change: SettingsFileChange
        /// Its number in the history; nil when nothing changed.
        fileprivate let id: Int64?
    }

    private let sources: SettingsSources
    private let store: AccountStore

    /// Edits the file of `sources`; the history of it is in `store`.
    public init(_ sources: SettingsSources, store: AccountStore) {
        self.sources = sources
        self.store = store
    }

    /// What `change` would do; throws `SettingsRefusal` when it would be refused.
    public func preview(_ change: SettingsChange) throws -> SettingsPreview {
        try preview(of: prepare(change))
    }

    /// Writes `change` into the file and keeps it in the history, both or neither.
    ///
    /// A process that dies between the two leaves a changed file without an entry: the next look makes one.
    /// - Throws: `SettingsRefusal`, and then the file is as it was.
    public func apply(_ change: SettingsChange, by person: Operator, at time: Int64) throws -> Applied {
        var written: SettingsFileReplacement?
        do {
            let applied = try store.changeSettings { history in
                // Inside the transaction, so that two processes at once make two changes, one after the other.
                let prepared = try prepare(change)
                let result = try preview(of: prepared)
                guard !prepared.rows.isEmpty else { return Applied(preview: result, change: prepared, id: nil) }
                try Self.noteChangesByHand(prepared.valuesBefore, in: history, at: time)
                let rows = result.rows.map {
                    StoredSettingsChange.Row(key: $0.key, before: $0.before, after: $0.after)
                }
                let id = try history.append(time: time, person: try Self.text(of: person), rows: rows)
                try history.setKnown(Self.known(prepared.valuesAfter))
                written = try prepared.write()
                return Applied(preview: result, change: prepared, id: id)
            }
            written?.keep()
            return applied
        } catch {
            // The entry could not be stored after the file was: a change that nobody can account for is taken back.
            do throws(SettingsError) { try written?.undo() } catch let second {
                throw SettingsRefusal([.init(key: nil, "\(error)"), .init(key: nil, second.description)])
            }
            throw Self.refusal(error, of: change)
        }
    }

    /// Makes the file and the history as they were before a change.
    public func takeBack(_ applied: Applied) throws {
        guard let id = applied.id else { return }
        try store.changeSettings { history in
            try history.remove(id: id)
            try history.setKnown(Self.known(applied.change.valuesBefore))
            try applied.change.takeBack()
        }
    }

    /// The changes, newest first; what was changed with an editor since the last look is among them.
    public func history(limit: Int) throws -> [SettingsHistoryEntry] {
        noteChangesByHand()
        return try store.settingsChanges(limit: limit).map { change in
            SettingsHistoryEntry(
                id: change.id,
                time: Self.text(ofTime: change.time),
                by: change.person.flatMap(Self.person),
                rows: change.rows.map { row in
                    let needsRestart = Settings.key(named: row.key)?.needsRestart ?? false
                    return .init(key: row.key, before: row.before, after: row.after, needsRestart: needsRestart)
                }
            )
        }
    }

    /// What it would take to undo the change of this number; throws `AdministrationError` when that is not known.
    public func changeUndoing(_ id: Int64) throws -> SettingsChange {
        guard let change = try store.settingsChange(id: id) else {
            throw AdministrationError("there is no change with the number \(id) in the history", isMissing: true)
        }
        var values: [String: String?] = [:]
        for row in change.rows {
            guard row.before == nil || Settings.key(named: row.key)?.isSecret != true else {
                throw AdministrationError(
                    "\(row.key) is secret, so the history does not have what it was: set it anew instead"
                )
            }
            values.updateValue(row.before, forKey: row.key)
        }
        return SettingsChange(values)
    }

    // MARK: Preview

    private func prepare(_ change: SettingsChange) throws -> SettingsFileChange {
        var problems = change.values.keys.sorted().compactMap(problemOfFixed)
        do throws(SettingsError) {
            let prepared = try SettingsFileChange(change.values, in: sources.file)
            if problems.isEmpty { return prepared }
        } catch {
            problems += Self.refusal(error, of: change).problems
        }
        throw SettingsRefusal(problems)
    }

    /// A change of the file would do nothing where a stronger source has a value.
    private func problemOfFixed(_ name: String) -> SettingsRefusal.Problem? {
        guard let key = Settings.key(named: name) else { return nil }
        if let value = sources.flags[name] {
            let flag = sources.flagSpellings[name] ?? "--\(name)"
            let shown = key.isSecret ? "" : flag.hasPrefix("--set ") ? "=\(value)" : " \(value)"
            return .init(
                key: name,
                "\(name) is fixed by \(flag)\(shown): start the server without it to change it here"
            )
        }
        guard sources.environment[key.environmentName] != nil else { return nil }
        return .init(
            key: name,
            "\(name) is fixed by the environment variable \(key.environmentName): unset it to change it here"
        )
    }

    private func preview(of change: SettingsFileChange) throws -> SettingsPreview {
        guard !change.rows.isEmpty else { return SettingsPreview(rows: [], fileDiff: [], warnings: []) }
        do throws(SettingsError) {
            let loaded = try change.load(from: sources)
            // What was there before is no news.
            let current = try? Settings.load(from: sources)
            let old = Set(current?.warnings ?? [])
            let rows = change.rows.map { row in
                SettingsPreview.Row(
                    key: row.key.name,
                    before: Self.shown(row.before, of: row.key),
                    after: Self.shown(row.after, of: row.key),
                    needsRestart: row.key.needsRestart
                )
            }
            let notice = current.flatMap { loaded.settings.securePortNotice(since: $0.settings) }
            let warnings = loaded.warnings.filter { !old.contains($0) } + (notice.map { [$0] } ?? [])
            return SettingsPreview(rows: rows, fileDiff: change.diff, warnings: warnings)
        } catch {
            throw Self.refusal(error, of: SettingsChange(change.rows.reduce(into: [:]) { $0[$1.key.name] = $1.after }))
        }
    }

    private static func shown(_ text: String?, of key: SettingKey) -> String? {
        key.isSecret ? text.map { _ in "(set)" } : text
    }

    private static func refusal(_ error: any Error, of change: SettingsChange) -> SettingsRefusal {
        switch error {
        case let error as SettingsRefusal: error
        case let error as SettingsError:
            SettingsRefusal(
                error.problems.map { problem in
                    // Where a value came from is known to whoever sent it.
                    guard let key = problem.key, change.values.keys.contains(key) else {
                        return .init(key: problem.key, problem.description)
                    }
                    let suggestion = problem.suggestion.map { " (did you mean \"\($0)\"?)" } ?? ""
                    return .init(key: key, problem.message + suggestion)
                }
            )
        default: SettingsRefusal([.init(key: nil, "\(error)")])
        }
    }

    // MARK: Changes with an editor

    /// Puts what was changed without this program since the last look into the history.
    ///
    /// A file that is wrong is not looked at, nor one that cannot be read: that is told elsewhere.
    func noteChangesByHand() {
        let time = Int64(Date().timeIntervalSince1970)
        _ = try? store.changeSettings { history in
            try Self.noteChangesByHand(try SettingsFile.values(in: sources.file), in: history, at: time)
        }
    }

    private static func noteChangesByHand(
        _ texts: [String: String],
        in history: SettingsHistory,
        at time: Int64
    ) throws {
        let now = known(texts)
        let before = try history.known()
        guard now != before else { return }
        try history.setKnown(now)
        guard let before else { return }
        let rows = Settings.keys.compactMap { key -> StoredSettingsChange.Row? in
            guard before[key.name] != now[key.name] else { return nil }
            return .init(
                key: key.name,
                before: shown(before[key.name], of: key),
                after: shown(now[key.name], of: key)
            )
        }
        if !rows.isEmpty { _ = try history.append(time: time, person: nil, rows: rows) }
    }

    /// What the history keeps of the texts: of a secret only enough to see that it has changed.
    private static func known(_ texts: [String: String]) -> [String: String] {
        texts.reduce(into: [:]) { known, entry in
            let isSecret = Settings.key(named: entry.key)?.isSecret ?? true
            known[entry.key] = isSecret ? Data(SHA256.digest(entry.value)).base64EncodedString() : entry.value
        }
    }

    private static func text(of person: Operator) throws -> String {
        String(decoding: try JSONEncoder().encode(person), as: UTF8.self)
    }

    private static func person(_ text: String) -> Operator? {
        try? JSONDecoder().decode(Operator.self, from: Data(text.utf8))
    }

    /// A time of Unix seconds in GMT: `2002-08-13T15:30:48Z`.
    static func text(ofTime seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}

extension SettingsReport {
    /// The manual's settings, in the order of its page (section 5.3), come first.
    private static let manualOrder = [
        "other-stun-servers", "stun-port-1", "stun-port-2", "default-binding-duration", "log-level", "http-port",
        "http-user", "http-password-hash",
    ]

    /// All settings with their values in `loaded`.
    ///
    /// - `started`: what the server began with; what needs a restart is compared with it.
    /// - `sources`: where the settings are read from, to tell what is wrong there now.
    public init(_ loaded: LoadedSettings, started: Settings, readFrom sources: SettingsSources) {
        let first = Self.manualOrder.compactMap(Settings.key)
        let rest = Settings.keys.filter { !Self.manualOrder.contains($0.name) }
        var problems: [String] = []
        do throws(SettingsError) { _ = try Settings.load(from: sources) } catch {
            problems = error.description.split(separator: "\n").map(String.init)
        }
        self.init(
            file: loaded.file,
            fields: (first + rest).map { Field($0, loaded, started: started) },
            problems: problems
        )
    }
}

extension SettingsReport.Field {
    fileprivate init(_ key: SettingKey, _ loaded: LoadedSettings, started: Settings) {
        let text = key.text(in: loaded.settings)
        let origin = loaded.origins[key.name] ?? .default
        let isFixed =
            switch origin {
            case .flag, .environment: true
            case .default, .file: false
            }
        self.init(
            name: key.name,
            group: key.group,
            help: key.help,
            allowed: key.kind.allowed,
            choices: key.kind.choices,
            value: key.isSecret ? "" : text,
            isSet: !text.isEmpty,
            defaultValue: key.defaultText,
            example: key.example,
            origin: origin.description,
            isFixed: isFixed,
            needsRestart: key.needsRestart,
            isPending: key.needsRestart && text != key.text(in: started),
            isSecret: key.isSecret
        )
    }
}
