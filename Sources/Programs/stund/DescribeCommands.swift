import Administration
import ArgumentParser
import Observability
import ServerSettings

extension SettingCommand {
    /// `stund setting describe`: the reference of the settings, of which docs/settings.md is made.
    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe",
            abstract: "Tell what settings mean, what is allowed and what is the default.",
            discussion: "Asks no server and reads no file."
        )

        @Argument(help: "The names; without any, all settings.")
        var names: [String] = []

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let keys = names.isEmpty ? Settings.keys : try names.map(Self.key)
            guard !json else { return print(try jsonText(keys.map(SettingDescription.init)), terminator: "") }
            print(keys.map { SettingDescription($0).text }.joined(separator: "\n"), terminator: "")
        }

        private static func key(named name: String) throws -> SettingKey {
            guard let key = Settings.key(named: name) else { throw Failure.unknownSetting(name) }
            return key
        }
    }
}

extension Failure {
    /// A name that no setting has.
    static func unknownSetting(_ name: String) -> Failure {
        Failure(.dataError, "there is no setting \"\(TerminalText.visible(name))\": see `stund setting list`")
    }
}

/// What the reference says of a setting.
struct SettingDescription: Encodable {
    let name: String
    let meaning: String
    /// Empty when the default is "nothing".
    let defaultText: String
    let allowed: String
    let example: String
    let needsRestart: Bool

    init(_ key: SettingKey) {
        name = key.name
        meaning = key.help
        defaultText = key.defaultText
        allowed = key.kind.allowed
        example = key.example
        needsRestart = key.needsRestart
    }

    /// For a terminal.
    var text: String {
        """
        \(name)
          \(meaning)
          Default: \(defaultText.isEmpty ? "nothing" : defaultText). Allowed: \(allowed).
          Read: \(needsRestart ? "when the server starts" : "at start and on SIGHUP"). Example: \(name): \(example)

        """
    }
}

/// `stund messages`: what the numbers in the log mean, of which docs/messages.md is made.
struct MessagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages",
        abstract: "Tell what the numbers in the log mean, and what to do.",
        discussion: "Asks no server and reads no file."
    )

    @Argument(help: ArgumentHelp("The numbers, such as 1014; without any, all of them.", valueName: "number"))
    var numbers: [UInt16] = []

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let codes = numbers.isEmpty ? MessageCode.allCases : try numbers.map(Self.code)
        guard !json else { return print(try jsonText(codes.map(MessageDescription.init)), terminator: "") }
        print(codes.map { MessageDescription($0).text }.joined(separator: "\n"), terminator: "")
    }

    private static func code(_ number: UInt16) throws -> MessageCode {
        guard let code = MessageCode(rawValue: number) else {
            throw Failure(.dataError, "there is no message \(number): `stund messages` lists all")
        }
        return code
    }
}

/// What the reference says of a message.
struct MessageDescription: Encodable {
    let number: UInt16
    let level: UInt8
    let title: String
    let meaning: String
    let remedy: String

    init(_ code: MessageCode) {
        let row = code.definition
        number = code.rawValue
        level = row.level.rawValue
        title = row.text
        meaning = row.meaning
        remedy = row.remedy
    }

    /// For a terminal.
    var text: String {
        """
        \(number) (level \(level)): \(title)
          \(meaning)
          -> \(remedy)

        """
    }
}
