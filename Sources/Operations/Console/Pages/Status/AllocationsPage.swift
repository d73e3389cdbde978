import Administration
import HTTPTypes

/// Who uses the relay now, and the way to end it.
struct AllocationsPage: ConsolePage {
    let name = "alloc"
    let administrator: Administrator

    /// How many allocations are on a page: each has many words.
    static let limit = 25
    /// How many permissions and channels of one are shown.
    private static let mostPeers = 8
    /// The longest user name that a link asks about, in bytes.
    private static let longestSubject = 128

    static let columns: [TableState.Column] = [
        .init(name: "user", sort: "user", beginsWithLeast: true, isNumber: false),
        .init(name: "client", sort: "client", beginsWithLeast: true, isNumber: false),
        .init(name: "relay", isNumber: false),
        .init(name: "traffic", sort: "bytes"),
        .init(name: "age", sort: "age", beginsWithLeast: true),
        .init(name: "expires"),
        .init(name: "peers", isNumber: false),
    ]

    private struct Model: Sendable {
        struct Row: Sendable {
            let id: String
            let user: ShownText
            let realm: String
            let explain: String
            let client: String
            let listener: String
            let transport: String
            let relays: [String]
            /// Nil when it relays datagrams.
            let relayTransport: String?
            let toPeers: String
            let toClient: String
            let packets: String
            let age: String
            let expires: String
            let peers: String
            /// What stands in the details.
            let lines: [String]
            let more: String?
            let askEnd: String
            let askEndUser: String
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
        let empty: String?
        let json: String
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let state = Self.state(request)
        let server = administrator.server
        let report = try await server.sessions(Self.query(state))
        var empty: String?
        if report.rows.isEmpty {
            // What is off needs another answer than what nobody uses.
            let isOff = report.totalSessions == 0 ? try await server.status().relay == nil : false
            empty = request.texts(isOff ? "alloc_off" : report.totalSessions > 0 ? "alloc_none_found" : "alloc_none")
        }
        return PageBody(template: "allocations", model: model(report, state, empty, request), isLive: true)
    }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let state = Self.state(request)
        let back = request.path(name, state.fields(offset: state.offset))
        let subject: SessionSubject?
        if let id = form.optional("end") {
            subject = .session(id)
        } else if let id = form.optional("end-user") {
            // A name of 500 bytes need not stand in the page: the session knows it.
            var query = SessionsQuery()
            query.search = id
            subject = try await administrator.server.sessions(query).rows.first { $0.id == id }.map { .user($0.user) }
        } else {
            throw ConsoleError(.badRequest, .badRequest, "end")
        }
        guard let subject, try await administrator.server.disconnect(subject) > 0 else {
            return .done("alloc_gone", goTo: back)
        }
        return .done("alloc_ended", goTo: back)
    }

    /// How somebody looks at sessions.
    static func state(_ request: PageRequest, keeping names: [String] = []) -> TableState {
        TableState(
            request.query,
            sorts: SessionsQuery.Column.allCases.map(\.rawValue),
            defaultSort: SessionsQuery.Column.age.rawValue,
            keeping: names
        )
    }

    /// What to ask a server for it.
    static func query(_ state: TableState) -> SessionsQuery {
        var query = SessionsQuery(limit: limit)
        query.search = state.search
        query.sort = SessionsQuery.Column(rawValue: state.sort) ?? query.sort
        query.isReversed = state.isReversed
        query.offset = state.offset
        return query
    }

    private func model(
        _ report: SessionsReport,
        _ state: TableState,
        _ empty: String?,
        _ request: PageRequest
    ) -> Model {
        let quantities = Quantities(request.texts.language)
        let rows = report.rows.prefix(Self.limit).map { Self.row($0, quantities, request) }
        let fields = state.fields()
        return Model(
            path: request.path(name),
            action: request.path(name, state.fields(offset: state.offset)),
            search: ShownText(state.search, most: 1200).text,
            sortField: state.sortField,
            isReversed: state.isReversed,
            hasSearch: !state.search.isEmpty,
            headers: state.headers(Self.columns, "alloc", request),
            hasActions: true,
            rows: rows,
            paging: state.paging(
                shown: rows.count,
                found: report.foundSessions,
                limit: Self.limit,
                quantities,
                request
            ),
            empty: empty,
            json: APIAddress.path("sessions", fields)
        )
    }

    /// What stands in the details of a session.
    private static func lines(_ row: SessionsReport.Row, _ texts: Texts) -> [String] {
        row.permissions.prefix(mostPeers).map {
            texts("alloc_permission", ShownText($0.address).text, HumanText.duration($0.expiresIn))
        }
            + row.channels.prefix(mostPeers).map {
                texts(
                    "alloc_channel",
                    ShownText($0.number).text,
                    ShownText($0.peer).text,
                    HumanText.duration($0.expiresIn)
                )
            }
            + row.connections.prefix(mostPeers).map {
                texts("alloc_connection", ShownText($0.peer).text, texts("alloc_\($0.stage.rawValue)"))
            }
    }

    private static func row(_ row: SessionsReport.Row, _ quantities: Quantities, _ request: PageRequest) -> Model.Row {
        let texts = request.texts
        let user = ShownText(row.user, most: 80)
        let lines = lines(row, texts)
        let left = row.permissions.count + row.channels.count + row.connections.count - lines.count
        let subject = row.user.utf8.count <= longestSubject && !row.user.isEmpty ? row.user : row.client
        return Model.Row(
            id: ShownText(row.id).text,
            user: user,
            realm: ShownText(row.realm, most: 40).text,
            explain: request.path("explain", [("subject", String(subject.prefix(longestSubject)))]),
            client: ShownText(row.client).text,
            listener: ShownText(row.listener).text,
            transport: ShownText(row.transport.uppercased()).text,
            relays: row.relays.prefix(2).map { ShownText($0).text },
            relayTransport: row.relayTransport == "udp" ? nil : ShownText(row.relayTransport.uppercased()).text,
            toPeers: quantities.bytes(row.toPeers.bytes),
            toClient: quantities.bytes(row.toClient.bytes),
            packets: texts(
                "alloc_packets",
                quantities.number(row.toPeers.packets),
                quantities.number(row.toClient.packets)
            ),
            age: HumanText.duration(row.age),
            expires: HumanText.duration(row.expiresIn),
            peers: texts(
                row.relayTransport == "udp" ? "alloc_peers_count" : "alloc_peers_count_tcp",
                quantities.number(row.permissions.count),
                quantities.number(row.channels.count),
                quantities.number(row.connections.count)
            ),
            lines: lines,
            more: left > 0 ? texts("alloc_peers_more", quantities.number(left)) : nil,
            askEnd: texts("alloc_ask_end", ShownText(row.id).text),
            askEndUser: texts("alloc_ask_end_user", user.text)
        )
    }
}
