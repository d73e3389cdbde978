import Administration
import ServerSettings

/// The command line in the one spelling that ArgumentParser knows.
///
/// The manual of 2002 writes `-config` and `--html_port` beside `--html-port`, so one or two dashes and `-` or `_` mean
/// the same. A command may also stand behind options: `stund --config x status`.
enum ArgumentSpelling {
    /// Options that take the next argument as their value.
    static let valued: Set<String> = [
        "address", "ask", "code", "comment", "config", "days", "for", "from", "host", "html-port", "level", "limit",
        "log", "peer",
        "realm",
        "role",
        "search",
        "server", "set", "sort", "ttl", "until", "user",
    ]
    /// Options without a value.
    static let flags: Set<String> = [
        "all-servers", "cancel", "clear", "decode", "demonstration", "dry-run", "fleet", "help", "json", "no-check",
        "no-daemon",
        "password-stdin",
        "replace",
        "reverse",
        "secret-stdin", "show", "stay",
        "version",
    ]
    /// The names of the commands.
    static let commands: Set<String> = [
        "check", "credentials", "disconnect", "dns", "doctor", "drain", "explain", "fleet", "help", "import", "license",
        "log", "messages",
        "metrics",
        "operator",
        "password",
        "secret",
        "serve", "sessions", "setting", "statistics", "status", "token", "user",
    ]
    /// The names of the commands that stand below others.
    static let subcommands: [String: Set<String>] = [
        "license": ["issue", "key", "show"], "operator": ["add", "list", "remove"],
        "secret": ["add", "list", "remove", "retire"],
        "setting": ["describe", "get", "history", "list", "set", "undo", "unset"], "token": ["add", "list", "remove"],
        "user": ["add", "list", "remove"],
    ]

    /// The arguments, without the program's name, respelled; values and all that follows `--` stay as they are.
    static func normalized(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var command: [String] = []
        var index = arguments.startIndex
        while index < arguments.endIndex {
            let argument = arguments[index]
            index += 1
            if argument == "--" { return command + result + arguments[(index - 1)...] }
            guard argument.hasPrefix("-") else {
                if command.isEmpty ? commands.contains(argument) : isSubcommand(argument, of: command) {
                    command.append(argument)
                } else {
                    result.append(argument)
                }
                continue
            }
            guard let option = respelled(argument) else {
                result.append(argument)
                continue
            }
            guard option.takesNext, index < arguments.endIndex, arguments[index] != "--" else {
                result.append(option.text)
                continue
            }
            let value = arguments[index]
            index += 1
            // ArgumentParser takes `-1` for an option; joined to its own it is a value, which is then found out of range.
            result += isNegative(value) ? ["\(option.text)=\(value)"] : [option.text, value]
        }
        return command + result
    }

    /// What is wrong with the first word where a command belongs; nil when it is one, or none is there.
    static func fault(of arguments: [String]) -> String? {
        var command: String?
        var index = arguments.startIndex
        while index < arguments.endIndex, arguments[index] != "--" {
            let argument = arguments[index]
            index += 1
            if argument.hasPrefix("-") {
                // Behind an option that nobody knows a word may be its value.
                guard let option = respelled(argument) else { return nil }
                if option.takesNext { index += 1 }
                continue
            }
            let names = command.map { subcommands[$0] ?? [] } ?? commands
            if names.contains(argument) {
                guard command == nil, subcommands[argument] != nil else { return nil }
                command = argument
                continue
            }
            let question = NearestName.of(argument, in: names.sorted()).map { " (did you mean \"\($0)\"?)" } ?? ""
            let place = command.map { "stund \($0)" } ?? "stund"
            return
                "\(place) has no command \"\(TerminalText.visible(argument))\"\(question): `\(place) --help` lists them"
        }
        return nil
    }

    private static func isSubcommand(_ argument: String, of command: [String]) -> Bool {
        command.count == 1 && subcommands[command[0]]?.contains(argument) == true
    }

    private static func isNegative(_ text: String) -> Bool {
        text.hasPrefix("-") && text.dropFirst().first?.isASCII == true && text.dropFirst().first?.isNumber == true
    }

    /// The option in the known spelling, or nil when it is none of ours.
    private static func respelled(_ argument: String) -> (text: String, takesNext: Bool)? {
        let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
        let end = body.firstIndex(of: "=") ?? body.endIndex
        let name = body[..<end].map { $0 == "_" ? "-" : String($0) }.joined()
        guard valued.contains(name) || flags.contains(name) else { return nil }
        return ("--\(name)\(body[end...])", valued.contains(name) && end == body.endIndex)
    }
}
