import Administration
import Foundation

/// What the template `users` shows.
struct UsersModel: Sendable {
    struct User: Sendable {
        let name: String
        let realm: String
        let added: String
        let remark: String
        let set: String?
        let remove: String?
    }

    struct Secret: Sendable {
        let name: String
        let state: String
        let isGood: Bool
        let added: String
        let retire: String?
        let remove: String?
    }

    struct Person: Sendable {
        let name: String
        let role: String
        let added: String
        let remove: String?
    }

    struct Token: Sendable {
        let name: String
        let role: String
        let added: String
        let ends: String
        let remove: String?
    }

    /// How many rows of a table a page has.
    private static let shown = 25

    let action: String
    let canEdit: Bool
    let made: Made?
    let problem: String?
    /// What stays in the fields of the form that was refused.
    let typed: [String: [String: String]]
    let search: String
    let isSearching: Bool
    let hasUsers: Bool
    let users: [User]
    let moreUsers: String?
    let realms: [String]
    let hasRealms: Bool
    let hasSecrets: Bool
    let secrets: [Secret]
    let hasPeople: Bool
    let people: [Person]
    let morePeople: String?
    let hasTokens: Bool
    let tokens: [Token]
    let moreTokens: String?
    let isPasswordSet: Bool
    let setup: String

    init(
        _ accounts: AccountsReport,
        _ operators: OperatorsReport,
        made: Made?,
        problem: String?,
        typed command: UsersCommand?,
        _ request: PageRequest
    ) {
        let texts = request.texts
        action = request.path("users")
        setup = request.path("admin")
        canEdit = request.isAdmin
        self.made = made
        self.problem = problem
        typed =
            command.map { command in
                let names = ["name", "realm", "comment", "id", "user", "hours", "host", "days"]
                return [command.action: Dictionary(uniqueKeysWithValues: names.map { ($0, command[$0]) })]
            } ?? [:]
        let search = request.query["search"]
        self.search = search
        isSearching = !search.isEmpty
        let found = accounts.users.filter { user in
            search.isEmpty
                || [user.name, user.realm, user.comment].contains { $0.localizedCaseInsensitiveContains(search) }
        }
        hasUsers = !accounts.users.isEmpty
        users = found.prefix(Self.shown).map { User($0, texts) }
        moreUsers = Self.more(found.count, texts, "users_more_search")
        realms = accounts.realms
        hasRealms = accounts.realms.count > 1
        hasSecrets = !accounts.secrets.isEmpty
        secrets = accounts.secrets.prefix(Self.shown).map { Secret($0, texts) }
        hasPeople = !operators.people.isEmpty
        people = operators.people.prefix(Self.shown).map { Person($0, texts) }
        morePeople = Self.more(operators.people.count, texts, "users_more")
        hasTokens = !operators.tokens.isEmpty
        tokens = operators.tokens.prefix(Self.shown).map { Token($0, texts) }
        moreTokens = Self.more(operators.tokens.count, texts, "users_more")
        isPasswordSet = operators.isPasswordSet
    }

    private static func more(_ count: Int, _ texts: Texts, _ key: String) -> String? {
        count > shown ? texts(key, String(count - shown)) : nil
    }
}

extension UsersModel.User {
    fileprivate init(_ user: AccountsReport.User, _ texts: Texts) {
        let isStored = user.origin == "store"
        let fields = [("name", user.name), ("realm", user.realm)]
        self.init(
            name: TerminalText.visible(user.name),
            realm: TerminalText.visible(user.realm),
            added: user.created.map(ShownLogEntry.time) ?? texts("users_from_settings"),
            remark: TerminalText.visible(user.comment),
            set: isStored ? UsersCommand.text("setUser", fields) : nil,
            remove: isStored ? UsersCommand.text("removeUser", fields) : nil
        )
    }
}

extension UsersModel.Secret {
    fileprivate init(_ secret: AccountsReport.Secret, _ texts: Texts) {
        let isStored = secret.origin == "store"
        let fields = [("id", secret.id)]
        let state = secret.isRetired ? "retired" : secret.makesCredentials ? "makes" : "accepted"
        self.init(
            name: TerminalText.visible(secret.id),
            state: texts("users_secret_\(state)", ShownLogEntry.time(secret.retired ?? "")),
            isGood: secret.makesCredentials,
            added: secret.created.map(ShownLogEntry.time) ?? texts("users_from_settings"),
            retire: isStored && !secret.isRetired ? UsersCommand.text("retireSecret", fields) : nil,
            remove: isStored ? UsersCommand.text("removeSecret", fields) : nil
        )
    }
}

extension UsersModel.Person {
    fileprivate init(_ person: OperatorsReport.Person, _ texts: Texts) {
        self.init(
            name: TerminalText.visible(person.name),
            role: texts("users_role_\(person.role.rawValue)"),
            added: person.created.map(ShownLogEntry.time) ?? texts("users_from_settings"),
            remove: person.origin == "store" ? UsersCommand.text("removeOperator", [("name", person.name)]) : nil
        )
    }
}

extension UsersModel.Token {
    fileprivate init(_ token: OperatorsReport.Token, _ texts: Texts) {
        self.init(
            name: TerminalText.visible(token.name),
            role: texts("users_role_\(token.role.rawValue)"),
            added: ShownLogEntry.time(token.created),
            ends: token.expires.map(ShownLogEntry.time) ?? texts("users_never"),
            remove: UsersCommand.text("removeToken", [("name", token.name)])
        )
    }
}
