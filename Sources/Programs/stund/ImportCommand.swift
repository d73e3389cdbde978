import AccountStore
import Administration
import ArgumentParser
import ConfigurationImport
import Foundation
import ServerSettings

/// `stund import`: makes a settings file of another server's configuration.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a settings file of coturn's turnserver.conf, or of the stund.txt of 2002.",
        discussion: """
            Tells of every line what it became, or why nothing of it is here. The settings go to the file that --config names; \
            one that is there already stays unless --replace is given. The exit code is 0 when every line is honoured, 1 when \
            some differ or are not there, and 65 when one cannot be read: then nothing is written.
            """
    )

    @OptionGroup var file: FileOption

    @Argument(help: "The file to read: turnserver.conf or stund.txt.")
    var source: String

    @Option(help: ArgumentHelp("Whose it is: coturn, or manual for the stund.txt of 2002.", valueName: "form"))
    var from: String?

    @Flag(help: "Take the place of a settings file that is there.")
    var replace = false

    @Flag(help: "Write nothing, and show what would be written.")
    var dryRun = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func validate() throws {
        guard from.map({ SettingsImport.Form(rawValue: $0) != nil }) != false else {
            throw ValidationError("--from takes coturn or manual.")
        }
    }

    func run() async throws {
        let result = try readSource()
        let report = ImportReport(result, source: source)
        guard !result.isRefused else {
            print(json ? try jsonText(report) : report.text, terminator: "")
            throw Failure(
                .dataError,
                "nothing is written, as \(report.wrongLines): mend or remove what is wrong, and try again"
            )
        }
        let draft = try self.draft(result)
        // Values that contradict each other are found before anything is written.
        let loaded = try check(draft)
        if !dryRun { try write(draft, result.users, realm: loaded.settings.realm.first?.name ?? "") }
        print(json ? try jsonText(report) : report.text, terminator: "")
        if !json { print(dryRun ? "\n\(visibleLines(of: draft.text))" : ending(result, loaded), terminator: "") }
        if !result.isWhole { throw ExitCode(ExitStatus.difference.rawValue) }
    }

    private func readSource() throws -> SettingsImport {
        let bytes: [UInt8]?
        do throws(SettingsError) {
            bytes = try SettingsFile.bytes(of: source)
        } catch {
            throw Failure(.noInput, error.description)
        }
        guard let bytes else { throw Failure(.noInput, "\(TerminalText.visible(source)) is not there") }
        let folder = URL(fileURLWithPath: source).deletingLastPathComponent().path
        do throws(ImportError) {
            return try SettingsImport.read(
                bytes,
                form: from.flatMap(SettingsImport.Form.init),
                folder: folder.hasSuffix("/") ? folder : folder + "/",
                isReadable: FileManager.default.isReadableFile
            )
        } catch {
            throw Failure(.dataError, "\(TerminalText.visible(source)): \(error): nothing is written")
        }
    }

    private func draft(_ result: SettingsImport) throws -> SettingsDraft {
        var rows = result.rows
        if let password = result.consolePassword {
            do {
                let hash = try PasswordHash(password: password).description
                rows.append(.init(key: "http-password-hash", value: hash, comment: "of the line HTTP password"))
            } catch {
                throw Failure(error)
            }
        }
        return SettingsDraft(rows, heading: ["Made of \(source) by stund import."], path: file.config)
    }

    private func check(_ draft: SettingsDraft) throws -> LoadedSettings {
        let sources = SettingsSources(
            file: file.config,
            faultOfPasswordHash: SettingsOptions.faultOfPasswordHash
        )
        do throws(SettingsError) {
            return try draft.load(from: sources)
        } catch {
            let faults = error.problems.map(\.message).joined(separator: "\n")
            throw Failure(
                .dataError,
                "\(TerminalText.visible(source)): nothing is written, as its lines do not go together here:\n\(faults)"
            )
        }
    }

    private func write(_ draft: SettingsDraft, _ users: [SettingsImport.User], realm: String) throws {
        guard replace || !FileManager.default.fileExists(atPath: file.config) else {
            throw Failure(
                .cantCreate,
                """
                \(TerminalText.visible(file.config)) is there already and stays as it is: name another file with --config, or take \
                its place with --replace
                """
            )
        }
        let written: SettingsFileReplacement
        do throws(SettingsError) {
            written = try draft.write(replacing: replace)
        } catch {
            throw Failure(.cantCreate, error.description)
        }
        do {
            if !users.isEmpty {
                let store = try StorePlace(file).store()
                for user in users { try store.add(Self.stored(user, realm: realm), replacing: true) }
            }
        } catch {
            // Settings without their users would let nobody in.
            try? written.undo()
            throw Failure(error)
        }
        written.keep()
    }

    private static func stored(_ user: SettingsImport.User, realm: String) throws -> StoredUser {
        let (name, realm) = (try OpaqueString(user.name), try OpaqueString(realm))
        guard let password = user.password else {
            return StoredUser(
                name: name.text,
                realm: realm.text,
                md5Key: user.md5Key,
                sha256Key: [],
                created: StorePlace.now
            )
        }
        return StoredUser(name: name, realm: realm, password: try OpaqueString(password), created: StorePlace.now)
    }

    private func ending(_ result: SettingsImport, _ loaded: LoadedSettings) -> String {
        var lines = [""]
        if !result.users.isEmpty { lines.append("\(result.users.count) of the users went into the account store.") }
        lines += loaded.warnings.map { "warning: \($0)" }
        let config = StartText.quoted(file.config)
        let option = file.config == SettingsSources.defaultFile ? "" : " --config \(config)"
        lines.append(
            "The settings are in \(TerminalText.visible(absolute(file.config))) now. Look at them with: stund check\(option)"
        )
        return lines.joined(separator: "\n") + "\n"
    }

    private func visibleLines(of text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let isSecret = Settings.keys.contains { $0.isSecret && line.hasPrefix("\($0.name): ") }
            return TerminalText.visible(isSecret ? "\(line.prefix { $0 != ":" }): (set)" : String(line))
        }.joined(separator: "\n")
    }
}

