import AccountStore
import Addresses
import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// The users and secrets that belong to a settings file, whether its server runs or not.
struct Accounts {
    /// The settings as a server with this file reads them, but for its flags.
    let settings: Settings
    /// The path of the store.
    private let path: String
    private let file: FileOption

    /// Finds the store: that of the server that runs with the file, else that which its next start would use.
    init(_ option: FileOption) throws(Failure) {
        let file = try RunningServerAddress(option).fileMeant(by: option)
        self.file = file
        do {
            settings = try Settings.load(
                from: SettingsSources(file: file.config, environment: FileOption.environment)
            ).settings
            let running = try RunningServerAddress(file).status(ifItUses: file.config)?.stateFolder
            path = StatePaths.database(in: try running ?? file.paths().stateFolder)
        } catch {
            throw Failure(error)
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

    /// The file of the store, for a person.
    var place: String { TerminalText.visible(absolute(path)) }

    /// The realm of this name, prepared; the default realm for nil.
    func realm(_ name: String?) throws(Failure) -> OpaqueString {
        try prepared(name ?? settings.realm.first?.name ?? "", "the realm", atMost: RealmSetting.longestName)
    }

    /// Has the running server take the change over, and tells whether it did.
    func takeOver() throws(Failure) -> String {
        do throws(Failure) {
            return try RunningServerAddress(file).reload(ifItUses: file.config).sentence
        } catch {
            throw Failure(error.status, "the change is stored, but the running server did not take it over: \(error)")
        }
    }

    /// The relay address of the server that runs with the file, as its clients are told; nil when there is none to ask.
    func runningRelayAddress() throws(Failure) -> IPAddress? {
        let relay: ServerStatus.Relay?
        do {
            relay = try RunningServerAddress(file).status(ifItUses: file.config)?.relay
        } catch {
            throw Failure(error)
        }
        let addresses = (relay?.addresses ?? []).compactMap { IPAddress($0.address) }
        return addresses.first { $0.family == .v4 } ?? addresses.first
    }

    /// The time in Unix seconds.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// The day of a time, in UTC.
    static func day(_ time: Int64) -> String {
        Date(timeIntervalSince1970: Double(time)).formatted(.iso8601.year().month().day())
    }
}

/// `text` after OpaqueString; `what` begins the complaint.
func prepared(_ text: String, _ what: String, atMost limit: Int) throws(Failure) -> OpaqueString {
    let result: OpaqueString
    do throws(OpaqueStringError) {
        result = try OpaqueString(text)
    } catch {
        throw Failure(.dataError, "\(what) \(error)")
    }
    guard result.text.utf8.count <= limit else { throw Failure(.dataError, "\(what) is longer than \(limit) bytes") }
    return result
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
