import AccountStore
import Addresses
import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// The store that belongs to a settings file, whether its server runs or not.
struct StorePlace {
    /// Where the settings are read from, as a server with this file reads them, but for its flags.
    let sources: SettingsSources
    /// The path of the store.
    private let path: String
    private let file: FileOption

    /// Finds the store: that of the server that runs with the file, else that which its next start would use.
    init(_ option: FileOption) throws(Failure) {
        let file = try RunningServerAddress(option).fileMeant(by: option)
        self.file = file
        sources = SettingsSources(
            file: file.config,
            environment: FileOption.environment,
            faultOfPasswordHash: SettingsOptions.faultOfPasswordHash
        )
        if let running = try RunningServerAddress(file).status(ifItUses: file.config)?.stateFolder {
            path = StatePaths.database(in: running)
        } else {
            path = StatePaths.database(in: try file.paths().stateFolder)
        }
    }

    /// Opens the store, made when it is not there.
    func store() throws(Failure) -> AccountStore {
        do throws(AccountStoreError) {
            return try AccountStore(path: path)
        } catch {
            throw Failure(error)
        }
    }

    /// Opens the store; nil when it is not there, as whoever only looks leaves nothing behind.
    func storeIfThere() throws(Failure) -> AccountStore? {
        do throws(AccountStoreError) {
            return try AccountStore.existing(at: path)
        } catch {
            throw Failure(error)
        }
    }

    /// Refuses a settings file that was named and is not there, when nothing else is of its server either: behind a mistyped name
    /// there would be nothing but defaults.
    func expectSettings() throws(Failure) {
        let files = FileManager.default
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard file.config != SettingsSources.defaultFile, !files.fileExists(atPath: file.config),
            !files.fileExists(atPath: folder), try runningStatus() == nil
        else { return }
        throw Failure(
            .noInput,
            """
            \(TerminalText.visible(absolute(file.config))) is not there, and no server has run with it: name the settings file \
            with --config, or make it
            """
        )
    }

    /// The file of the store, for a person.
    var description: String { TerminalText.visible(absolute(path)) }

    /// Has the running server read everything again.
    func reload(noting notes: [ChangeNote] = []) throws(Failure) -> RunningServerAddress.Reload {
        try RunningServerAddress(file).reload(ifItUses: file.config, noting: notes)
    }

    /// Has the running server say in its log what was changed.
    func note(_ note: ChangeNote) throws(Failure) {
        try RunningServerAddress(file).note(note, ifItUses: file.config)
    }

    /// How the server that runs with the file is; nil when there is none to ask.
    func runningStatus() throws(Failure) -> ServerStatus? {
        try RunningServerAddress(file).status(ifItUses: file.config)
    }

    /// The settings as they would be in force.
    func settings() throws(Failure) -> LoadedSettings {
        do throws(SettingsError) {
            return try Settings.load(from: sources)
        } catch {
            throw Failure(error)
        }
    }

    /// The time in Unix seconds.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// Who runs this program, for the history.
    static var person: Operator { Operator(name: NSUserName(), role: .admin, way: .command) }
}

/// The users and secrets that belong to a settings file, whether its server runs or not.
struct Accounts {
    /// The settings as a server with this file reads them, but for its flags.
    let settings: Settings
    private let storePlace: StorePlace

    /// Finds the store, and reads the settings.
    init(_ option: FileOption) throws(Failure) {
        storePlace = try StorePlace(option)
        settings = try storePlace.settings().settings
    }

    /// Opens the store, made when it is not there.
    func store() throws(Failure) -> AccountStore { try storePlace.store() }

    /// Opens the store; nil when it is not there, as whoever only looks leaves nothing behind.
    func storeIfThere() throws(Failure) -> AccountStore? { try storePlace.storeIfThere() }

    /// What may be changed; the store is made when it is not there.
    func changes() throws(Failure) -> AccountChanges { AccountChanges(settings, store: try store()) }

    /// What may be changed, for a credential: refuses where no server would know the secret that it would be made of.
    func changesForCredentials(isRunning: Bool) throws(Failure) -> AccountChanges {
        try storePlace.expectSettings()
        if let store = try storeIfThere() { return AccountChanges(settings, store: store) }
        // Neither a start nor a command has made a secret yet.
        guard isRunning || !settings.turn || Credentials(settings).secretInUse != nil else {
            throw Failure(
                .unavailable,
                """
                no server has run with \(TerminalText.visible(absolute(storePlace.sources.file))) yet, so there is no secret to \
                make a credential of: start the server first, make one with `stund secret add NAME`, or name the settings file \
                of another server with --config
                """
            )
        }
        return try changes()
    }

    /// Who may use the console; the store is made when it is not there.
    func operators() throws(Failure) -> OperatorAccounts { OperatorAccounts(settings, store: try store()) }

    /// The file of the store, for a person.
    var place: String { storePlace.description }

    /// Has the running server say in its log what was changed, which it uses without being told.
    func note(_ note: ChangeNote) throws(Failure) { try storePlace.note(note) }

    /// Has the running server take the change over, and tells whether it did.
    func takeOver(_ notes: ChangeNote...) throws(Failure) -> String {
        do throws(Failure) {
            return try storePlace.reload(noting: notes).sentence
        } catch {
            throw Failure(error.status, "the change is stored, but the running server did not take it over: \(error)")
        }
    }

    /// How the server that runs with the file is; nil when there is none to ask.
    func runningStatus() throws(Failure) -> ServerStatus? { try storePlace.runningStatus() }

    /// The time in Unix seconds.
    static var now: Int64 { StorePlace.now }

    /// Who runs this program.
    static var person: Operator { StorePlace.person }

    /// The day of a time, in UTC.
    static func day(_ time: Int64) -> String {
        Date(timeIntervalSince1970: Double(time)).formatted(.iso8601.year().month().day())
    }
}

extension RunningServerAddress.Reload {
    /// Whether a running server uses what was changed.
    var sentence: String {
        switch self {
        case .done: "The running server uses it from now on."
        case .nobody: "No server runs with this file now; the next one will use it."
        case .otherFile(let pid, let other):
            """
            No server runs with this file now; the next one will use it. The one that runs as process \(pid) uses \
            \(TerminalText.visible(other)): if that one was meant, name its file with --config.
            """
        case .notPermitted(let socket):
            """
            The server at \(TerminalText.visible(socket)) may be asked only by root and the user it runs as: if it uses \
            this file, have it reread it (SIGHUP).
            """
        }
    }
}

/// Rows as columns of equal width, made safe for a terminal.
func table(_ header: [String], _ rows: [[String]]) -> String {
    let all = ([header] + rows).map { $0.map(TerminalText.visible) }
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let lines = all.map { row in
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        return cells.joined(separator: "  ").trimmingSuffix { $0 == " " }
    }
    return lines.joined(separator: "\n") + "\n"
}

extension String {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        self[...(lastIndex { !isTrimmed($0) } ?? startIndex)]
    }
}
