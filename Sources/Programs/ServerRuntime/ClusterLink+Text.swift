import Addresses
import ClusterCore
import Observability

extension Membership.Change {
    /// What the log gets; nil for a change that nobody needs to know.
    func entry(_ orders: ClusterLink.Orders, now: UInt64) -> (MessageCode, String)? {
        let name = orders.name(entry.place)
        let who = name == "\(entry.address)" ? name : "\(name) (\(entry.address))"
        switch state {
        case .unknown:
            return nil
        case .healthy, .draining:
            guard entry.kind == .sealed else {
                return (.peerHealthy, "Other server healthy: \(who) answers, round trip \(figures.roundTripText)")
            }
            let what =
                state == .draining ? "drains: it takes no new allocations" : isRestart ? "was restarted" : "answers"
            return (
                .peerHealthy,
                "Other server healthy: \(who) \(what), version \(said.versionText), round trip \(figures.roundTripText)"
            )
        case .lost(let since):
            let heard =
                figures.received == 0
                ? "has not answered yet" : "has not answered for \((now &- since) / 1_000_000) s"
            return (.peerLost, "Other server lost: \(who) \(heard); it is asked on each second")
        case .clockDiffers(let difference):
            return (.peerClockDiffers, "Other server not used: \(who): \(PeerState.clockText(difference))")
        case .itself:
            return (.peerIsItself, "Other server left out: \(who) is this server itself")
        }
    }
}

extension PeerState {
    /// The word for programs and for the table.
    var word: String {
        switch self {
        case .unknown: "unknown"
        case .healthy: "healthy"
        case .draining: "draining"
        case .lost: "lost"
        case .clockDiffers: "clock-differs"
        case .itself: "itself"
        }
    }

    /// What is wrong with a clock that is so many milliseconds ahead of ours.
    static func clockText(_ difference: Int64) -> String {
        let seconds = (difference.magnitude &+ 500) / 1000
        let direction = difference > 0 ? "ahead of" : "behind"
        return
            "its clock is \(seconds) s \(direction) ours: requests handed to it would be refused; set both by NTP"
    }
}

extension PeerFigures {
    /// The round trip in milliseconds.
    var roundTripText: String {
        guard let roundTrip else { return "not known" }
        return "\(roundTrip / 1000).\(roundTrip % 1000 / 100) ms"
    }
}

extension ServerState {
    /// `1.2.3`.
    var versionText: String { "\(version & 0xFF).\(version >> 8 & 0xFF).\(version >> 16 & 0xFF)" }

    /// The number of a version as it is written; 0 for what is none.
    static func version(_ text: String) -> UInt32 {
        let parts = text.split(separator: ".").map { UInt8($0.prefix { $0.isNumber }) ?? 0 }
        return parts.prefix(3).enumerated().reduce(0) { $0 | UInt32($1.element) << UInt32(8 * $1.offset) }
    }
}
