import Administration

/// How the server does, in one plain sentence, and what is to be done about it.
struct OverviewState: Sendable {
    let sentence: String
    /// `good`, `warn` or `bad`.
    let weight: String
    /// What keeps the server from doing its work.
    let problems: [String]
    /// What is allowed but unwise, or did not work.
    let warnings: [String]
    /// Whether nobody has sent anything yet.
    let isFirstStart: Bool
    /// Commands that ask the server something.
    let tries: [String]

    private static let mostWarnings = 20

    init(_ status: ServerStatus, _ readiness: ReadinessReport, sources: Int, _ texts: Texts) {
        problems = readiness.checks.filter { !$0.isGood }.map { ShownText($0.text, most: 600).text }
        warnings = status.warnings.prefix(Self.mostWarnings).map { ShownText($0, most: 600).text }
        let requests = status.counters.filter { $0.name.hasPrefix("requests-") }.reduce(0) { $0 &+ $1.value }
        isFirstStart = requests == 0 && sources == 0
        let addresses = status.listeners.map { $0.split(separator: " ").last.map(String.init) ?? $0 }
        tries = addresses.first.map { Self.commands(ShownText($0).text) } ?? []
        weight = addresses.isEmpty || !problems.isEmpty ? "bad" : warnings.isEmpty ? "good" : "warn"
        let count = problems.count + status.warnings.count
        let parts = [
            Self.counted("overview_calls", status.relay?.sessions, texts),
            Self.counted("overview_clients", sources, texts), Self.counted("overview_wrong", count, texts),
        ]
        let work = texts(status.relay == nil ? "overview_stun" : "overview_stun_turn")
        sentence =
            addresses.isEmpty
            ? texts("overview_answers_nobody")
            : texts(
                problems.isEmpty ? "overview_answers" : "overview_not_ready",
                work,
                Self.listed(addresses, texts),
                parts.compactMap(\.self).joined(separator: ", ")
            )
    }

    /// The text for none, one or several.
    private static func counted(_ key: String, _ count: Int?, _ texts: Texts) -> String? {
        guard let count else { return nil }
        let number = Quantities(texts.language).number(count)
        return texts(count == 0 ? "\(key)_0" : count == 1 ? "\(key)_1" : "\(key)_n", number)
    }

    /// The first addresses, and how many more there are.
    private static func listed(_ addresses: [String], _ texts: Texts) -> String {
        let first = addresses.prefix(2).map { ShownText($0).text }.joined(separator: ", ")
        let left = addresses.count - 2
        return left > 0 ? texts("overview_and_more", first, "\(left)") : first
    }

    /// Commands of clients that Linux distributions have, for an address such as `192.0.2.1:3478`.
    private static func commands(_ address: String) -> [String] {
        guard let colon = address.lastIndex(of: ":") else { return [] }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        return ["turnutils_stunclient -p \(address[address.index(after: colon)...]) \(host)"]
    }
}
