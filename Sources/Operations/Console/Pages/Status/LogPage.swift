import Administration
import HTTPTypes
import ServerSettings

/// The log messages in memory, those of the manual's page (section 5.1), and how much is logged.
struct LogPage: ConsolePage {
    let name = "log"
    let administrator: Administrator

    /// How many messages are on a page.
    static let limit = 50
    /// How much of a page messages fill, in bytes: with their packets they are long.
    private static let mostBytes = 36_000
    /// The highest number of messages that a page lies behind the newest one.
    private static let mostOffset = 100_000

    /// What somebody wants to see.
    private struct Wish {
        let level: Int?
        let code: Int?
        let search: String
        let isOldestFirst: Bool
        let offset: Int

        init(_ query: Fields) {
            level = query.integer("level").flatMap { (0...9).contains($0) ? $0 : nil }
            code = query.integer("code").flatMap { (1000...9999).contains($0) ? $0 : nil }
            search = String(query["search"].trimmed.prefix(200))
            isOldestFirst = query["order"] == "oldest"
            offset = min(max(0, query.integer("offset") ?? 0), LogPage.mostOffset)
        }

        var filter: [(String, String)] {
            [("level", level.map(String.init) ?? ""), ("code", code.map(String.init) ?? ""), ("search", search)]
        }

        func fields(oldestFirst: Bool? = nil, offset: Int = 0) -> [(String, String)] {
            filter + [
                ("order", oldestFirst ?? isOldestFirst ? "oldest" : ""), ("offset", offset > 0 ? "\(offset)" : ""),
            ]
        }
    }

    private struct Model: Sendable {
        struct Choice: Sendable {
            let value: String
            let label: String
            let isChosen: Bool
        }

        let path: String
        let action: String
        let search: String
        let codeField: String
        let levels: [Choice]
        let isOldestFirst: Bool
        let isFiltered: Bool
        let turn: String
        let entries: [ShownLogEntry]
        let empty: String?
        let newer: String?
        let older: String?
        let text: String
        let json: String
        let nowLogged: String
        let logLevels: [Choice]
        let fixedBy: String?
        let problem: String?
    }

    func show(_ request: PageRequest) async throws -> PageBody { try await body(request) }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let wish = Wish(request.query)
        switch form["do"] {
        case "clear":
            try await administrator.server.clearLog()
            return .done("log_cleared", goTo: request.path(name, wish.fields()))
        case "level":
            do {
                let change = SettingsChange(["log-level": form["log-level"]])
                _ = try await administrator.apply(change, by: request.visitor.person)
                return .done("log_level", goTo: request.path(name, wish.fields()))
            } catch let refusal as SettingsRefusal {
                return .show(try await body(request, problem: refusal.description))
            } catch let error as AdministrationError {
                return .show(try await body(request, problem: error.description))
            }
        default: throw ConsoleError(.badRequest, .badRequest, "do")
        }
    }

    private func body(_ request: PageRequest, problem: String? = nil) async throws -> PageBody {
        let wish = Wish(request.query)
        // One more than is shown tells whether there are older ones.
        var query = LogQuery(limit: wish.offset + Self.limit + 1)
        query.level = wish.level
        query.code = wish.code
        query.search = wish.search
        let newest = try await administrator.server.log(query).entries
        return PageBody(
            template: "log",
            model: model(newest, wish, request, problem: problem),
            isLive: true
        )
    }

    private func model(
        _ newest: [LogReport.Entry],
        _ wish: Wish,
        _ request: PageRequest,
        problem: String?
    ) -> Model {
        let page = newest.dropLast(wish.offset).reversed().prefix(Self.limit)
        let entries = Self.fitting(page, request)
        let hasOlder = newest.count > wish.offset + entries.count
        let settings = administrator.server.settings
        let level = settings.settings.logLevel
        let isFiltered = wish.filter.contains { !$0.1.isEmpty }
        var empty: String?
        if entries.isEmpty { empty = request.texts(isFiltered || wish.offset > 0 ? "log_none_found" : "log_none") }
        return Model(
            path: request.path(name),
            action: request.path(name, wish.fields()),
            search: ShownText(wish.search, most: 1200).text,
            codeField: wish.code.map(String.init) ?? "",
            levels: Self.choices(wish.level, request),
            isOldestFirst: wish.isOldestFirst,
            isFiltered: isFiltered,
            turn: request.path(name, wish.fields(oldestFirst: !wish.isOldestFirst, offset: wish.offset)),
            entries: wish.isOldestFirst ? entries.reversed() : entries,
            empty: empty,
            newer: wish.offset > 0
                ? request.path(name, wish.fields(offset: max(0, wish.offset - Self.limit))) : nil,
            older: hasOlder ? request.path(name, wish.fields(offset: wish.offset + entries.count)) : nil,
            text: APIAddress.path("log.txt", wish.filter),
            json: APIAddress.path("log", wish.filter),
            nowLogged: request.texts("log_level_now", "\(level)"),
            logLevels: Self.choices(level, request),
            fixedBy: Self.fixed(settings.origins["log-level"], request),
            problem: problem.map { ShownText($0, most: 600).text }
        )
    }

    /// The newest messages that a page has room for, at least one.
    private static func fitting(
        _ newestFirst: some Sequence<LogReport.Entry>,
        _ request: PageRequest
    ) -> [ShownLogEntry] {
        var room = mostBytes
        var result: [ShownLogEntry] = []
        for entry in newestFirst {
            let shown = ShownLogEntry(entry, request)
            room -= shown.bytes
            guard room >= 0 || result.isEmpty else { break }
            result.append(shown)
        }
        return result
    }

    /// What keeps the settings file from having a say.
    private static func fixed(_ origin: SettingOrigin?, _ request: PageRequest) -> String? {
        switch origin {
        case .flag(let name), .environment(let name): request.texts("log_level_fixed", name)
        case .file, .default, nil: nil
        }
    }

    private static func choices(_ chosen: Int?, _ request: PageRequest) -> [Model.Choice] {
        (0...9).map { (level: Int) in
            Model.Choice(
                value: "\(level)",
                label: "\(level) – \(request.texts("log_level_\(level)"))",
                isChosen: level == chosen
            )
        }
    }
}
