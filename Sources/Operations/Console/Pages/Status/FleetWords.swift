import Administration

/// What is wrong with a server in the language of the page; what there are no words for stays as the server said it.
enum FleetWords {
    /// What is wrong and what to do; nil when nothing is.
    static func problem(_ server: FleetReport.Server, hasKey: Bool, _ texts: Texts) -> String? {
        guard let problem = server.problem else { return nil }
        guard texts.language != .english, let (name, detail) = word(server, problem, hasKey: hasKey, texts) else {
            return ShownText(problem, most: 400).text
        }
        return texts("fleet_problem_\(name)", ShownText(detail, most: 200).text)
    }

    /// Why a server's part is missing, or it did not do what it was asked.
    static func reason(_ reason: String, _ texts: Texts) -> String {
        let known = reasons.first { reason.hasPrefix($0.beginning) }
        guard texts.language != .english, let known else { return ShownText(reason, most: 300).text }
        let rest = ShownText(String(reason.dropFirst(known.beginning.count)), most: 200).text
        return texts("fleet_problem_\(known.name)", rest)
    }

    /// What the reasons of `Fleet` and `FleetClient` begin with; what follows is a detail that some of the words name.
    private static let reasons: [(beginning: String, name: String)] = [
        ("it does not answer heartbeats", "heartbeats"), ("cluster-key is not set", "no_key"),
        ("it did not answer in time", "slow"), ("it has another cluster-key", "untrusted"),
        ("the request is longer than 64 kB", "long_request"), ("no memory is left", "no_memory"),
        ("it sent a longer answer than 1 MB", "long_answer"), ("it closed the connection", "closed"),
        ("its TCP port is closed", "no_port"), ("it cannot be reached by TCP: ", "unreachable"),
        ("no address of it is known", "no_address"), ("it answered something else", "strange"),
        ("its answer cannot be understood", "strange"), ("it refused: its answer cannot be understood", "strange"),
        ("it refused: ", "refused"),
    ]

    private static let unsendable = "nothing can be sent to it: "

    private static func word(
        _ server: FleetReport.Server,
        _ problem: String,
        hasKey: Bool,
        _ texts: Texts
    ) -> (name: String, detail: String)? {
        switch problem {
        case "its address is not known yet": return ("no_address", "")
        case "only the first 64 addresses are used": return ("too_many", "")
        case "the name exists, but has no address": return ("no_record", "")
        default: break
        }
        guard let best = server.best else { return nil }
        if server.state == "clock-differs" {
            guard let difference = best.clockDifference else { return nil }
            let seconds = Quantities(texts.language).decimal(difference.magnitude)
            return (difference < 0 ? "behind" : "ahead", seconds)
        }
        guard server.state == "lost" || server.state == "unknown" else { return nil }
        if server.kind == .peer, !hasKey { return ("no_key", "") }
        if problem.hasPrefix(unsendable) { return ("unsendable", String(problem.dropFirst(unsendable.count))) }
        guard server.state == "lost" else { return nil }
        if best.pongs > 0 { return ("silent", "") }
        return (server.kind == .classic ? "never_classic" : "never", "")
    }
}
