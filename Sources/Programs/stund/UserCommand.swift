import AccountStore
import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// `stund user`: the users of TURN.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Add, remove or list the users of TURN.",
        discussion: "Works while the server runs, which then uses the change at once, and while it does not.",
        subcommands: [Add.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add a user.",
            discussion: """
                The password is made and shown once, unless --password-stdin gives one. Only keys made of it are stored.
                """
        )

        @OptionGroup var file: FileOption

        @Argument(help: "The user name.")
        var name: String

        @Option(help: "The realm (default: the first of the settings).")
        var realm: String?

        @Option(help: "A note for yourself.")
        var comment = ""

        @Flag(help: "Take the password from the standard input, or ask for it.")
        var passwordStdin = false

        @Flag(help: "Give a user that is there already a new password.")
        var replace = false

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet {
                let entered = passwordStdin ? try NewPassword.read(environment: [:], from: Terminal()) : nil
                let done = try await FleetAccounts(file).addUser(
                    name: name,
                    realm: realm,
                    password: entered,
                    comment: comment,
                    replacing: replace
                )
                print(done)
                return
            }
            let accounts = try Accounts(file)
            let added: AccountChanges.AddedUser
            do {
                // Before somebody is asked for a password.
                try AccountChanges.userName(name)
                try AccountChanges.comment(comment)
                let entered = passwordStdin ? try NewPassword.read(environment: [:], from: Terminal()) : nil
                added = try accounts.changes().addUser(
                    name: name,
                    realm: realm,
                    password: entered,
                    comment: comment,
                    replacing: replace,
                    at: Accounts.now
                )
                print("The user \"\(added.name)\" of the realm \"\(added.realm)\" is in \(accounts.place) now.")
                if let made = added.password { print("password: \(made)   (not shown again)") }
                for warning in try Credentials(accounts.settings, accounts.store()).warnings {
                    print("note: \(warning)")
                }
            } catch {
                throw Failure(error)
            }
            let note = ChangeNote.userSet(added.name, realm: added.realm, replacing: replace, by: Accounts.person)
            print(try accounts.takeOver(note))
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "remove", abstract: "Remove a user.")

        @OptionGroup var file: FileOption

        @Argument(help: "The user name.")
        var name: String

        @Option(help: "The realm (default: the first of the settings).")
        var realm: String?

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet { return print(try await FleetAccounts(file).removeUser(name: name, realm: realm)) }
            let accounts = try Accounts(file)
            let note: ChangeNote
            do {
                try AccountChanges.userName(name)
                let user = try accounts.changes().removeUser(name: name, realm: realm)
                print("The user \"\(user.name)\" of the realm \"\(user.realm)\" is no longer in \(accounts.place).")
                note = .userRemoved(user.name, realm: user.realm, by: Accounts.person)
            } catch {
                throw Failure(error)
            }
            print(try accounts.takeOver(note))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the users, those of the settings too."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        @Flag(help: "In the Redis that the servers of the fleet share (redis), not in the store of this server.")
        var fleet = false

        func run() async throws {
            if fleet {
                let list = try await FleetAccounts(file).users()
                return print(json ? try jsonText(list.rows) : list.text, terminator: "")
            }
            let accounts = try Accounts(file)
            do {
                let store = try accounts.storeIfThere()
                let place = accounts.place + (store == nil ? " (not there yet)" : "")
                let list = UserList(accounts.settings, try store?.users() ?? [], place: place)
                print(json ? try jsonText(list.rows) : list.text, terminator: "")
            } catch {
                throw Failure(error)
            }
        }
    }
}

/// What `stund user list` shows.
struct UserList {
    struct Row: Encodable, Equatable {
        let name: String
        let realm: String
        /// `settings`, `store` or `fleet`.
        let from: String
        /// When the user was added to the store, in Unix seconds.
        let created: Int64?
        let comment: String?
    }

    let rows: [Row]
    /// Where the store is looked for, for a person.
    private let place: String

    init(_ settings: Settings, _ stored: [StoredUser], place: String, from: String = "store") {
        self.place = place
        let defaultRealm = settings.realm.first?.name ?? ""
        rows =
            settings.turnUsers.map { user in
                Row(name: user.name, realm: user.realm ?? defaultRealm, from: "settings", created: nil, comment: nil)
            }
            + stored.map { user in
                Row(name: user.name, realm: user.realm, from: from, created: user.created, comment: user.comment)
            }
    }

    var text: String {
        guard !rows.isEmpty else { return "No users in the settings or in \(place).\n" }
        return table(
            ["name", "realm", "from", "added", "comment"],
            rows.map { [$0.name, $0.realm, $0.from, $0.created.map(Accounts.day) ?? "", $0.comment ?? ""] }
        )
    }
}
