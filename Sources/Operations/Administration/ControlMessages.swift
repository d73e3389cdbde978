import Foundation

/// A request on the control socket: one line of JSON such as `{"request":"log","limit":50}`.
public enum ControlRequest: Hashable, Sendable {
    /// Asks for `ServerStatus`.
    case status
    /// Asks for `LogReport`.
    case log(limit: Int?)
    /// Asks for `StatisticsReport`.
    case statistics(limit: Int?)
    /// Forgets the log messages kept in memory.
    case clearLog
    /// Forgets all sources.
    case clearStatistics
    /// Rereads the settings file.
    case reload
    /// Asks for `SessionsReport`.
    case sessions(limit: Int?)
    /// Ends the sessions that have this id, user or client address.
    case disconnect(String)
    /// Asks for `Explanation` of a user name or an address.
    case explain(String)
}

extension ControlRequest: Codable {
    private enum Name: String, Codable {
        case status
        case log
        case statistics
        case clearLog = "clear-log"
        case clearStatistics = "clear-statistics"
        case reload
        case sessions
        case disconnect
        case explain
    }

    private enum CodingKeys: String, CodingKey {
        case request
        case limit
        case subject
    }

    /// Reads a request; throws on an unknown name, on a limit below zero and on a subject that is missing or empty.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let limit = try fields.decodeIfPresent(Int.self, forKey: .limit)
        if let limit, limit < 0 {
            throw DecodingError.dataCorruptedError(forKey: .limit, in: fields, debugDescription: "is below zero")
        }
        switch try fields.decode(Name.self, forKey: .request) {
        case .status: self = .status
        case .log: self = .log(limit: limit)
        case .statistics: self = .statistics(limit: limit)
        case .clearLog: self = .clearLog
        case .clearStatistics: self = .clearStatistics
        case .reload: self = .reload
        case .sessions: self = .sessions(limit: limit)
        case .disconnect: self = .disconnect(try Self.subject(in: fields))
        case .explain: self = .explain(try Self.subject(in: fields))
        }
    }

    private static func subject(in fields: KeyedDecodingContainer<CodingKeys>) throws -> String {
        let subject = try fields.decode(String.self, forKey: .subject)
        guard !subject.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: .subject, in: fields, debugDescription: "is empty")
        }
        return subject
    }

    /// Writes a request.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .status: try fields.encode(Name.status, forKey: .request)
        case .log(let limit):
            try fields.encode(Name.log, forKey: .request)
            try fields.encodeIfPresent(limit, forKey: .limit)
        case .statistics(let limit):
            try fields.encode(Name.statistics, forKey: .request)
            try fields.encodeIfPresent(limit, forKey: .limit)
        case .clearLog: try fields.encode(Name.clearLog, forKey: .request)
        case .clearStatistics: try fields.encode(Name.clearStatistics, forKey: .request)
        case .reload: try fields.encode(Name.reload, forKey: .request)
        case .sessions(let limit):
            try fields.encode(Name.sessions, forKey: .request)
            try fields.encodeIfPresent(limit, forKey: .limit)
        case .disconnect(let subject):
            try fields.encode(Name.disconnect, forKey: .request)
            try fields.encode(subject, forKey: .subject)
        case .explain(let subject):
            try fields.encode(Name.explain, forKey: .request)
            try fields.encode(subject, forKey: .subject)
        }
    }
}

/// An answer on the control socket: a JSON object with one member that says what it is.
public enum ControlAnswer: Hashable, Sendable {
    /// The state of the server.
    case status(ServerStatus)
    /// The recent log messages.
    case log(LogReport)
    /// The sources.
    case statistics(StatisticsReport)
    /// The sessions.
    case sessions(SessionsReport)
    /// So many sessions were ended.
    case disconnected(Int)
    /// What is known of a user or an address.
    case explanation(Explanation)
    /// What was asked is done.
    case done
    /// What was asked can't be done, with the reason.
    case refused(String)
}

extension ControlAnswer: Codable {
    private enum CodingKeys: String, CodingKey {
        case status
        case log
        case statistics
        case sessions
        case disconnected
        case explanation
        case done
        case error
    }

    /// Reads an answer.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if let reason = try fields.decodeIfPresent(String.self, forKey: .error) {
            self = .refused(reason)
        } else if let status = try fields.decodeIfPresent(ServerStatus.self, forKey: .status) {
            self = .status(status)
        } else if let report = try fields.decodeIfPresent(LogReport.self, forKey: .log) {
            self = .log(report)
        } else if let report = try fields.decodeIfPresent(StatisticsReport.self, forKey: .statistics) {
            self = .statistics(report)
        } else if let report = try fields.decodeIfPresent(SessionsReport.self, forKey: .sessions) {
            self = .sessions(report)
        } else if let count = try fields.decodeIfPresent(Int.self, forKey: .disconnected) {
            self = .disconnected(count)
        } else if let explanation = try fields.decodeIfPresent(Explanation.self, forKey: .explanation) {
            self = .explanation(explanation)
        } else if try fields.decode(Bool.self, forKey: .done) {
            self = .done
        } else {
            throw DecodingError.dataCorruptedError(forKey: .done, in: fields, debugDescription: "is false")
        }
    }

    /// Writes an answer.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .status(let status): try fields.encode(status, forKey: .status)
        case .log(let report): try fields.encode(report, forKey: .log)
        case .statistics(let report): try fields.encode(report, forKey: .statistics)
        case .sessions(let report): try fields.encode(report, forKey: .sessions)
        case .disconnected(let count): try fields.encode(count, forKey: .disconnected)
        case .explanation(let explanation): try fields.encode(explanation, forKey: .explanation)
        case .done: try fields.encode(true, forKey: .done)
        case .refused(let reason): try fields.encode(reason, forKey: .error)
        }
    }
}

/// The limits and the JSON of the control socket, the same on both ends.
enum ControlProtocol {
    /// The longest request line, its line end included.
    static let longestRequest = 4096
    /// The longest answer that a client takes.
    static let longestAnswer = 64 << 20

    static func encode(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        // The escaping of slashes would only hurt those who read it with other tools.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(message)) + [UInt8(ascii: "\n")]
    }

    static func decode<Message: Decodable>(_ type: Message.Type, from bytes: [UInt8]) throws -> Message {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
