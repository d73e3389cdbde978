import Addresses
import Administration
import HTTPTypes
import Hummingbird
import Observability

/// What happens: status, statistics, log, sessions, and why requests were refused.
struct StatusEndpoints: Sendable {
    let administrator: Administrator

    private var server: any RunningServer { administrator.server }

    /// More rows than any server remembers, and far from where sums overflow.
    private static let rows = 0...1_000_000

    private static let tableQuery: Set = ["search", "sort", "reversed", "offset", "limit"]

    var all: [APIEndpoint] { overview + statistics + log + sessions + explanation }

    private var overview: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/status") { _ in try JSONAnswer.make(try await server.status()) },
            APIEndpoint(method: .get, path: "/overview") { _ in try JSONAnswer.make(try await server.overview()) },
        ]
    }

    // MARK: Statistics

    private var statistics: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/statistics", query: Self.tableQuery) { call in
                try JSONAnswer.make(try await server.statistics(Self.statisticsQuery(call)))
            },
            APIEndpoint(method: .get, path: "/statistics.csv", query: Self.tableQuery) { call in
                let report = try await server.statistics(Self.statisticsQuery(call))
                return CSVText(report).response(named: "stund-statistics.csv")
            },
            APIEndpoint(method: .delete, path: "/statistics") { _ in
                try await server.clearStatistics()
                return Response(status: .noContent)
            },
        ]
    }

    private static func statisticsQuery(_ call: APICall) throws -> StatisticsQuery {
        var query = StatisticsQuery(limit: try call.number("limit", in: rows))
        query.search = call.query["search"]
        query.sort = try call.choice("sort", of: StatisticsQuery.Column.self) ?? query.sort
        query.isReversed = try call.flag("reversed")
        query.offset = try call.number("offset", in: rows) ?? 0
        return query
    }

    // MARK: Log

    private static let logQuery: Set = ["level", "code", "search", "limit"]

    private var log: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/log", query: Self.logQuery) { call in
                try JSONAnswer.make(try await server.log(Self.logQuery(call)))
            },
            APIEndpoint(method: .get, path: "/log.txt", query: Self.logQuery) { call in
                let lines = try await server.log(Self.logQuery(call)).lines
                return .download(lines.map { $0 + "\n" }.joined(), type: "text/plain", named: "stund-log.txt")
            },
            APIEndpoint(method: .delete, path: "/log") { _ in
                try await server.clearLog()
                return Response(status: .noContent)
            },
        ]
    }

    private static func logQuery(_ call: APICall) throws -> LogQuery {
        var query = LogQuery(limit: try call.number("limit", in: rows))
        query.level = try call.number("level", in: 0...9)
        query.code = try call.number("code", in: 0...65535)
        query.search = call.query["search"]
        return query
    }

    // MARK: Sessions

    /// How many sessions were ended.
    private struct Ended: Encodable {
        let ended: Int
    }

    private var sessions: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/sessions", query: Self.tableQuery) { call in
                try JSONAnswer.make(try await server.sessions(Self.sessionsQuery(call)))
            },
            APIEndpoint(method: .get, path: "/sessions.csv", query: Self.tableQuery) { call in
                let report = try await server.sessions(Self.sessionsQuery(call))
                return CSVText(report).response(named: "stund-sessions.csv")
            },
            APIEndpoint(method: .delete, path: "/sessions", query: ["subject"]) { call in
                let subject = call.query["subject"]
                guard !subject.isEmpty else { throw call.badField("subject", "an id, a user or a client's address") }
                return try JSONAnswer.make(Ended(ended: try await server.disconnect(.any(subject))))
            },
            APIEndpoint(method: .delete, path: "/sessions/{id}") { call in
                let id = try call.parameter("id")
                let ended = try await server.disconnect(.session(id))
                guard ended > 0 else { throw ConsoleError(.notFound, .refused, "there is no session \(id)") }
                return try JSONAnswer.make(Ended(ended: ended))
            },
        ]
    }

    private static func sessionsQuery(_ call: APICall) throws -> SessionsQuery {
        var query = SessionsQuery(limit: try call.number("limit", in: rows))
        query.search = call.query["search"]
        query.sort = try call.choice("sort", of: SessionsQuery.Column.self) ?? query.sort
        query.isReversed = try call.flag("reversed")
        query.offset = try call.number("offset", in: rows) ?? 0
        return query
    }

    // MARK: Explanation

    private var explanation: [APIEndpoint] {
        [
            APIEndpoint(method: .get, path: "/explain", query: ["subject", "user", "peer"]) { call in
                let (subject, peer) = (call.query["subject"], call.query["peer"])
                if !subject.isEmpty, call.query.names == ["subject"] {
                    return try JSONAnswer.make(try await server.explain(subject))
                }
                guard subject.isEmpty, SocketAddress(peer) != nil || IPAddress(peer) != nil else {
                    throw call.badField("subject, peer", "either subject, or peer (an IP address) and perhaps user")
                }
                let user = call.query["user"]
                return try JSONAnswer.make(
                    try await server.explain(user: user.isEmpty ? nil : user, peer: peer)
                )
            }
        ]
    }
}
