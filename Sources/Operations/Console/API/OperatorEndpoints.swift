import Administration
import HTTPTypes
import Hummingbird

/// Who may use the console and the API.
struct OperatorEndpoints: Sendable {
    let administrator: Administrator

    private struct Person: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case password, role
        }

        let password: String
        let role: OperatorRole
    }

    private struct NewToken: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case name, role, days
        }

        let name: String
        let role: OperatorRole
        let days: Int?
    }

    var all: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/operators") { _ in
                try JSONAnswer.make(try await administrator.operators())
            },
            APIEndpoint(method: .put, path: "/operators/{name}") { call in
                let person = try await call.body(Person.self)
                try await administrator.setOperator(
                    name: try call.parameter("name"),
                    password: person.password,
                    role: person.role,
                    by: call.visitor.person
                )
                return Response(status: .noContent)
            },
            APIEndpoint(method: .delete, path: "/operators/{name}") { call in
                try await administrator.removeOperator(name: try call.parameter("name"), by: call.visitor.person)
                return Response(status: .noContent)
            },
            APIEndpoint(method: .post, path: "/tokens") { call in
                let token = try await call.body(NewToken.self)
                let made = try await administrator.addToken(
                    name: token.name,
                    role: token.role,
                    days: token.days,
                    by: call.visitor.person
                )
                return try JSONAnswer.make(made, status: .created)
            },
            APIEndpoint(method: .delete, path: "/tokens/{name}") { call in
                try await administrator.removeToken(name: try call.parameter("name"), by: call.visitor.person)
                return Response(status: .noContent)
            },
        ]
    }
}
