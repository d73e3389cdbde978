import Administration
import Foundation
import HTTPTypes

/// Who may use TURN, and who may use the console.
struct UsersPage: ConsolePage {
    let name = "users"
    let administrator: Administrator

    func show(_ request: PageRequest) async throws -> PageBody { try await body(request) }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let command = try UsersCommand(form)
        do {
            if let made = try await carryOut(command, request) {
                return .show(try await body(request, made: made))
            }
            return .done(command.action, goTo: request.path(name))
        } catch let error as AdministrationError {
            return .show(try await body(request, problem: error.description, typed: command))
        }
    }

    /// Does what a button says; gives what is told once.
    private func carryOut(_ command: UsersCommand, _ request: PageRequest) async throws -> UsersModel.Made? {
        let person = request.visitor.person
        switch command.action {
        case "addUser", "setUser", "removeUser": return try await changeUser(command, request)
        case "addSecret":
            let secret = command.optional("secret")
            let made = try await administrator.addSecret(id: command["id"], secret: secret, by: person)
            return made.secret.isEmpty ? nil : .init(made, title: "users_made_secret", request)
        case "retireSecret": try await administrator.retireSecret(id: command["id"], by: person)
        case "removeSecret": try await administrator.removeSecret(id: command["id"], by: person)
        case "credential": return try await makeCredential(command, request)
        case "setOperator":
            guard command["password"] == command["password-2"] else {
                throw AdministrationError(request.texts("setup_passwords_differ"))
            }
            try await administrator.setOperator(
                name: command["name"],
                password: command["password"],
                role: try role(command),
                by: person
            )
        case "removeOperator": try await administrator.removeOperator(name: command["name"], by: person)
        case "addToken":
            let made = try await administrator.addToken(
                name: command["name"],
                role: try role(command),
                days: try number(command, "days", request),
                by: person
            )
            let base = try? await administrator.server.status().consoleURL
            return .init(made, token: true, consoleURL: base ?? "http://127.0.0.1/", request)
        case "removeToken": try await administrator.removeToken(name: command["name"], by: person)
        default: throw ConsoleError(.badRequest, .badRequest, "do")
        }
        return nil
    }

    private func changeUser(_ command: UsersCommand, _ request: PageRequest) async throws -> UsersModel.Made? {
        let realm = command.optional("realm")
        guard command.action != "removeUser" else {
            try await administrator.removeUser(name: command["name"], realm: realm, by: request.visitor.person)
            return nil
        }
        let isNew = command.action == "addUser"
        let made = try await administrator.addUser(
            name: command["name"],
            realm: realm,
            password: command.optional("password"),
            comment: try await comment(command, realm, isNew: isNew),
            replacing: !isNew,
            by: request.visitor.person
        )
        return made.secret.isEmpty ? nil : .init(made, title: "users_made_password", request)
    }

    /// A new password leaves the remark of a user as it is.
    private func comment(_ command: UsersCommand, _ realm: String?, isNew: Bool) async throws -> String {
        guard !isNew else { return command["comment"] }
        let users = try await administrator.accounts().users
        return users.first { $0.name == command["name"] && $0.realm == realm }?.comment ?? ""
    }

    private func makeCredential(_ command: UsersCommand, _ request: PageRequest) async throws -> UsersModel.Made {
        let hours = try number(command, "hours", request) ?? 24
        let report = try await administrator.makeCredential(
            user: command["user"],
            seconds: min(hours, 1_000_000) * 3600,
            host: command.optional("host")
        )
        return .init(report, request)
    }

    private func role(_ command: UsersCommand) throws -> OperatorRole {
        guard let role = OperatorRole(rawValue: command["role"]) else {
            throw ConsoleError(.badRequest, .badRequest, "role")
        }
        return role
    }

    /// A whole number above zero; nil when the field is empty.
    private func number(_ command: UsersCommand, _ field: String, _ request: PageRequest) throws -> Int? {
        guard let text = command.optional(field) else { return nil }
        guard let number = Int(text), number > 0 else {
            throw AdministrationError(request.texts("users_no_number", request.texts("users_\(field)"), text))
        }
        return number
    }

    private func body(
        _ request: PageRequest,
        made: UsersModel.Made? = nil,
        problem: String? = nil,
        typed: UsersCommand? = nil
    ) async throws -> PageBody {
        let model = UsersModel(
            try await administrator.accounts(),
            try await administrator.operators(),
            made: made,
            problem: problem,
            typed: typed,
            request
        )
        return PageBody(
            template: "users",
            model: model,
            status: problem == nil ? .ok : .unprocessableContent
        )
    }
}

/// What a button of the page asks: `do` is the name of the action, or, in the rows of a table, fields of its own such as
/// `act=removeUser&name=alice`, so that one form is enough for a table.
struct UsersCommand: Sendable {
    let action: String
    private let row: Fields
    private let form: Fields

    init(_ form: Fields) throws(ConsoleError) {
        self.form = form
        let text = form["do"]
        row = text.contains("=") ? try Fields(urlEncoded: text) : Fields()
        action = row.optional("act") ?? text
    }

    subscript(name: String) -> String { row.optional(name) ?? form[name] }

    /// A field; nil when it is empty.
    func optional(_ name: String) -> String? {
        let text = self[name]
        return text.isEmpty ? nil : text
    }

    /// What such a button carries.
    static func text(_ action: String, _ fields: [(String, String)]) -> String {
        ([("act", action)] + fields).map { "\($0)=\(Fields.encoded($1))" }.joined(separator: "&")
    }
}
