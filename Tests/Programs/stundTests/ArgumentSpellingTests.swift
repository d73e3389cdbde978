import ArgumentParser
import ServerSettings
import Testing

@testable import stund

@Suite("The command line takes every spelling of the manual of 2002 (section 4.1)")
struct ArgumentSpellingTests {
    @Test(
        "one or two dashes, - and _ mean the same",
        arguments: [
            ("--html_port 5070 -config /root/stund.txt", "--html-port 5070 --config /root/stund.txt"),
            ("--html-port=5070", "--html-port=5070"),
            ("-log=3", "--log=3"),
            ("-log 3", "--log 3"),
            ("--no_daemon", "--no-daemon"),
            ("-no-daemon", "--no-daemon"),
            ("-no_daemon -version", "--no-daemon --version"),
            ("-html_port=5070", "--html-port=5070"),
            ("-set log_rows=5", "--set log_rows=5"),
            ("-help", "--help"),
            ("-h", "-h"),
            ("", ""),
        ]
    )
    func spellings(given: String, expected: String) {
        #expect(ArgumentSpelling.normalized(words(given)) == words(expected))
    }

    @Test(
        "a word that is no command is told with the nearest one",
        arguments: [
            ("stats", "stund has no command \"stats\" (did you mean \"status\"?): `stund --help` lists them"),
            ("-config x statu", "stund has no command \"statu\" (did you mean \"status\"?): `stund --help` lists them"),
            ("nonsense", "stund has no command \"nonsense\": `stund --help` lists them"),
            ("user lst", "stund user has no command \"lst\" (did you mean \"list\"?): `stund user --help` lists them"),
            ("status", nil), ("user add lst", nil), ("--config statu status", nil), ("--no-daemon", nil), ("", nil),
            ("--unknown statu", nil), ("-- statu", nil), ("setting set a=b", nil), ("help statu", nil),
            ("license", nil),
        ] as [(String, String?)]
    )
    func commands(given: String, fault: String?) {
        #expect(ArgumentSpelling.fault(of: words(given)) == fault)
    }

    @Test(
        "a value is never touched, nor what stands after --",
        arguments: [
            ("-config -my_file", "--config -my_file"),
            ("-config --html_port", "--config --html_port"),
            ("-config=a_b=c_d", "--config=a_b=c_d"),
            ("--config status", "--config status"),
            ("--config -- -log", "--config -- -log"),
            ("-no_daemon -- -no_daemon status", "--no-daemon -- -no_daemon status"),
            ("-log", "--log"),
            ("- -- -", "- -- -"),
        ]
    )
    func values(given: String, expected: String) {
        #expect(ArgumentSpelling.normalized(words(given)) == words(expected))
    }

    @Test(
        "a number below zero is joined to its option, as it would else be taken for one",
        arguments: [
            ("--log -1", "--log=-1"), ("-html_port -80 status", "status --html-port=-80"),
            ("log --limit -5", "log --limit=-5"),
            ("--log - -1", "--log - -1"), ("--no-daemon -1", "--no-daemon -1"),
            ("--log -no_daemon", "--log -no_daemon"),
        ]
    )
    func negativeNumbers(given: String, expected: String) {
        #expect(ArgumentSpelling.normalized(words(given)) == words(expected))
    }

    @Test("what nobody knows stays as it was, for the error message")
    func unknown() {
        for argument in ["--htmlport", "-x_y", "---log", "-", "--=", "-_", "-é_"] {
            #expect(ArgumentSpelling.normalized([argument]) == [argument])
        }
    }

    @Test(
        "a command may stand behind options",
        arguments: [
            ("--config a.yaml status --json", "status --config a.yaml --json"),
            ("-json statistics", "statistics --json"),
            ("--log 3 --log log", "--log 3 --log log"),
            ("--log 3 log", "log --log 3"),
            ("help status", "help status"), ("-config a user -json list", "user list --config a --json"),
            ("user remove add", "user remove add"), ("secret -- add", "secret -- add"), ("user status", "user status"),
        ]
    )
    func commandOrder(given: String, expected: String) {
        #expect(ArgumentSpelling.normalized(words(given)) == words(expected))
    }

