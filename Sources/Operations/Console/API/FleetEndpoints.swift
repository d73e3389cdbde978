import Administration
import HTTPTypes
import Hummingbird

/// The servers of the fleet, and what they have together.
struct FleetEndpoints: Sendable {
    let administrator: Administrator

    private static let tableQuery: Set = ["search", "sort", "reversed", "offset", "limit", "server"]
    /// What is asked of other servers is bounded.
    private static let rows = 0...1000

    var all: [APIEndpoint] { reports + drain }

    private var reports: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/fleet") { _ in
                try JSONAnswer.make(try await administrator.server.fleet())
            },
            APIEndpoint(method: .get, path: "/fleet/statistics", query: Self.tableQuery) { call in
                var query = StatisticsQuery(limit: try call.number("limit", in: Self.rows) ?? 100)
                query.search = call.query["search"]
                query.sort = try call.choice("sort", of: StatisticsQuery.Column.self) ?? query.sort
                query.isReversed = try call.flag("reversed")
                query.offset = try call.number("offset", in: Self.rows) ?? 0
                return try JSONAnswer.make(
                    try await Fleet(administrator.server).statistics(query, of: call.query["server"])
                )
            },
            APIEndpoint(method: .get, path: "/fleet/sessions", query: Self.tableQuery) { call in
                var query = SessionsQuery(limit: try call.number("limit", in: Self.rows) ?? 100)
                query.search = call.query["search"]
                query.sort = try call.choice("sort", of: SessionsQuery.Column.self) ?? query.sort
                query.isReversed = try call.flag("reversed")
                query.offset = try call.number("offset", in: Self.rows) ?? 0
                return try JSONAnswer.make(
                    try await Fleet(administrator.server).sessions(query, of: call.query["server"])
                )
            },
        ]
    }

    // MARK: Drain

    private struct NewDrain: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {
            case server, seconds, stay
        }

        let server: String
        let seconds: Int?
        let stay: Bool?
    }

    private var drain: [APIEndpoint] {
        [
            APIEndpoint(method: .post, path: "/fleet/drain") { call in
                let wanted = try await call.body(NewDrain.self)
                let order = DrainOrder(seconds: wanted.seconds, stays: wanted.stay ?? false)
                return try JSONAnswer.make(
                    try await administrator.drain(order, on: wanted.server, by: call.visitor.person)
                )
            },
            APIEndpoint(method: .delete, path: "/fleet/drain", query: ["server"]) { call in
                try await call.expectNoBody()
                let server = call.query["server"]
                guard !server.isEmpty else { throw call.badField("server", "its name, or an address with its port") }
                return try JSONAnswer.make(
                    try await administrator.drain(nil, on: server, by: call.visitor.person)
                )
            },
        ]
    }
}
