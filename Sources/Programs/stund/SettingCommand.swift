import AccountStore
import Administration
import ArgumentParser
import ServerRuntime
import ServerSettings

/// `stund setting`: the settings, one by one.
struct SettingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setting",
        abstract: "Show or change settings, and take changes back.",
        discussion: """
            Only the text of a value in the settings file is replaced: comments and everything else stay. Works while the \
            server runs, which then uses the change at once where it can, and while it does not.
            """,
        subcommands: [
            List.self, Describe.self, Get.self, Set.self, Unset.self, History.self, Undo.self,
        ]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all settings with their values, and where these come from."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let report = try SettingCommand.report(file)
            guard !json else { return print(try jsonText(report), terminator: "") }
            let rows = report.fields.map { [$0.name, $0.shownValue, $0.origin, $0.needsRestart ? "restart" : ""] }
            print(table(["setting", "value", "from", "takes a"], rows), terminator: "")
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "get", abstract: "Print the value of one setting.")

        @OptionGroup var file: FileOption

        @Argument(help: "The name.")
        var name: String

        func run() async throws {
            guard let field = try SettingCommand.report(file).fields.first(where: { $0.name == name }) else {
                throw Failure.unknownSetting(name)
            }
            print(TerminalText.visible(field.shownValue))
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Change settings: all that are named in one step, or none."
        )

        @OptionGroup var file: FileOption

        @Argument(help: ArgumentHelp("A setting and its new value, such as log-level=8.", valueName: "key=value"))
        var values: [String]

        func validate() throws {
            for text in values where !text.dropFirst().contains("=") {
                throw ValidationError("Give a key and a value, such as log-level=8, not \"\(text)\".")
            }
        }

        func run() async throws {
            var change = SettingsChange([:])
            for text in values {
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                change.values.updateValue(parts[1], forKey: parts[0])
            }
            try SettingCommand.apply(change, file)
        }
    }

    struct Unset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unset",
            abstract: "Take settings out of the file, which gives them their defaults."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "The names.")
        var names: [String]

        func run() async throws {
            var change = SettingsChange([:])
            for name in names { change.values.updateValue(nil, forKey: name) }
            try SettingCommand.apply(change, file)
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "history",
            abstract: "List the changes of settings, newest first; those made with an editor too."
        )

        @OptionGroup var file: FileOption

        @Option(help: ArgumentHelp("At most so many changes, the newest ones.", valueName: "n"))
        var limit: Int?

        @Flag(help: "Print JSON.")
        var json = false

        func validate() throws { try Self.check(limit) }

        func run() async throws {
            let place = try StorePlace(file)
            do {
                let store = try place.storeIfThere()
                let entries = try store.map { store in
                    try SettingsEditor(place.sources, store: store).history(limit: limit ?? .max)
                }
                guard !json else { return print(try jsonText(entries ?? []), terminator: "") }
                guard let entries, !entries.isEmpty else { return print("No changes yet.") }
                let rows = entries.flatMap { entry in
                    entry.rows.map { row in
                        [
                            "\(entry.id)", entry.time, entry.by.map { "\($0.name) (\($0.way.rawValue))" } ?? "by hand",
                            row.key, row.before ?? "default", row.after ?? "default",
                        ]
                    }
                }
                print(table(["number", "time", "by", "setting", "before", "after"], rows), terminator: "")
            } catch {
                throw Failure(error)
            }
        }
    }

    struct Undo: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "undo",
            abstract: "Give the settings of a change the values that they had before it."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "The number of the change, as `stund setting history` shows it.")
        var number: Int64

        func run() async throws {
            let place = try StorePlace(file)
            do {
                let change = try SettingsEditor(place.sources, store: place.store()).changeUndoing(number)
                try SettingCommand.apply(change, file)
            } catch {
                throw Failure(error)
            }
        }
    }

    private static func report(_ file: FileOption) throws(Failure) -> SettingsReport {
        let place = try StorePlace(file)
        try place.expectSettings()
        let loaded = try place.settings()
        return SettingsReport(loaded, started: loaded.settings, readFrom: place.sources)
    }

    /// Changes the file, shows what changed, and has a running server take it over; what that refuses is taken back.
    private static func apply(_ change: SettingsChange, _ file: FileOption) throws(Failure) {
        let place = try StorePlace(file)
        do {
            let editor = SettingsEditor(place.sources, store: try place.store())
            let applied = try editor.apply(change, by: StorePlace.person, at: StorePlace.now)
            guard !applied.preview.rows.isEmpty else { return print("Nothing changes.") }
            let notes = applied.preview.rows.map { ChangeNote.setting($0, by: StorePlace.person) }
            let reload: RunningServerAddress.Reload
            do throws(Failure) {
                reload = try place.reload(noting: notes)
            } catch {
                try editor.takeBack(applied)
                throw Failure(error.status, "nothing is changed, as the running server refused it: \(error)")
            }
            for line in applied.preview.fileDiff { print(TerminalText.visible(line)) }
            let loaded = try place.settings()
            for warning in applied.preview.warnings + LiveServer.obstacles(loaded.settings) {
                print("note: \(warning)")
            }
            print(sentence(reload, applied.preview.rows))
        } catch {
            throw Failure(error)
        }
    }
}

extension SettingCommand {
    /// Whether a running server uses what was changed, and what of it only when it starts anew.
    static func sentence(_ reload: RunningServerAddress.Reload, _ rows: [SettingsPreview.Row]) -> String {
        let waiting = rows.filter(\.needsRestart).map(\.key)
        guard reload == .done, !waiting.isEmpty else { return reload.sentence }
        let live = rows.filter { !$0.needsRestart }.map(\.key).joined(separator: ", ")
        let first = live.isEmpty ? "" : "The running server uses \(live) from now on.\n"
        let verb = waiting.count == 1 ? "takes" : "take"
        return first
            + "\(waiting.joined(separator: ", ")) \(verb) effect when the server starts anew; until then it goes on as before."
    }
}

extension SettingsReport.Field {
    /// The value, for a person; of a secret only whether there is one.
    fileprivate var shownValue: String { isSecret && isSet ? "(set)" : value }
}
