public import Administration
public import ArgumentParser

/// `stund operator`: who may use the console beside `http-user`.
struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator",
        abstract: "Add, remove or list the people who may use the console.",
        discussion: "Works while the server runs, which then uses the change at once, and while it does not.",
        subcommands: [Add.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add somebody, or give them a new password and role.",
            discussion: "Asks for the password twice; without a terminal, reads it from the standard input."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "The name to log in with.")
        var name: String

        @Option(help: "What they may do: viewer sees everything but secrets, admin changes everything.")
        var role = OperatorRole.viewer

        func run() async throws {
            let accounts = try Accounts(file)
            do {
                let operators = try accounts.operators()
                // Before somebody is asked for a password.
                let prepared = try operators.name(name)
                let password = try NewPassword.read(environment: [:], from: Terminal())
                try operators.set(name: name, password: password, role: role, at: Accounts.now)
                print("The operator \"\(prepared)\" (\(role.rawValue)) is in \(accounts.place) now.")
                try accounts.note(.operatorSet(prepared, role, by: Accounts.person))
            } catch {
                throw Failure(error)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "remove", abstract: "Remove somebody.")

        @OptionGroup var file: FileOption

        @Argument(help: "The name.")
        var name: String

        func run() async throws {
            let accounts = try Accounts(file)
            do {
                try accounts.operators().remove(name: name)
                print("The operator \"\(TerminalText.visible(name))\" is no longer in \(accounts.place).")
                try accounts.note(.operatorRemoved(name, by: Accounts.person))
            } catch {
                throw Failure(error)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List who may use the console, http-user of the settings too."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let people = try OperatorsReport.of(file).people
            guard !json else { return print(try jsonText(people), terminator: "") }
            guard !people.isEmpty else { return print("No password is set: only this host can use the console.") }
            let rows = people.map { [$0.name, $0.role.rawValue, $0.origin, $0.created ?? ""] }
            print(table(["name", "role", "from", "added"], rows), terminator: "")
        }
    }
}

/// `stund token`: what programs use the API with.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Add, remove or list the tokens that programs use the API with.",
        discussion: "Works while the server runs, which then uses the change at once, and while it does not.",
        subcommands: [Add.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Make a token and show it once; only a hash of it is stored."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "What to call it.")
        var name: String

        @Option(help: "What it may do: viewer sees everything but secrets, admin changes everything.")
        var role = OperatorRole.viewer

        @Option(help: "How many days it is right (default: for ever).")
        var days: Int?

        func validate() throws {
            guard days.map((1...OperatorAccounts.longestToken).contains) != false else {
                throw ValidationError("--days takes a number from 1 to \(OperatorAccounts.longestToken).")
            }
        }

        func run() async throws {
            let accounts = try Accounts(file)
            do {
                let token = try accounts.operators().addToken(name: name, role: role, days: days, at: Accounts.now)
                print("The token \"\(token.name)\" (\(role.rawValue)) is in \(accounts.place) now.")
                print("token: \(token.secret)   (not shown again)")
                try accounts.note(.tokenAdded(token.name, role, by: Accounts.person))
            } catch {
                throw Failure(error)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove a token: it is refused from now on."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "What it is called.")
        var name: String

        func run() async throws {
            let accounts = try Accounts(file)
            do {
                try accounts.operators().removeToken(name: name)
                print("The token \"\(TerminalText.visible(name))\" is no longer in \(accounts.place).")
                try accounts.note(.tokenRemoved(name, by: Accounts.person))
            } catch {
                throw Failure(error)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the tokens by their names."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let tokens = try OperatorsReport.of(file).tokens
            guard !json else { return print(try jsonText(tokens), terminator: "") }
            guard !tokens.isEmpty else { return print("No tokens.") }
            let rows = tokens.map { [$0.name, $0.role.rawValue, $0.created, $0.expires ?? "never"] }
            print(table(["name", "role", "added", "ends"], rows), terminator: "")
        }
    }
}

extension OperatorRole: ExpressibleByArgument {}

extension OperatorsReport {
    /// Who may use the console of a settings file; whoever only looks leaves no store behind.
    fileprivate static func of(_ file: FileOption) throws(Failure) -> OperatorsReport {
        let accounts = try Accounts(file)
        do {
            if let store = try accounts.storeIfThere() {
                return try OperatorAccounts(accounts.settings, store: store).report()
            }
        } catch {
            throw Failure(error)
        }
        return OperatorsReport(accounts.settings)
    }
}
