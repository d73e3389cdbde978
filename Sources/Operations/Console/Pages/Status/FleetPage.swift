import Administration
import HTTPTypes

/// The servers of the fleet; asked for, the statistics and sessions of all of them; and the way to drain one.
struct FleetPage: ConsolePage {
    let name = "fleet"
    let administrator: Administrator

    private struct Model: Sendable {
        struct Link: Sendable {
            let path: String
            let title: String
            let isCurrent: Bool
        }

        let servers: [FleetRow]
        let sum: String
        let store: FleetStoreModel?
        let hint: String?
        let hintPath: String
        let links: [Link]
        let drain: FleetDrainModel?
        let table: FleetTableModel?
        let json: String
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let report = try await administrator.server.fleet()
        let fleet = Fleet(administrator.server)
        let table: FleetTableModel?
        switch request.query["show"] {
        case "statistics": table = try await .statistics(fleet, request)
        case "sessions": table = try await .sessions(fleet, request)
        default: table = nil
        }
        // The others are asked when somebody looks, not every two seconds.
        return PageBody(template: "fleet", model: model(report, table, request), isLive: table == nil)
    }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let order = try DrainForm(form).order
        _ = try await administrator.drain(order, on: form["server"], by: request.visitor.person)
        return .done(order == nil ? "fleet_drain_taken_back" : "fleet_drain_begun", goTo: request.path(name))
    }

    private func model(_ report: FleetReport, _ table: FleetTableModel?, _ request: PageRequest) -> Model {
        let texts = request.texts
        let quantities = Quantities(texts.language)
        var hint: String?
        if report.servers.count <= 1, report.store.map({ $0.memberCount <= 1 }) ?? true {
            hint = texts("fleet_alone")
        } else if !report.hasKey {
            hint = texts("fleet_no_key")
        }
        let shown = table == nil ? "" : request.query["show"]
        return Model(
            servers: report.servers.map { FleetRow($0, hasKey: report.hasKey, quantities, request) },
            sum: texts(
                "fleet_sum",
                quantities.number(report.usable),
                quantities.number(report.count),
                quantities.number(report.allocations)
            ),
            store: FleetStoreModel(report, texts),
            hint: hint,
            hintPath: request.path("admin"),
            links: ["", "statistics", "sessions"].map { link in
                Model.Link(
                    path: request.path(name, [("show", link)]),
                    title: texts("fleet_show_\(link.isEmpty ? "servers" : link)"),
                    isCurrent: link == shown
                )
            },
            drain: request.isAdmin ? FleetDrainModel(report, request) : nil,
            table: table,
            json: table?.json ?? APIAddress.path("fleet")
        )
    }
}

/// A server of the fleet as the page shows it.
struct FleetRow: Sendable {
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
    /// Whether it can be asked for what follows.
    let hasLinks: Bool
    let statistics: String
    let sessions: String
    let drain: String
    let drainTitle: String

    init(_ server: FleetReport.Server, hasKey: Bool, _ quantities: Quantities, _ request: PageRequest) {
        let texts = request.texts
        let best = server.best
        let isOwn = server.kind == .own
        name = ShownText(isOwn ? texts("fleet_own", server.name) : server.name, most: 120)
        state = texts["fleet_state_\(server.state.replacing("-", with: "_"))"] ?? ShownText(server.state).text
        isGood = server.isUsable || server.state == "itself"
        // An entry without a name is called as its address.
        addresses = server.addresses.filter { $0.address != server.name }.map { ShownText($0.address) }
        version = server.version.map { ShownText($0).text } ?? "–"
        load = server.load.map { quantities.decimal($0 * 100) + "\u{A0}%" } ?? "–"
        allocations = server.allocations.map(quantities.number) ?? "–"
        roundTrip = best?.roundTrip.map { quantities.decimal($0 * 1000) + "\u{A0}ms" } ?? "–"
        loss = isOwn ? "–" : best?.loss.map { quantities.decimal($0 * 100) + "\u{A0}%" } ?? "–"
        clock = best?.clockDifference.map { Self.clock($0, quantities) } ?? "–"
        problem = FleetWords.problem(server, hasKey: hasKey, texts)
        let place = server.place
        hasLinks = place != nil
        statistics = request.path("fleet", [("show", "statistics"), ("server", place ?? "")])
        sessions = request.path("fleet", [("show", "sessions"), ("server", place ?? "")])
        drain = request.path("fleet", [("drain", place ?? "")]) + "#drain"
        drainTitle = texts(server.isDraining ? "fleet_undrain" : "fleet_drain")
    }

    /// A difference of clocks; less than a tenth of a second is none.
    private static func clock(_ seconds: Double, _ quantities: Quantities) -> String {
        guard seconds.magnitude >= 0.1 else { return "0\u{A0}s" }
        return (seconds < 0 ? "−" : "+") + quantities.decimal(seconds.magnitude) + "\u{A0}s"
    }
}

extension FleetReport.Server {
    /// What it is asked by: an address, since a name may stand for several servers; nil when it cannot be asked.
    var place: String? {
        switch kind {
        case .own: name
        case .peer where isUsable || state == "clock-differs": best?.address
        case .peer, .classic: nil
        }
    }
}

/// Asks before a server is drained, or takes new allocations again.
struct FleetDrainModel: Sendable {
    let action: String
    let server: String
    let title: String
    let isDraining: Bool
    let isOwn: Bool
    let back: String

    /// Nil when nobody asks for it, or there is no such server.
    init?(_ report: FleetReport, _ request: PageRequest) {
        let wanted = request.query["drain"]
        guard !wanted.isEmpty, let server = report.servers.first(where: { $0.place == wanted }) else { return nil }
        let name = ShownText(server.name, most: 120).text
        action = request.path("fleet")
        self.server = wanted
        isDraining = server.isDraining
        title = request.texts(isDraining ? "fleet_undrain_title" : "fleet_drain_title", name)
        isOwn = server.kind == .own
        back = request.path("fleet")
    }
}
