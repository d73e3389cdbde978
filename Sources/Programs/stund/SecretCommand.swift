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

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            do {
                // Before somebody is asked for a secret.
                try AccountChanges.check(id: id)
            } catch {
                throw Failure(error)
            }
            let given = secretStdin ? try Self.read(from: Terminal()) : nil
            if fleet { return print(try await FleetAccounts(file).addSecret(id: id, secret: given)) }
            try change(file, .secretAdded(id, by: Accounts.person)) { changes, place in
                let added = try changes.addSecret(id: id, secret: given, at: Accounts.now)
                let shown = given == nil ? "\nsecret: \(added.secret)" : ""
                return "The secret \"\(id)\" is in \(place) now.\(shown)"
            }
        }

        static func read(from source: some PasswordSource) throws(Failure) -> String {
            let line = source.isInteractive ? try source.askSecretly("Secret: ") : try source.readLine()
            guard let line, !line.isEmpty else {
                throw Failure(.dataError, "no secret was entered: nothing is changed")
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

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet { return print(try await FleetAccounts(file).retireSecret(id: id)) }
            try change(file, .secretRetired(id, by: Accounts.person)) { changes, place in
                try changes.retireSecret(id: id, at: Accounts.now)
                return "The secret \"\(TerminalText.visible(id))\" is retired in \(place) now."
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

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet { return print(try await FleetAccounts(file).removeSecret(id: id)) }
            try change(file, .secretRemoved(id, by: Accounts.person)) { changes, place in
                try changes.removeSecret(id: id)
                return "The secret \"\(TerminalText.visible(id))\" is no longer in \(place)."
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

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet {
                let list = try await FleetAccounts(file).secrets(show: show)
                return print(json ? try jsonText(list.rows) : list.text, terminator: "")
            }
            let accounts = try Accounts(file)
            do {
                let store = try accounts.storeIfThere()
                let place = accounts.place + (store == nil ? " (not there yet)" : "")
                let list = SecretList(accounts.settings, try store?.secrets() ?? [], show: show, place: place)
                print(json ? try jsonText(list.rows) : list.text, terminator: "")
            } catch {
                throw Failure(error)
            }
        }
    }

    /// Changes the store, says so, and has a running server take it over.
    private static func change(
        _ file: FileOption,
        _ note: ChangeNote,
        _ work: (AccountChanges, String) throws -> String
    ) throws(Failure) {
        let accounts = try Accounts(file)
        do {
            print(try work(accounts.changes(), accounts.place))
        } catch {
            throw Failure(error)
        }
        print(try accounts.takeOver(note))
    }
}

/// What `stund secret list` shows.
struct SecretList {
    struct Row: Encodable, Equatable {
        let id: String
        /// `settings`, `store` or `fleet`.
        let from: String
        /// `in use` for the one that new credentials are made of, `accepted` or `retired`.
        let state: String
        /// When the secret was added to the store, in Unix seconds.
        let created: Int64?
        /// When it was retired in the store, in Unix seconds.
        let retired: Int64?
        /// The secret, when it was asked for.
        let secret: String?
    }

    let rows: [Row]
    private let show: Bool
    /// Where the store is looked for, for a person.
    private let place: String

    init(_ settings: Settings, _ stored: [StoredSecret], show: Bool, place: String) {
        self.init(Credentials(settings, secrets: stored), stored, show: show, place: place)
    }

    /// Shows what has been merged; `stored` tells when secrets were added and retired.
    init(_ merged: Credentials, _ stored: [StoredSecret], show: Bool, place: String) {
        self.place = place
        let times = Dictionary(stored.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let inUse = merged.secretInUse
        self.show = show
        rows = merged.secrets.map { secret in
            let inStore = secret.origin != .settings ? times[secret.id] : nil
            return Row(
                id: secret.id,
                from: secret.origin.rawValue,
                state: secret.isRetired ? "retired" : secret == inUse ? "in use" : "accepted",
                created: inStore?.created,
                retired: inStore?.retired,
                secret: show ? secret.secret : nil
            )
        }
    }

    var text: String {
        guard !rows.isEmpty else {
            return """
                No secrets in the settings or in \(place): the server makes one when it starts without a user or secret.

                """
        }
        return table(
            ["id", "from", "state", "added", "retired"] + (show ? ["secret"] : []),
            rows.map { row in
                [
                    row.id, row.from, row.state, row.created.map(Accounts.day) ?? "",
                    row.retired.map(Accounts.day) ?? "",
                ] + (row.secret.map { [$0] } ?? [])
            }
        )
    }
}
