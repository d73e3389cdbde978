import Foundation
import Observability

/// A request on the control socket: one line of JSON such as `{"request":"log","limit":50}`.
public enum ControlRequest: Hashable, Sendable {
    /// Asks for `ServerStatus`.
    case status
    /// Asks for `OverviewReport`.
    case overview
    /// Asks for `ReadinessReport`.
    case readiness
    /// Has the server send requests to itself; asks for `ReadinessReport` with what was found.
    case selfTest
    /// Asks for all figures.
    case metrics
    /// Asks for `FleetReport`.
    case fleet
    /// Asks for `LogReport`.
    case log(LogQuery)
    /// Asks for `StatisticsReport`.
    case statistics(StatisticsQuery)
    /// Forgets the log messages kept in memory.
    case clearLog
    /// Forgets all sources.
    case clearStatistics
    /// Rereads the settings file.
    case reload
    /// Says in the log what a command has changed.
    case note(ChangeNote)
    /// Asks for `SessionsReport`.
    case sessions(SessionsQuery)
    /// Ends the sessions that have this id, user or client address.
    case disconnect(String)
    /// Takes no new allocations; asks for `DrainReport`.
    case drain(DrainOrder)
    /// Takes new allocations again; asks for `DrainReport`.
    case undrain
    /// Asks for `Explanation` of a user name or an address.
    case explain(String)
    /// Asks for `Explanation` of what keeps a user, or anybody, from a peer.
    case explainPeer(user: String?, peer: String)
}

extension ControlRequest: Codable {
    private enum Name: String, Codable {
        case status
        case overview
        case readiness
        case selfTest = "self-test"
        case metrics
        case fleet
        case log
        case statistics
        case clearLog = "clear-log"
        case clearStatistics = "clear-statistics"
        case reload
        case note
        case sessions
        case disconnect
        case drain
        case undrain
        case explain
    }

    private enum CodingKeys: String, CodingKey {
        case request
        case limit
        case offset
        case search
        case sort
        case isReversed = "reverse"
        case level
        case code
        case subject
        case peer
        case seconds
        case stays = "stay"
        case kind
        case sentence
    }

    private typealias Fields = KeyedDecodingContainer<CodingKeys>

