import Administration
import HTTPTypes
import Hummingbird

/// The users and secrets that TURN clients log in with.
struct AccountEndpoints: Sendable {
    let administrator: Administrator

    private struct NewUser: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case name, realm, password, comment, replacing
        }

        let name: String
        let realm: String?
        let password: String?
        let comment: String?
        let replacing: Bool?
    }

    private struct NewKey: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case id, secret
        }

        let id: String
        let secret: String?
    }

    private struct NewCredential: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case user, seconds, host
        }

        let user: String
        let seconds: Int?
        let host: String?
    }

    /// How long a credential is right when nobody says otherwise: a day, as of `stund credentials`.
    private static let day = 86400

    var all: [APIEndpoint] { users + secrets }

    private var users: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/accounts") { _ in
                try JSONAnswer.make(try await administrator.accounts())
            },
            APIEndpoint(method: .post, path: "/users") { call in
                let user = try await call.body(NewUser.self)
                let made = try await administrator.addUser(
                    name: user.name,
                    realm: user.realm,
                    password: user.password,
                    comment: user.comment ?? "",
                    replacing: user.replacing ?? false,
                    by: call.visitor.person
                )
                return try JSONAnswer.make(made, status: .created)
            },
            APIEndpoint(method: .delete, path: "/users/{name}", query: ["realm"]) { call in
                try await administrator.removeUser(
                    name: try call.parameter("name"),
                    realm: call.query.optional("realm"),
                    by: call.visitor.person
                )
                return Response(status: .noContent)
            },
        ]
    }

    private var secrets: [APIEndpoint] {
        [
            APIEndpoint(method: .post, path: "/secrets") { call in
                let key = try await call.body(NewKey.self)
                let made = try await administrator.addSecret(
                    id: key.id,
                    secret: key.secret,
                    by: call.visitor.person
                )
                return try JSONAnswer.make(made, status: .created)
            },
            APIEndpoint(method: .post, path: "/secrets/{id}/retire") { call in
                try await call.expectNoBody()
                try await administrator.retireSecret(id: try call.parameter("id"), by: call.visitor.person)
                return Response(status: .noContent)
            },
            APIEndpoint(method: .delete, path: "/secrets/{id}") { call in
                try await administrator.removeSecret(id: try call.parameter("id"), by: call.visitor.person)
                return Response(status: .noContent)
            },
            APIEndpoint(method: .post, path: "/credentials") { call in
                let wanted = try await call.body(NewCredential.self)
                let made = try await administrator.makeCredential(
                    user: wanted.user,
                    seconds: wanted.seconds ?? Self.day,
                    host: wanted.host
                )
                return try JSONAnswer.make(made, status: .created)
            },
        ]
    }
}
