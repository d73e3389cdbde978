import ClientCore
import STUNCodec

/// How often requests failed, by method and cause.
struct LoadErrors: Sendable {
    private var failures: [(failure: AllocationClient.Failure, count: Int)] = []

    mutating func add(_ failure: AllocationClient.Failure) {
        if let index = failures.firstIndex(where: { $0.failure == failure }) {
            failures[index].count += 1
        } else {
            failures.append((failure, 1))
        }
    }

    /// Each with its name, such as `allocate 486`; the most frequent first.
    var list: [(name: String, count: Int)] {
        failures.map { (Self.name($0.failure), $0.count) }.sorted { ($0.1, $1.0) > ($1.1, $0.0) }
    }

    private static func name(_ failure: AllocationClient.Failure) -> String {
        let method =
            switch failure.method {
            case .allocate: "allocate"
            case .createPermission: "permission"
            case .channelBind: "channel"
            default: "refresh"
            }
        return switch failure.cause {
        case .refused(let code): "\(method) \(code)"
        case .unanswered: "\(method) unanswered"
        case .wrongAnswer: "\(method) wrong answer"
        case .disconnected: "\(method) disconnected"
        }
    }

    /// What a person can do about a failure of this name; empty when that is not known.
    func hint(_ name: String) -> String {
        switch name.split(separator: " ").last {
        case "401": " (wrong user or password: see --user and --password)"
        case "486": " (the user's quota: user-allocations in stund's settings)"
        case "508": " (no relay ports or files left: relay-ports, max-allocations, `ulimit -n`)"
        case "403": " (the server relays to no peer on this address: allow-peers in stund's settings)"
        case "unanswered":
            " (is a server there? Its rate limit holds back loads: rate-limit-exempt in stund's settings)"
        case "disconnected": " (the server ended the connection, or took none: max-connections in stund's settings)"
        default: ""
        }
    }
}
