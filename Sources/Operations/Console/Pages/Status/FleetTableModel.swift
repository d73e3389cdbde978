import Administration

/// The statistics or sessions of all servers, or of one, as a page shows them.
struct FleetTableModel: Sendable {
    struct Row: Sendable {
        let server: ShownText
        /// The address that shows the rows of this server alone.
        let only: String
        let cells: [Cell]
    }

    struct Cell: Sendable {
        let text: String
        let isNumber: Bool
    }

    let title: String
    let path: String
    let search: String
    let sortField: String?
    let isReversed: Bool
    let hasSearch: Bool
    let kept: [TableState.Kept]
    let headers: [TableState.Header]
    /// Whether rows end with buttons.
    let hasActions = false
    let rows: [Row]
    let paging: TableState.Paging
    let empty: String?
    let missing: [String]
    /// That only rows of one server are shown, and the address of those of all.
    let only: String?
    let all: String
    /// That more was found than can be shown.
    let cut: String?
    let json: String

    /// What stays in the address whatever is searched for.
    private static let keeping = ["show", "server"]
    private static let sourceColumns = [
        "source", "last_access", "hits", "no_change", "change_ip", "change_port", "error", "keep_alive",
    ]
    private static let sessionColumns = ["user", "client", "relay", "traffic", "age", "expires"]

    static func statistics(_ fleet: Fleet, _ request: PageRequest) async throws -> FleetTableModel {
        let state = StatisticsPage.state(request, keeping: keeping)
        let table = try await fleet.statistics(StatisticsPage.query(state), of: request.query["server"])
        let quantities = Quantities(request.texts.language)
        let columns = StatisticsPage.columns.filter { sourceColumns.contains($0.name) }
        let rows = table.rows.map { entry in
            let row = entry.row
            let counts = [row.hits, row.noChange, row.changeIP, row.changePort, row.error]
            let texts =
                [ShownText(row.source).text, "\(row.lastAccess)\u{A0}s"] + counts.map(quantities.number)
                + [row.keepAlive.map { quantities.decimal($0) + "\u{A0}s" } ?? "–"]
            return Self.row(entry.server, texts, columns, request)
        }
        return FleetTableModel(
            state,
            rows,
            columns,
            names: Names(name: "stat", api: "fleet/statistics", limit: StatisticsPage.limit),
            counts: (table.totalSources, table.foundSources),
            missing: table.missing,
            request
        )
    }

    static func sessions(_ fleet: Fleet, _ request: PageRequest) async throws -> FleetTableModel {
        let state = AllocationsPage.state(request, keeping: keeping)
        let table = try await fleet.sessions(AllocationsPage.query(state), of: request.query["server"])
        let quantities = Quantities(request.texts.language)
        let columns = AllocationsPage.columns.filter { sessionColumns.contains($0.name) }
        let rows = table.rows.map { entry in
            let row = entry.row
            let texts = [
                ShownText(row.user, most: 80).text, ShownText(row.client).text,
                row.relays.prefix(2).map { ShownText($0).text }.joined(separator: " "),
                quantities.bytes(row.toPeers.bytes &+ row.toClient.bytes), HumanText.duration(row.age),
                HumanText.duration(row.expiresIn),
            ]
            return Self.row(entry.server, texts, columns, request)
        }
        return FleetTableModel(
            state,
            rows,
            columns,
            names: Names(name: "alloc", api: "fleet/sessions", limit: AllocationsPage.limit),
            counts: (table.totalSessions, table.foundSessions),
            missing: table.missing,
            request
        )
    }

    private static func row(
        _ server: String,
        _ texts: [String],
        _ columns: [TableState.Column],
        _ request: PageRequest
    ) -> Row {
        Row(
            server: ShownText(server),
            only: request.path(request.page, [("show", request.query["show"]), ("server", server)]),
            cells: zip(texts, columns).map { Cell(text: $0, isNumber: $1.isNumber) }
        )
    }

    /// What the two tables call themselves.
    private struct Names {
        /// In texts.
        let name: String
        /// In the API.
        let api: String
        /// How many rows are on a page.
        let limit: Int
    }

    private init(
        _ state: TableState,
        _ rows: [Row],
        _ columns: [TableState.Column],
        names: Names,
        counts: (total: Int, found: Int),
        missing: [Fleet.Missing],
        _ request: PageRequest
    ) {
        let texts = request.texts
        let quantities = Quantities(texts.language)
        let server = request.query["server"]
        let show = ("show", request.query["show"])
        title = texts("page_\(names.name)")
        path = request.path(request.page, [show, ("server", server)])
        search = ShownText(state.search, most: 1200).text
        sortField = state.sortField
        isReversed = state.isReversed
        hasSearch = !state.search.isEmpty
        kept = state.kept
        let first = TableState.Header(
            title: texts("fleet_server"),
            help: nil,
            link: nil,
            order: nil,
            arrow: "",
            isNumber: false
        )
        headers = [first] + state.headers(columns, names.name, request)
        self.rows = rows
        paging = state.paging(
            shown: rows.count,
            found: min(counts.found, Fleet.mostRows),
            limit: names.limit,
            quantities,
            request
        )
        empty = rows.isEmpty ? texts("\(names.name)_none\(counts.total > 0 ? "_found" : "")") : nil
        self.missing = missing.map {
            texts("fleet_missing", ShownText($0.server).text, FleetWords.reason($0.reason, texts))
        }
        only = server.isEmpty ? nil : texts("fleet_only", ShownText(server).text)
        all = request.path(request.page, [show])
        cut =
            counts.found > Fleet.mostRows
            ? texts("fleet_cut", quantities.number(Fleet.mostRows), quantities.number(counts.found)) : nil
        json = APIAddress.path(names.api, state.fields().filter { $0.0 != "show" })
    }
}
