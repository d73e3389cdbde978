import Administration

/// How the server does, in one plain sentence, and what is to be done about it.
struct OverviewState: Sendable {
    let sentence: String
    /// `good`, `warn` or `bad`.
    let weight: String
    /// What keeps the server from doing its work.
    let problems: [Prose]
    /// What is allowed but unwise, or did not work.
    let warnings: [Prose]
    /// Which of the other servers do not answer; nil when all do.
    let fleetTrouble: String?
    /// Whether nobody has sent anything yet.
    let isFirstStart: Bool
    /// Commands that ask the server something.
    let tries: [String]

    private static let mostWarnings = 20

    init(
        _ status: ServerStatus,
        _ readiness: ReadinessReport,
        sources: Int,
        others: [FleetPlaces.Other],
        _ texts: Texts
    ) {
        // What a drain is about stands in the sentence.
        let faults = readiness.checks.filter { !$0.isGood && (status.drain == nil || $0.name != "state") }
        problems = faults.map { Prose($0.text, texts) }
        warnings = status.warnings.prefix(Self.mostWarnings).map { Prose($0, texts) }
        fleetTrouble = Self.trouble(of: others, texts)
        let requests = status.counters.filter { $0.name.hasPrefix("requests-") }.reduce(0) { $0 &+ $1.value }
        isFirstStart = requests == 0 && sources == 0
        let place = Self.place(status)
        tries = place.map { ["stun \($0)"] } ?? []
        let count = problems.count + status.warnings.count + (fleetTrouble == nil ? 0 : 1)
        weight = place == nil || !problems.isEmpty ? "bad" : count == 0 && status.drain == nil ? "good" : "warn"
        let parts = [
            Self.counted("overview_calls", status.relay?.sessions, texts),
            Self.counted("overview_clients", sources, texts), Self.counted("overview_wrong", count, texts),
        ]
        let work = texts(status.relay == nil ? "overview_stun" : "overview_stun_turn")
        guard let place else {
            sentence = texts("overview_answers_nobody")
            return
        }
        if let drain = status.drain, problems.isEmpty {
            sentence = Self.sentence(drain, texts)
            return
        }
        let facts = parts.compactMap(\.self).joined(separator: ", ")
        sentence = texts(problems.isEmpty ? "overview_answers" : "overview_not_ready", work, place, facts)
    }

    /// Which other servers do not answer, in a sentence.
    private static func trouble(of others: [FleetPlaces.Other], _ texts: Texts) -> String? {
        let silent = others.filter { !$0.isAnswering }.map(\.name)
        guard !silent.isEmpty else { return nil }
        let quantities = Quantities(texts.language)
        return texts(
            "overview_fleet_silent",
            quantities.number(silent.count),
            quantities.number(others.count),
            ShownText(silent.joined(separator: ", "), most: 300).text
        )
    }

    /// What there is to say while no new allocations are taken.
    private static func sentence(_ drain: DrainReport, _ texts: Texts) -> String {
        let left = counted("overview_calls", drain.allocations, texts) ?? ""
        if drain.state == .drained { return texts("overview_drained", left) }
        let end =
            drain.until.map { texts("overview_drain_until", ShownLogEntry.time(ShownText($0, most: 40).text)) }
            ?? texts("overview_drain_open")
        return texts(drain.stays ? "overview_drains_stays" : "overview_drains_ends", left, end)
    }

    /// The text for none, one or several.
    private static func counted(_ key: String, _ count: Int?, _ texts: Texts) -> String? {
        guard let count else { return nil }
        let number = Quantities(texts.language).number(count)
        return texts(count == 0 ? "\(key)_0" : count == 1 ? "\(key)_1" : "\(key)_n", number)
    }

    /// The address to tell clients: that of the first listener, without `udp`; nil when there is none.
    ///
    /// Where the server listens on all addresses of the host, the one that relays stands for them.
    private static func place(_ status: ServerStatus) -> String? {
        guard let address = status.listeners.first?.split(separator: " ").last, let colon = address.lastIndex(of: ":")
        else { return nil }
        let host = address[..<colon]
        guard host == "0.0.0.0" || host == "[::]" else { return ShownText(String(address)).text }
        let relay = status.relay?.addresses.first?.address ?? "127.0.0.1"
        return ShownText((relay.contains(":") ? "[\(relay)]" : relay) + address[colon...]).text
    }
}
