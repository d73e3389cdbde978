import ServerSettings

/// What servers of a fleet show and change together, asked from one of them.
public struct Fleet: Sendable {
    /// The most rows that one page shows, and that are asked of each server.
    public static let mostRows = 1000

    let server: any RunningServer
    private let patience: Duration

    /// The fleet of a server.
    public init(_ server: any RunningServer) {
        self.server = server
        patience = FleetClient.patience
    }

    init(_ server: any RunningServer, patience: Duration) {
        self.server = server
        self.patience = patience
    }

    /// A server whose part is missing.
    public struct Missing: Codable, Hashable, Sendable {
        /// Its name.
        public var server: String
        /// Why, in words.
        public var reason: String

        /// Joins the two.
        public init(server: String, reason: String) {
            self.server = server
            self.reason = reason
        }
    }

    /// The sources of all servers.
    public struct Statistics: Codable, Hashable, Sendable {
        /// A source, and the server that it asked.
        public struct Row: Codable, Hashable, Sendable {
            /// The server's name.
            public var server: String
            /// What is known of the source there.
            public var row: StatisticsReport.Row

            /// Joins the two.
            public init(server: String, row: StatisticsReport.Row) {
                self.server = server
                self.row = row
            }
        }

        /// The rows, in the order that was asked for.
        public var rows: [Row]
        /// How many sources the servers remember; one that asked two servers counts twice.
        public var totalSources: Int
        /// How many of them the search found.
        public var foundSources: Int
        /// Whose part is missing.
        public var missing: [Missing]

        /// Joins the parts.
        public init(rows: [Row], totalSources: Int, foundSources: Int, missing: [Missing]) {
            self.rows = rows
            self.totalSources = totalSources
            self.foundSources = foundSources
            self.missing = missing
        }
    }

    /// The sessions of all servers.
    public struct Sessions: Codable, Hashable, Sendable {
        /// A session, and the server that relays it.
        public struct Row: Codable, Hashable, Sendable {
            /// The server's name.
            public var server: String
            /// The session.
            public var row: SessionsReport.Row

            /// Joins the two.
            public init(server: String, row: SessionsReport.Row) {
                self.server = server
                self.row = row
            }
        }

        /// The rows, in the order that was asked for.
        public var rows: [Row]
        /// How many sessions the servers have.
        public var totalSessions: Int
        /// How many of them the search found.
        public var foundSessions: Int
        /// Whose part is missing.
        public var missing: [Missing]

        /// Joins the parts.
        public init(rows: [Row], totalSessions: Int, foundSessions: Int, missing: [Missing]) {
            self.rows = rows
            self.totalSessions = totalSessions
            self.foundSessions = foundSessions
            self.missing = missing
        }
    }

    /// What became of a change of settings on another server.
    public struct Outcome: Codable, Hashable, Sendable {
        /// The server's name.
        public var server: String
        /// Why it was not made, in words; nil when it was.
        public var problem: String?

        /// Joins the two.
        public init(server: String, problem: String?) {
            self.server = server
            self.problem = problem
        }
    }

    /// The sources of all servers together, or of those that `name` means; servers that do not answer in time are named.
    public func statistics(_ query: StatisticsQuery, of name: String? = nil) async throws -> Statistics {
        let meant = try meant(by: name)
        let (wanted, range) = Self.bounded(offset: query.offset, limit: query.limit)
        var asked = query
        (asked.offset, asked.limit) = (0, wanted)
        let own = meant.own ? [(meant.ownName, try await server.statistics(asked))] : []
        let (answers, missing) = await ask(meant.others, .ask(.statistics(asked))) { answer in
            if case .statistics(let report) = answer { report } else { nil }
        }
        let all = own + answers
        let rows = all.flatMap { name, report in report.rows.map { Statistics.Row(server: name, row: $0) } }
        let sorted = rows.sorted { query.isReversed ? query.isBefore($1.row, $0.row) : query.isBefore($0.row, $1.row) }
        return Statistics(
            rows: Array(sorted.dropFirst(range.lowerBound).prefix(range.count)),
            totalSources: all.reduce(0) { $0 &+ $1.1.totalSources },
            foundSources: all.reduce(0) { $0 &+ $1.1.foundSources },
            missing: missing
        )
    }

