import Administration
import HTTPTypes
import ServerSettings

/// The first page: how the server does, in one sentence and in pictures.
struct OverviewPage: ConsolePage {
    let name = "index"
    let administrator: Administrator

    private struct Model: Sendable {
        struct Span: Sendable {
            let title: String
            let path: String
            let isCurrent: Bool
        }
        struct Share: Sendable {
            let name: String
            let count: String
            let share: String
            /// The length of its bar, of 100.
            let length: Int
        }
        struct Refusal: Sendable {
            let title: String
            let count: String
            let time: String
            let cause: Prose
            let cure: Prose
            let subject: ShownText
            let explain: String
        }
        let action: String
        let isDraining: Bool
        let sentence: String
        /// `good`, `warn` or `bad`.
        let weight: String
        let facts: String
        let listens: String
        /// How many connections there are, in words; nil without any.
        let connections: String?
        let problems: [Prose]
        let warnings: [Prose]
        /// What is wrong with the other servers; nil when nothing is, or there are none.
        let fleetTrouble: String?
        let fleet: String
        /// Commands to try, before anything was received.
        let tries: [String]
        let isFirstStart: Bool
        let test: String
        let spans: [Span]
        let charts: [OverviewCharts.Shown]
        let dialects: [Share]
        let hasDialects: Bool
        let natKinds: [Share]
        let hasNAT: Bool
        let refusals: [Refusal]
        let hasRefusals: Bool
        let room: [OverviewRoom.Row]
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let server = administrator.server
        let status = try await server.status()
        let report = try await server.overview()
        let readiness = await server.readiness()
        let sources = try await server.statistics(StatisticsQuery(limit: 1)).totalSources
        let places = server.fleetPlaces
        let others = places.key == nil ? [] : places.others
        let state = OverviewState(status, readiness, sources: sources, others: others, request.texts)
        let quantities = Quantities(request.texts.language)
        let isDay = request.query["span"] == "day"
        let charts = OverviewCharts(
            samples: isDay ? report.history.day : report.history.hour,
            isDay: isDay,
            sessions: status.relay?.sessions,
            texts: request.texts
        )
        let requests = report.dialects.reduce(0) { $0 &+ $1.value }
        let dialects = Self.shares(report.dialects, of: requests, quantities) { StatusNames.dialect($0, request.texts) }
        let natKinds = Self.shares(report.natKinds, of: UInt64(clamping: sources), quantities) {
            StatusNames.nat($0, request.texts)
        }
        let model = Model(
            action: request.path(name),
            isDraining: status.drain != nil,
            sentence: state.sentence,
            weight: state.weight,
            facts: Self.facts(status, request.texts),
            listens: Self.listens(status, request.texts),
            connections: Self.connections(status.connections, quantities, request.texts),
            problems: state.problems,
            warnings: state.warnings,
            fleetTrouble: state.fleetTrouble,
            fleet: request.path("fleet"),
            tries: state.isFirstStart ? state.tries : [],
            isFirstStart: state.isFirstStart,
            test: request.path("test"),
            spans: spans(isDay, request),
            charts: charts.shown,
            dialects: dialects,
            hasDialects: !dialects.isEmpty,
            natKinds: natKinds,
            hasNAT: !natKinds.isEmpty,
            refusals: report.refusals.prefix(10).map { Self.refusal($0, quantities, request) },
            hasRefusals: !report.refusals.isEmpty,
            room: OverviewRoom(status, server.settings.settings, request.texts).rows
        )
        return PageBody(template: "overview", model: model, isLive: true)
    }

    private static func facts(_ status: ServerStatus, _ texts: Texts) -> String {
        texts("overview_runs", ShownText(status.version).text, HumanText.duration(status.uptime))
    }

    private static func listens(_ status: ServerStatus, _ texts: Texts) -> String {
        texts("overview_listens", ShownText(status.listeners.joined(separator: ", "), most: 600).text)
    }

    private static func connections(
        _ now: ServerStatus.Connections,
        _ quantities: Quantities,
        _ texts: Texts
    ) -> String? {
        guard now.tcp + now.dtls + now.peers > 0 else { return nil }
        let numbers = [now.tcp, now.tls, now.dtls, now.peers].map(quantities.number)
        return texts("overview_connections", numbers[0], numbers[1], numbers[2], numbers[3])
    }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let person = request.visitor.person
        guard let order = try DrainForm(form).order else {
            _ = try await administrator.undrain(by: person)
            return .done("drain_taken_back", goTo: request.path(name))
        }
        _ = try await administrator.drain(order, by: person)
        return .done("drain_begun", goTo: request.path(name))
    }

    private func spans(_ isDay: Bool, _ request: PageRequest) -> [Model.Span] {
        [
            .init(title: request.texts("overview_hour"), path: request.path(name), isCurrent: !isDay),
            .init(title: request.texts("overview_day"), path: request.path(name, [("span", "day")]), isCurrent: isDay),
        ]
    }

    /// The rows of a small table, with their share of `sum`; nothing when nothing was counted.
    private static func shares(
        _ counters: [ServerStatus.Counter],
        of sum: UInt64,
        _ quantities: Quantities,
        name: (String) -> String
    ) -> [Model.Share] {
        counters.filter { $0.value > 0 }.sorted { $0.value > $1.value }.prefix(12).map { counter in
            Model.Share(
                name: name(counter.name),
                count: quantities.number(counter.value),
                share: quantities.share(counter.value, of: sum),
                length: percent(Double(counter.value), of: Double(sum))
            )
        }
    }

    private static func percent(_ part: Double, of whole: Double) -> Int {
        guard whole > 0, part.isFinite, whole.isFinite else { return 0 }
        return Int(min(100, max(0, part / whole * 100)).rounded(.up))
    }

    private static func refusal(
        _ refusal: OverviewReport.TopRefusal,
        _ quantities: Quantities,
        _ request: PageRequest
    ) -> Model.Refusal {
        Model.Refusal(
            title: "\(ShownText(refusal.method, most: 40).text) \(refusal.code)",
            count: request.texts("overview_times", quantities.number(refusal.count)),
            time: ShownLogEntry.time(ShownText(refusal.time, most: 40).text),
            cause: Prose(refusal.cause, request.texts, most: 300),
            cure: Prose(refusal.cure, request.texts, most: 300),
            subject: ShownText(refusal.subject, most: 60),
            explain: request.path("explain", [("subject", String(refusal.subject.prefix(128)))])
        )
    }
}
