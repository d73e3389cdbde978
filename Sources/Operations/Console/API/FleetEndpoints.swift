import Administration
import HTTPTypes
import Hummingbird

/// The servers of the fleet, and what they have together.
struct FleetEndpoints: Sendable {
    let administrator: Administrator

    private static let tableQuery: Set = ["search", "sort", "reversed", "offset", "limit"]
    /// What is asked of other servers is bounded.
    private static let rows = 0...1000

    var all: [APIEndpoint] {
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
                return try JSONAnswer.make(try await Fleet(administrator.server).statistics(query))
            },
            APIEndpoint(method: .get, path: "/fleet/sessions", query: Self.tableQuery) { call in
                var query = SessionsQuery(limit: try call.number("limit", in: Self.rows) ?? 100)
                query.search = call.query["search"]
                query.sort = try call.choice("sort", of: SessionsQuery.Column.self) ?? query.sort
                query.isReversed = try call.flag("reversed")
                query.offset = try call.number("offset", in: Self.rows) ?? 0
                return try JSONAnswer.make(try await Fleet(administrator.server).sessions(query))
            },
        ]
    }
}