/// What `stund import` tells.
struct ImportReport: Encodable {
    struct Line: Encodable {
        let line: Int
        let name: String
        let outcome: String
        let text: String
    }

    let file: String
    /// `coturn` or `manual`.
    let form: String
    let lines: [Line]
    let notes: [String]
    /// The settings, secrets as `(set)`.
    let settings: [String: String]
    /// How many users the account store takes.
    let storedUsers: Int

    init(_ result: SettingsImport, source: String) {
        file = source
        form = result.form.rawValue
        lines = result.lines.map { .init(line: $0.number, name: $0.name, outcome: $0.outcome.rawValue, text: $0.text) }
        notes = result.notes
        settings = Dictionary(
            result.rows.map { ($0.key, Settings.key(named: $0.key)?.isSecret == true ? "(set)" : $0.value) },
            uniquingKeysWith: { $1 }
        )
        storedUsers = result.users.count
    }

    /// `line 3 cannot be read`, or how many cannot.
    var wrongLines: String {
        let wrong = lines.filter { $0.outcome == ImportedLine.Outcome.wrong.rawValue }
        return wrong.count == 1 ? "line \(wrong[0].line) cannot be taken" : "\(wrong.count) lines cannot be taken"
    }

    private static let titles: [(ImportedLine.Outcome, String)] = [
        (.honoured, "Honoured"), (.differs, "Different here"), (.missing, "Not here"), (.unknown, "Unknown"),
        (.wrong, "Wrong"),
    ]

    var text: String {
        var text: [String] = []
        for (outcome, title) in Self.titles {
            let part = lines.filter { $0.outcome == outcome.rawValue }
            guard !part.isEmpty else { continue }
            text.append("\(title) (\(part.count)):")
            text += part.map { "  line \($0.line): \(TerminalText.visible($0.name)): \(TerminalText.visible($0.text))" }
            text.append("")
        }
        if !notes.isEmpty { text += ["Without a line:"] + notes.map { "  \($0)" } }
        while text.last == "" { text.removeLast() }
        return text.joined(separator: "\n") + "\n"
    }
}
