import Administration
import HTTPTypes
import Hummingbird
import ServerSettings

/// The settings: seen, tried, changed, undone, read again.
struct SettingsEndpoints: Sendable {
    let administrator: Administrator

    /// New values by name; null takes a setting out of the file.
    private struct Change: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case values
        }

        let values: [String: String?]
    }

    private struct History: Encodable {
        let changes: [SettingsHistoryEntry]
    }

    var all: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/settings") { _ in
                try JSONAnswer.make(await administrator.settings())
            },
            APIEndpoint(method: .post, path: "/settings/preview") { call in
                let change = SettingsChange(try await call.body(Change.self).values)
                return try JSONAnswer.make(try await administrator.preview(change))
            },
            APIEndpoint(method: .patch, path: "/settings") { call in
                let change = SettingsChange(try await call.body(Change.self).values)
                return try JSONAnswer.make(try await administrator.apply(change, by: call.visitor.person))
            },
            APIEndpoint(method: .get, path: "/settings/history", query: ["limit"]) { call in
                let limit = try call.number("limit", in: 1...1000) ?? 100
                return try JSONAnswer.make(History(changes: try await administrator.settingsHistory(limit: limit)))
            },
            APIEndpoint(method: .post, path: "/settings/history/{id}/undo") { call in
                try await call.expectNoBody()
                guard let id = Int64(try call.parameter("id")), id >= 0 else {
                    throw ConsoleError(.notFound, .notFound)
                }
                let change = try await administrator.changeUndoing(id)
                return try JSONAnswer.make(try await administrator.apply(change, by: call.visitor.person))
            },
            APIEndpoint(method: .post, path: "/reload") { call in
                try await call.expectNoBody()
                do {
                    try await administrator.server.reload()
                } catch let error as SettingsError {
                    throw error
                } catch {
                    // Whatever kept the server from it, it is the file's or the host's fault and told as such.
                    throw ConsoleError(.conflict, .refused, "\(error)")
                }
                return Response(status: .noContent)
            },
        ]
    }
}
