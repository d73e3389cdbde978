import Administration

/// What the store of the fleet knows of all servers, as a page shows it.
struct FleetStoreModel: Sendable {
    struct Member: Sendable {
        let name: ShownText
        let host: ShownText
        let version: String
        let drain: String
        let load: String
        let allocations: String
    }

    struct Counter: Sendable {
        let name: ShownText
        let count: String
    }

    /// How many servers are listed.
    private static let mostMembers = 50

    let sentence: String
    let isLost: Bool
    let trouble: String?
    let asksAll: Bool
    let members: [Member]
    let hasMembers: Bool
    let more: String?
    let counters: [Counter]
    let hasCounters: Bool

    /// Nil where there is no store.
    init?(_ report: FleetReport, _ texts: Texts) {
        guard let store = report.store else { return nil }
        let quantities = Quantities(texts.language)
        let percent = { (part: Double) in quantities.decimal(part * 100) + "\u{A0}%" }
        isLost = !store.isReached
        sentence = texts(
            store.isReached ? "fleet_store" : "fleet_store_lost",
            ShownText(store.place, most: 120).text,
            quantities.number(store.memberCount),
            quantities.number(store.allocations),
            percent(store.load)
        )
        trouble = store.trouble.map { ShownText($0, most: 400).text }
        asksAll = store.asksAllToDrain
        members = store.members.prefix(Self.mostMembers).map { member in
            let drain = member.isAskedToDrain ? "fleet_asked" : member.isDraining ? "fleet_state_draining" : ""
            return Member(
                name: ShownText(member.name),
                host: ShownText(member.host),
                version: ShownText(member.version, most: 40).text,
                drain: drain.isEmpty ? "–" : texts(drain),
                load: percent(member.load),
                allocations: quantities.number(member.allocations)
            )
        }
        hasMembers = !members.isEmpty
        let left = store.memberCount - members.count
        more = left > 0 ? texts("fleet_store_more", quantities.number(left)) : nil
        counters = store.counters.filter { $0.value > 0 }.prefix(100).map { counter in
            Counter(name: ShownText(counter.name), count: quantities.number(counter.value))
        }
        hasCounters = !counters.isEmpty
    }
}
