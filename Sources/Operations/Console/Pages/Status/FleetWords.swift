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

    /// Why a server's part is missing.
    static func reason(_ reason: String, _ texts: Texts) -> String {
        let name: String? =
            switch reason {
            case "it does not answer heartbeats": "heartbeats"
            case "cluster-key is not set": "no_key"
            case "it did not answer in time": "slow"
            default: nil
            }
        guard texts.language != .english, let name else { return ShownText(reason, most: 300).text }
        return texts("fleet_problem_\(name)")
    }

    private static let unsendable = "nothing can be sent to it: "

    private static func word(
        _ server: FleetReport.Server,
        _ problem: String,
        hasKey: Bool,
        _ texts: Texts
    ) -> (name: String, detail: String)? {
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
