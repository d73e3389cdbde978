import Administration
import HTTPTypes

/// The servers of the fleet; and, asked for, the statistics and sessions of all of them.
struct FleetPage: ConsolePage {
    let name = "fleet"
    let administrator: Administrator

    /// How many rows of statistics or sessions are shown.
    static let limit = 100
    private static let sections = ["statistics", "sessions"]

    private struct Model: Sendable {
        struct Server: Sendable {
            let name: ShownText
            let state: String
            let isGood: Bool
            let addresses: [ShownText]
            let version: String
            let load: String
            let allocations: String
            let roundTrip: String
            let loss: String
            let clock: String
            let problem: String?
        }

        struct Link: Sendable {
            let path: String
            let title: String
            let isCurrent: Bool
        }

        struct Row: Sendable {
            let server: ShownText
            let cells: [String]
        }

        let servers: [Server]
        let sum: String
        let hint: String?
        let hintPath: String
        let links: [Link]
        let title: String?
        let headers: [String]
        let rows: [Row]
        let found: String
        let empty: String?
        let missing: [String]
        let json: String
    }

    /// The lower part of the page.
    private struct Section {
        var title: String?
        var headers: [String] = []
        var rows: [Model.Row] = []
        var found = ""
        var empty: String?
        var missing: [Fleet.Missing] = []
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let report = try await administrator.server.fleet()
        let shown = request.query["show"]
        let section: Section
        switch shown {
        case "statistics": section = try await statistics(request)
        case "sessions": section = try await sessions(request)
        default: section = Section()
        }
        // The others are asked when somebody looks, not every two seconds.
        return PageBody(template: "fleet", model: model(report, section, shown, request), isLive: section.title == nil)
    }

    private func model(_ report: FleetReport, _ section: Section, _ shown: String, _ request: PageRequest) -> Model {
        let texts = request.texts
        let quantities = Quantities(texts.language)
        let links = [""] + Self.sections
        var hint: String?
        if report.servers.count <= 1 {
            hint = texts("fleet_alone")
        } else if !report.hasKey {
            hint = texts("fleet_no_key")
        }
        return Model(
            servers: report.servers.map { Self.server($0, quantities, texts) },
            sum: texts(
                "fleet_sum",
                quantities.number(report.usable),
                quantities.number(report.count),
                quantities.number(report.allocations)
            ),
            hint: hint,
            hintPath: request.path("admin"),
            links: links.map { link in
                Model.Link(
                    path: request.path(name, [("show", link)]),
                    title: texts("fleet_show_\(link.isEmpty ? "servers" : link)"),
                    isCurrent: link == (section.title == nil ? "" : shown)
                )
            },
            title: section.title,
            headers: section.headers,
            rows: section.rows,
            found: section.found,
            empty: section.title == nil ? nil : section.empty,
            missing: section.missing.map {
                texts("fleet_missing", ShownText($0.server).text, ShownText($0.reason, most: 300).text)
            },
            json: APIAddress.path(section.title == nil ? "fleet" : "fleet/\(shown)", [])
        )
    }

    private static func server(
        _ server: FleetReport.Server,
        _ quantities: Quantities,
        _ texts: Texts
    ) -> Model.Server {
        let best = server.best
        let isOwn = server.kind == .own
        return Model.Server(
            name: ShownText(isOwn ? texts("fleet_own", server.name) : server.name, most: 120),
            state: texts["fleet_state_\(server.state.replacing("-", with: "_"))"] ?? ShownText(server.state).text,
            isGood: server.isUsable || server.state == "itself",
            addresses: server.addresses.map { ShownText($0.address) },
            version: server.version.map { ShownText($0).text } ?? "–",
            load: server.load.map { quantities.decimal($0 * 100) + "\u{A0}%" } ?? "–",
            allocations: server.allocations.map(quantities.number) ?? "–",
            roundTrip: best?.roundTrip.map { quantities.decimal($0 * 1000) + "\u{A0}ms" } ?? "–",
            loss: isOwn ? "–" : best?.loss.map { quantities.decimal($0 * 100) + "\u{A0}%" } ?? "–",
            clock: best?.clockDifference.map { clock($0, quantities) } ?? "–",
            problem: server.problem.map { ShownText($0, most: 400).text }
        )
    }

    /// A difference of clocks; less than a tenth of a second is none.
    private static func clock(_ seconds: Double, _ quantities: Quantities) -> String {
        guard seconds.magnitude >= 0.1 else { return "0\u{A0}s" }
        return (seconds < 0 ? "−" : "+") + quantities.decimal(seconds.magnitude) + "\u{A0}s"
    }

    // MARK: What the servers have together

    private func statistics(_ request: PageRequest) async throws -> Section {
        let (texts, quantities) = (request.texts, Quantities(request.texts.language))
        let table = try await Fleet(administrator.server).statistics(StatisticsQuery(limit: Self.limit))
        let names = ["source", "last_access", "hits", "no_change", "change_ip", "change_port", "error"]
        return Section(
            title: texts("page_stat"),
            headers: names.map { texts("stat_\($0)") },
            rows: table.rows.map { entry in
                let row = entry.row
                let counts = [row.hits, row.noChange, row.changeIP, row.changePort, row.error]
                return Model.Row(
                    server: ShownText(entry.server),
                    cells: [ShownText(row.source).text, "\(row.lastAccess)\u{A0}s"] + counts.map(quantities.number)
                )
            },
            found: texts(
                "fleet_rows",
                quantities.number(table.rows.count),
                quantities.number(table.totalSources)
            ),
            empty: table.rows.isEmpty ? texts("stat_none") : nil,
            missing: table.missing
        )
    }

    private func sessions(_ request: PageRequest) async throws -> Section {
        let (texts, quantities) = (request.texts, Quantities(request.texts.language))
        let table = try await Fleet(administrator.server).sessions(SessionsQuery(limit: Self.limit))
        let names = ["user", "client", "relay", "traffic", "age", "expires"]
        return Section(
            title: texts("page_alloc"),
            headers: names.map { texts("alloc_\($0)") },
            rows: table.rows.map { entry in
                let row = entry.row
                return Model.Row(
                    server: ShownText(entry.server),
                    cells: [
                        ShownText(row.user, most: 80).text, ShownText(row.client).text,
                        row.relays.prefix(2).map { ShownText($0).text }.joined(separator: " "),
                        quantities.bytes(row.toPeers.bytes &+ row.toClient.bytes), HumanText.duration(row.age),
                        HumanText.duration(row.expiresIn),
                    ]
                )
            },
            found: texts(
                "fleet_rows",
                quantities.number(table.rows.count),
                quantities.number(table.totalSessions)
            ),
            empty: table.rows.isEmpty ? texts("alloc_none") : nil,
            missing: table.missing
        )
    }
}
