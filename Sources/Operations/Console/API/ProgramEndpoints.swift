import Administration
import HTTPTypes
import Hummingbird
import Observability

/// The program itself: version, licence, messages, whether it works, and this API's description.
struct ProgramEndpoints: Sendable {
    let administrator: Administrator

    private struct Version: Encodable {
        let version: String
        let uptime: Int
        let certificate: ServerStatus.Certificate?
        let warnings: [String]
    }

    private struct SelfTest: Encodable {
        let isGood: Bool
        let checks: [Check]
    }

    private struct Messages: Encodable {
        struct Row: Encodable {
            let code: Int
            let level: Int
            let text: String
            let meaning: String
            let remedy: String
        }

        let messages: [Row]
    }

    private struct Licence: Encodable {
        let identifier: String
        let text: String
        let state: LicenseState
    }

    var all: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/version") { _ in
                let status = try await administrator.server.status()
                return try JSONAnswer.make(
                    Version(
                        version: status.version,
                        uptime: status.uptime,
                        certificate: status.certificate,
                        warnings: status.warnings
                    )
                )
            },
            APIEndpoint(method: .get, path: "/readiness") { _ in
                try JSONAnswer.make(await administrator.server.readiness())
            },
            APIEndpoint(method: .post, path: "/selftest") { call in
                try await call.expectNoBody()
                let checks = await administrator.server.selfTest()
                return try JSONAnswer.make(SelfTest(isGood: checks.allSatisfy(\.isGood), checks: checks))
            },
            APIEndpoint(method: .get, path: "/messages") { _ in try JSONAnswer.make(Self.messages) },
            APIEndpoint(method: .get, path: "/licence") { _ in
                let state = try await administrator.server.status().license ?? .free
                return try JSONAnswer.make(
                    Licence(identifier: "Apache-2.0", text: EmbeddedTexts.files["LICENSE"] ?? "", state: state)
                )
            },
            APIEndpoint(method: .get, path: "/openapi.json") { _ in
                .text(EmbeddedTexts.files["openapi.json"] ?? "", type: "application/json")
            },
        ]
    }

    private static let messages = Messages(
        messages: MessageCode.allCases.map { code in
            let row = code.definition
            return Messages.Row(
                code: Int(code.rawValue),
                level: Int(row.level.rawValue),
                text: row.text,
                meaning: row.meaning,
                remedy: row.remedy
            )
        }
    )
}
