import AccountStore
import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// `stund secret`: the secrets that time-limited credentials are made of.
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Add, retire, remove or list the secrets of time-limited credentials.",
        discussion: """
            To change a secret: add a new one, give it to your web service, wait until the credentials of the old one have \
            expired, then retire or remove the old one. Works while the server runs, which then uses the change at once, \
            and while it does not.
            """,
        subcommands: [Add.self, Retire.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add a secret and show it.",
            discussion: "New credentials are made of it from now on; those of other secrets stay right."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "What to call it.")
        var id: String

        @Flag(help: "Take the secret from the standard input instead of making one.")
        var secretStdin = false

        func run() async throws {
            guard SecretSetting.isID(id) else {
                throw Failure(.dataError, "a secret is called by up to 32 letters, digits, dots, hyphens and underscores")
            }
            let given = secretStdin ? try Self.read(from: Terminal()) : nil
            let secret = StoredSecret(id: id, secret: given ?? StoredSecret.random(), created: Accounts.now)
            try change(file, "The secret \"\(id)\" is in") { store throws(AccountStoreError) in try store.add(secret) }
            if given == nil { print("secret: \(secret.secret)") }
        }

        static func read(from source: some PasswordSource) throws(Failure) -> String {
            let line = source.isInteractive ? try source.askSecretly("Secret: ") : try source.readLine()
            guard let line, !line.isEmpty else { throw Failure(.dataError, "no secret was entered: nothing is changed") }
            guard line.utf8.count >= 16 else {
                throw Failure(.dataError, "a secret of fewer than 16 bytes can be guessed from one credential: take a longer one")
            }
            return line
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retire",
            abstract: "Refuse the credentials of a secret, and tell in the log whose they were."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "What it is called.")
        var id: String

        func run() async throws {
            try change(file, "The secret \(shown(id)) is retired in") { store throws(AccountStoreError) in
                try store.retireSecret(id: id, at: Accounts.now)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove a secret: its credentials are refused from now on."
        )

        @OptionGroup var file: FileOption

        @Argument(help: "What it is called.")
        var id: String

        func run() async throws {
            try change(file, "The secret \(shown(id)) is no longer in") { store throws(AccountStoreError) in
                try store.removeSecret(id: id)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the secrets by their names, those of the settings too."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        @Flag(help: "Show the secrets themselves, for a web service.")
        var show = false

        func run() async throws {
            let accounts = try Accounts(file)
            do {
                let list = SecretList(accounts.settings, try accounts.store.secrets(), show: show)
                print(json ? try jsonText(list.rows) : list.text, terminator: "")
            } catch {
                throw Failure(error)
            }
        }
    }

    /// Changes the store, says so, and has a running server take it over.
    private static func change(
        _ file: FileOption,
        _ sentence: String,
        _ work: (AccountStore) throws(AccountStoreError) -> Void
    ) throws(Failure) {
        let accounts = try Accounts(file)
        do throws(AccountStoreError) {
            try work(accounts.store)
        } catch {
            throw Failure(error)
        }
        print("\(sentence) \(accounts.store.path) now.")
        print(try accounts.takeOver())
    }
}