    @Test("every option and command of the program is known here, and no other")
    func complete() throws {
        var options: Set<String> = ["version", "help"]
        let commands = Stund.configuration.subcommands
        for command in commands + commands.flatMap({ $0.configuration.subcommands }) {
            let help = Stund.helpMessage(for: command, includeHidden: true, columns: 200)
            for match in help.matches(of: /--([a-z-]+)/) { options.insert(String(match.output.1)) }
        }
        #expect(options == ArgumentSpelling.valued.union(ArgumentSpelling.flags))
        #expect(Set(commands.compactMap { $0.configuration.commandName } + ["help"]) == ArgumentSpelling.commands)
        var names: [String: Set<String>] = [:]
        for command in commands where !command.configuration.subcommands.isEmpty {
            let below = command.configuration.subcommands.compactMap { $0.configuration.commandName }
            names[command.configuration.commandName ?? ""] = Set(below)
        }
        #expect(names == ArgumentSpelling.subcommands)
    }
}

@Suite("The commands are understood")
struct CommandTests {
    @Test("no command starts the server, with the manual's options")
    func serve() throws {
        let command = try parse("-config x.yaml --html_port 5070 -log=3 --no_daemon", as: ServeCommand.self)
        #expect(command.noDaemon)
        let sources = command.options.sources()
        #expect(sources.file == "x.yaml")
        #expect(sources.flags == ["http-port": "5070", "log-level": "3"])
        #expect(sources.flagSpellings == ["http-port": "--html-port", "log-level": "--log"])
    }

    @Test("--set gives any setting, its value whole")
    func set() throws {
        let command = try parse("--set stun_port_1=3480 --set log-file=/a_b=c", as: ServeCommand.self)
        #expect(command.options.sources().flags == ["stun-port-1": "3480", "log-file": "/a_b=c"])
        #expect(command.options.sources().flagSpellings["stun-port-1"] == "--set stun-port-1")
        #expect(!command.noDaemon)
        #expect(command.options.sources().file == "stund.yaml")
    }

    @Test(
        "a wrong command line is a usage error, exit code 64",
        arguments: [
            "--bogus", "--set a", "--set =b", "--config", "nonsense", "log --limit -1", "status --clear",
            "log --limit=x",
        ]
    )
    func usage(line: String) throws {
        let error = try #require(throws: (any Error).self) { try parse(line, as: ServeCommand.self) }
        #expect(Stund.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }

    @Test(
        "--help and --version end well, with stund and the version",
        arguments: ["--help", "-h", "-version", "--version"]
    )
    func information(line: String) throws {
        let error = try #require(throws: (any Error).self) {
            var command = try Stund.parseAsRoot(ArgumentSpelling.normalized([line]))
            try command.run()
        }
        #expect(Stund.exitCode(for: error) == .success)
        let message = Stund.fullMessage(for: error)
        #expect(line.contains("version") ? message == "stund \(Version.current)" : message.contains("USAGE: stund"))
    }

    @Test("the other commands have their options")
    func others() throws {
        #expect(try parse("status --json -config x", as: StatusCommand.self).json == true)
        #expect(try parse("-config x log --limit 5", as: LogCommand.self).limit == 5)
        #expect(try parse("statistics -clear", as: StatisticsCommand.self).clear == true)
        #expect(try parse("password -config x.yaml", as: PasswordCommand.self).file.config == "x.yaml")
        #expect(try parse("check --log 99", as: CheckCommand.self).options.sources().flags == ["log-level": "99"])
    }
}

private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

private func parse<Command: ParsableCommand>(_ line: String, as type: Command.Type) throws -> Command {
    let command = try Stund.parseAsRoot(ArgumentSpelling.normalized(words(line)))
    return try #require(command as? Command)
}
