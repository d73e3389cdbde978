import Foundation
public import Observability

/// An answer on the control socket: a JSON object with one member that says what it is.
public enum ControlAnswer: Hashable, Sendable {
    /// The state of the server.
    case status(ServerStatus)
    /// The last hour and day.
    case overview(OverviewReport)
    /// Whether the server is ready for clients.
    case readiness(ReadinessReport)
    /// All figures.
    case metrics([MetricFamily])
    /// The servers of the fleet.
    case fleet(FleetReport)
    /// The recent log messages.
    case log(LogReport)
    /// The sources.
    case statistics(StatisticsReport)
    /// The sessions.
    case sessions(SessionsReport)
    /// So many sessions were ended.
    case disconnected(Int)
    /// How the drain stands.
    case drain(DrainReport)
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
        case overview
        case readiness
        case metrics
        case fleet
        case log
        case statistics
        case sessions
        case disconnected
        case drain
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
        } else if let report = try fields.decodeIfPresent(OverviewReport.self, forKey: .overview) {
            self = .overview(report)
        } else if let report = try fields.decodeIfPresent(ReadinessReport.self, forKey: .readiness) {
            self = .readiness(report)
        } else if let families = try fields.decodeIfPresent([MetricFamily].self, forKey: .metrics) {
            self = .metrics(families)
        } else if let report = try fields.decodeIfPresent(FleetReport.self, forKey: .fleet) {
            self = .fleet(report)
        } else if let report = try fields.decodeIfPresent(LogReport.self, forKey: .log) {
            self = .log(report)
        } else if let report = try fields.decodeIfPresent(StatisticsReport.self, forKey: .statistics) {
            self = .statistics(report)
        } else if let report = try fields.decodeIfPresent(SessionsReport.self, forKey: .sessions) {
            self = .sessions(report)
        } else if let count = try fields.decodeIfPresent(Int.self, forKey: .disconnected) {
            self = .disconnected(count)
        } else if let report = try fields.decodeIfPresent(DrainReport.self, forKey: .drain) {
            self = .drain(report)
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
        case .overview(let report): try fields.encode(report, forKey: .overview)
        case .readiness(let report): try fields.encode(report, forKey: .readiness)
        case .metrics(let families): try fields.encode(families, forKey: .metrics)
        case .fleet(let report): try fields.encode(report, forKey: .fleet)
        case .log(let report): try fields.encode(report, forKey: .log)
        case .statistics(let report): try fields.encode(report, forKey: .statistics)
        case .sessions(let report): try fields.encode(report, forKey: .sessions)
        case .disconnected(let count): try fields.encode(count, forKey: .disconnected)
        case .drain(let report): try fields.encode(report, forKey: .drain)
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