    /// The sessions of all servers together, or of those that `name` means; servers that do not answer in time are named.
    public func sessions(_ query: SessionsQuery, of name: String? = nil) async throws -> Sessions {
        let meant = try meant(by: name)
        let (wanted, range) = Self.bounded(offset: query.offset, limit: query.limit)
        var asked = query
        (asked.offset, asked.limit) = (0, wanted)
        let own = meant.own ? [(meant.ownName, try await server.sessions(asked))] : []
        let (answers, missing) = await ask(meant.others, .ask(.sessions(asked))) { answer in
            if case .sessions(let report) = answer { report } else { nil }
        }
        let all = own + answers
        let rows = all.flatMap { name, report in report.rows.map { Sessions.Row(server: name, row: $0) } }
        let sorted = rows.sorted { query.isReversed ? query.isBefore($1.row, $0.row) : query.isBefore($0.row, $1.row) }
        return Sessions(
            rows: Array(sorted.dropFirst(range.lowerBound).prefix(range.count)),
            totalSessions: all.reduce(0) { $0 &+ $1.1.totalSessions },
            foundSessions: all.reduce(0) { $0 &+ $1.1.foundSessions },
            missing: missing
        )
    }

    /// Makes a change on all other servers, but for the settings that belong to one host; tells what became of it.
    ///
    /// Empty when there is nothing in it that is not of one host, or no other server.
    public func apply(_ change: SettingsChange, by person: Operator) async -> [Outcome] {
        let shared = change.values.filter { Settings.key(named: $0.key)?.isOfOneHost == false }
        guard !shared.isEmpty else { return [] }
        let places = server.fleetPlaces
        let request = FleetRequest.change(SettingsChange(shared), by: Self.name(person, places))
        let (done, missing) = await ask(places.others, request) { answer in
            if case .done = answer { true } else { nil }
        }
        return done.map { Outcome(server: $0.0, problem: nil) }
            + missing.map { Outcome(server: $0.server, problem: $0.reason) }
    }

    /// Has another server take no new allocations, or with nil take them again.
    func drain(_ order: DrainOrder?, _ other: FleetPlaces.Other, by person: Operator) async throws -> DrainReport {
        let request = FleetRequest.drain(order, by: Self.name(person, server.fleetPlaces))
        let (answers, missing) = await ask([other], request) { answer in
            if case .drain(let report) = answer { report } else { nil }
        }
        guard let report = answers.first?.1 else {
            throw AdministrationError("\(other.name): \(missing.first?.reason ?? "it is not asked")")
        }
        return report
    }

    /// Whom another server takes down as the one who wanted something.
    private static func name(_ person: Operator, _ places: FleetPlaces) -> String {
        "\(person.name) on \(places.ownName)"
    }

    /// How many rows to ask each server for, and which of all to show then.
    private static func bounded(offset: Int, limit: Int?) -> (wanted: Int, range: Range<Int>) {
        let offset = min(max(0, offset), mostRows)
        let end = min(offset + min(max(0, limit ?? mostRows), mostRows), mostRows)
        return (end, offset..<end)
    }

    /// Asks others at once.
    private func ask<Answer: Sendable>(
        _ others: [FleetPlaces.Other],
        _ request: FleetRequest,
        _ read: @escaping @Sendable (ControlAnswer) -> Answer?
    ) async -> (answers: [(String, Answer)], missing: [Missing]) {
        let places = server.fleetPlaces
        guard let key = places.key else {
            return ([], others.map { Missing(server: $0.name, reason: "cluster-key is not set") })
        }
        var client = FleetClient(key: key, asking: places.asking)
        client.patience = patience
        let asking = client
        return await withTaskGroup(of: (Int, Result<ControlAnswer, FleetFailure>).self) { group in
            for (index, other) in others.enumerated() {
                group.addTask {
                    guard other.isAnswering else {
                        return (index, .failure(FleetFailure("it does not answer heartbeats")))
                    }
                    return (index, await asking.send(request, to: other))
                }
            }
            var results: [Int: Result<ControlAnswer, FleetFailure>] = [:]
            for await (index, result) in group { results[index] = result }
            var answers: [(String, Answer)] = []
            var missing: [Missing] = []
            for (index, other) in others.enumerated() {
                switch results[index] {
                case .success(let answer):
                    if let answer = read(answer) {
                        answers.append((other.name, answer))
                    } else {
                        missing.append(Missing(server: other.name, reason: "it answered something else"))
                    }
                case .failure(let failure): missing.append(Missing(server: other.name, reason: failure.reason))
                case nil: break
                }
            }
            return (answers, missing)
        }
    }
}