    /// Reads a request; throws on an unknown name, on a number below zero and on a subject that is missing or empty.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        switch try fields.decode(Name.self, forKey: .request) {
        case .status: self = .status
        case .overview: self = .overview
        case .readiness: self = .readiness
        case .selfTest: self = .selfTest
        case .metrics: self = .metrics
        case .fleet: self = .fleet
        case .log: self = .log(try Self.logQuery(in: fields))
        case .statistics: self = .statistics(try Self.statisticsQuery(in: fields))
        case .clearLog: self = .clearLog
        case .clearStatistics: self = .clearStatistics
        case .reload: self = .reload
        case .note: self = .note(try Self.note(decoder, fields))
        case .sessions: self = .sessions(try Self.sessionsQuery(in: fields))
        case .disconnect: self = .disconnect(try Self.text(.subject, in: fields))
        case .drain: self = .drain(try Self.drainOrder(in: fields))
        case .undrain: self = .undrain
        case .explain:
            guard fields.contains(.peer) else {
                self = .explain(try Self.text(.subject, in: fields))
                return
            }
            let user = fields.contains(.subject) ? try Self.text(.subject, in: fields) : nil
            self = .explainPeer(user: user, peer: try Self.text(.peer, in: fields))
        }
    }

    private static func logQuery(in fields: Fields) throws -> LogQuery {
        var query = LogQuery(limit: try number(.limit, in: fields))
        query.level = try number(.level, in: fields)
        query.code = try number(.code, in: fields)
        query.search = try fields.decodeIfPresent(String.self, forKey: .search) ?? ""
        return query
    }

    private static func statisticsQuery(in fields: Fields) throws -> StatisticsQuery {
        var query = StatisticsQuery(limit: try number(.limit, in: fields))
        query.offset = try number(.offset, in: fields) ?? 0
        query.search = try fields.decodeIfPresent(String.self, forKey: .search) ?? ""
        query.sort = try fields.decodeIfPresent(StatisticsQuery.Column.self, forKey: .sort) ?? query.sort
        query.isReversed = try fields.decodeIfPresent(Bool.self, forKey: .isReversed) ?? false
        return query
    }

    private static func sessionsQuery(in fields: Fields) throws -> SessionsQuery {
        var query = SessionsQuery(limit: try number(.limit, in: fields))
        query.offset = try number(.offset, in: fields) ?? 0
        query.search = try fields.decodeIfPresent(String.self, forKey: .search) ?? ""
        query.sort = try fields.decodeIfPresent(SessionsQuery.Column.self, forKey: .sort) ?? query.sort
        query.isReversed = try fields.decodeIfPresent(Bool.self, forKey: .isReversed) ?? false
        return query
    }

    private static func drainOrder(in fields: Fields) throws -> DrainOrder {
        let seconds = try number(.seconds, in: fields)
        if let seconds, seconds > DrainOrder.longest {
            throw DecodingError.dataCorruptedError(forKey: .seconds, in: fields, debugDescription: "is too much")
        }
        return DrainOrder(seconds: seconds, stays: try fields.decodeIfPresent(Bool.self, forKey: .stays) ?? false)
    }

    private static func note(_ decoder: any Decoder, _ fields: Fields) throws -> ChangeNote {
        let note = try ChangeNote(from: decoder)
        guard (1...ChangeNote.longest).contains(note.sentence.utf8.count) else {
            throw DecodingError.dataCorruptedError(
                forKey: .sentence,
                in: fields,
                debugDescription: "is empty or too long"
            )
        }
        return note
    }

    private static func number(_ key: CodingKeys, in fields: Fields) throws -> Int? {
        let number = try fields.decodeIfPresent(Int.self, forKey: key)
        if let number, number < 0 {
            throw DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: "is below zero")
        }
        return number
    }

    private static func text(_ key: CodingKeys, in fields: Fields) throws -> String {
        let text = try fields.decode(String.self, forKey: key)
        guard !text.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: "is empty")
        }
        return text
    }

    /// Writes a request.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .status: try fields.encode(Name.status, forKey: .request)
        case .overview: try fields.encode(Name.overview, forKey: .request)
        case .readiness: try fields.encode(Name.readiness, forKey: .request)
        case .selfTest: try fields.encode(Name.selfTest, forKey: .request)
        case .metrics: try fields.encode(Name.metrics, forKey: .request)
        case .fleet: try fields.encode(Name.fleet, forKey: .request)
        case .clearLog: try fields.encode(Name.clearLog, forKey: .request)
        case .clearStatistics: try fields.encode(Name.clearStatistics, forKey: .request)
        case .reload: try fields.encode(Name.reload, forKey: .request)
        case .note(let note):
            try fields.encode(Name.note, forKey: .request)
            try note.encode(to: encoder)
        case .log(let query):
            try fields.encode(Name.log, forKey: .request)
            try Self.encode(query.search, query.limit, to: &fields)
            try fields.encodeIfPresent(query.level, forKey: .level)
            try fields.encodeIfPresent(query.code, forKey: .code)
        case .statistics(let query):
            try fields.encode(Name.statistics, forKey: .request)
            try Self.encode(query.search, query.limit, offset: query.offset, query.isReversed, to: &fields)
            if query.sort != StatisticsQuery().sort { try fields.encode(query.sort, forKey: .sort) }
        case .sessions(let query):
            try fields.encode(Name.sessions, forKey: .request)
            try Self.encode(query.search, query.limit, offset: query.offset, query.isReversed, to: &fields)
            if query.sort != SessionsQuery().sort { try fields.encode(query.sort, forKey: .sort) }
        case .disconnect(let subject):
            try fields.encode(Name.disconnect, forKey: .request)
            try fields.encode(subject, forKey: .subject)
        case .drain(let order):
            try fields.encode(Name.drain, forKey: .request)
            try fields.encodeIfPresent(order.seconds, forKey: .seconds)
            if order.stays { try fields.encode(true, forKey: .stays) }
        case .undrain: try fields.encode(Name.undrain, forKey: .request)
        case .explain(let subject):
            try fields.encode(Name.explain, forKey: .request)
            try fields.encode(subject, forKey: .subject)
        case .explainPeer(let user, let peer):
            try fields.encode(Name.explain, forKey: .request)
            try fields.encodeIfPresent(user, forKey: .subject)
            try fields.encode(peer, forKey: .peer)
        }
    }

    /// Writes what queries have in common, where it is not the default.
    private static func encode(
        _ search: String,
        _ limit: Int?,
        offset: Int = 0,
        _ isReversed: Bool = false,
        to fields: inout KeyedEncodingContainer<CodingKeys>
    ) throws {
        if !search.isEmpty { try fields.encode(search, forKey: .search) }
        try fields.encodeIfPresent(limit, forKey: .limit)
        if offset != 0 { try fields.encode(offset, forKey: .offset) }
        if isReversed { try fields.encode(true, forKey: .isReversed) }
    }
}
