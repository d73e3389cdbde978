import Administration
import HTTPTypes

/// Who used the server and how: the manual's table (section 5.2).
struct StatisticsPage: ConsolePage {
    let name = "stat"
    let administrator: Administrator

    /// How many sources are on a page.
    static let limit = 50

    static let columns: [TableState.Column] = [
        .init(name: "source", sort: "source", beginsWithLeast: true, isNumber: false),
        .init(name: "last_access", sort: "last-access", beginsWithLeast: true),
        .init(name: "hits", sort: "hits"),
        .init(name: "no_change", sort: "no-change"),
        .init(name: "change_ip", sort: "change-ip"),
        .init(name: "change_port", sort: "change-port"),
        .init(name: "error", sort: "error"),
        .init(name: "mirror_setup"),
        .init(name: "mirror_forwards"),
        .init(name: "keep_alive", sort: "keep-alive", beginsWithLeast: true),
        .init(name: "nat", isNumber: false),
        .init(name: "dialect", isNumber: false),
    ]

    private struct Model: Sendable {
        struct Row: Sendable {
            let source: String
            let explain: String
            let access: String
            let ago: String
            let isSilent: Bool
            /// The manual's seven numbers and the keep-alive interval, which look alike.
            let numbers: [String]
            let nat: String
            let natInFull: String
            let dialect: String
        }

        let path: String
        let action: String
        let search: String
        /// Nil for the order that stands in no address.
        let sortField: String?
        let isReversed: Bool
        let hasSearch: Bool
        let headers: [TableState.Header]
        /// Whether rows end with buttons.
        let hasActions: Bool
        let rows: [Row]
        let paging: TableState.Paging
        let hasSilent: Bool
        let empty: String?
        let csv: String
        let json: String
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let state = Self.state(request)
        let report = try await administrator.server.statistics(Self.query(state))
        return PageBody(template: "statistics", model: model(report, state, request), isLive: true)
    }

    /// How somebody looks at sources.
    static func state(_ request: PageRequest, keeping names: [String] = []) -> TableState {
        TableState(
            request.query,
            sorts: StatisticsQuery.Column.allCases.map(\.rawValue),
            defaultSort: StatisticsQuery.Column.lastAccess.rawValue,
            keeping: names
        )
    }

    /// What to ask a server for it.
    static func query(_ state: TableState) -> StatisticsQuery {
        var query = StatisticsQuery(limit: limit)
        query.search = state.search
        query.sort = StatisticsQuery.Column(rawValue: state.sort) ?? query.sort
        query.isReversed = state.isReversed
        query.offset = state.offset
        return query
    }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        guard form["do"] == "clear" else { throw ConsoleError(.badRequest, .badRequest, "do") }
        try await administrator.server.clearStatistics()
        return .done("stat_cleared", goTo: request.path(name))
    }

    private func model(_ report: StatisticsReport, _ state: TableState, _ request: PageRequest) -> Model {
        let quantities = Quantities(request.texts.language)
        let rows = report.rows.prefix(Self.limit).map { Self.row($0, quantities, request) }
        var empty: String?
        if rows.isEmpty { empty = request.texts(report.totalSources > 0 ? "stat_none_found" : "stat_none") }
        let fields = state.fields()
        return Model(
            path: request.path(name),
            action: request.path(name),
            search: ShownText(state.search, most: 1200).text,
            sortField: state.sortField,
            isReversed: state.isReversed,
            hasSearch: !state.search.isEmpty,
            headers: state.headers(Self.columns, "stat", request),
            hasActions: false,
            rows: rows,
            paging: state.paging(
                shown: rows.count,
                found: report.foundSources,
                limit: Self.limit,
                quantities,
                request
            ),
            hasSilent: rows.contains(where: \.isSilent),
            empty: empty,
            csv: APIAddress.path("statistics.csv", fields),
            json: APIAddress.path("statistics", fields)
        )
    }

    private static func row(_ row: StatisticsReport.Row, _ quantities: Quantities, _ request: PageRequest) -> Model.Row
    {
        let source = ShownText(row.source).text
        let counts = [
            row.hits, row.noChange, row.changeIP, row.changePort, row.error, row.mirrorSetup, row.mirrorForwards,
        ]
        return Model.Row(
            source: source,
            explain: request.path("explain", [("subject", source)]),
            access: "\(row.lastAccess)\u{A0}s",
            ago: HumanText.duration(row.lastAccess),
            isSilent: row.lastAccess > StatisticsTable.silence,
            numbers: counts.map(quantities.number)
                + [row.keepAlive.map { quantities.decimal($0) + "\u{A0}s" } ?? "–"],
            nat: row.natKind.map { StatusNames.nat($0, request.texts, isShort: true) } ?? "–",
            natInFull: row.natKind.map { StatusNames.nat($0, request.texts) } ?? "",
            dialect: row.dialect.map { StatusNames.dialect($0, request.texts) } ?? "–"
        )
    }
}
