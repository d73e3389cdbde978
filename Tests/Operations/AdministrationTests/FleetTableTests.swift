import Testing

@testable import Administration

@Suite("The fleet as a table for a terminal")
struct FleetTableTests {
    @Test("Each server has a line, what is wrong stands below, and this server is counted once")
    func table() {
        let report = FleetReport(
            servers: [
                .init(
                    name: "one",
                    kind: .own,
                    state: "healthy",
                    version: "0.1.0",
                    load: 0.25,
                    allocations: 40,
                    addresses: [.init(address: "192.0.2.1:3478", state: "healthy")]
                ),
                .init(name: "192.0.2.1:3478", kind: .peer, state: "itself"),
                .init(
                    name: "stun.example.org:3478",
                    kind: .peer,
                    state: "clock-differs",
                    version: "0.2.0\u{1B}[2J",
                    load: 1.5,
                    allocations: 2,
                    addresses: [
                        .init(
                            address: "192.0.2.2:3478",
                            state: "clock-differs",
                            roundTrip: 0.0125,
                            loss: 0.05,
                            clockDifference: -61
                        )
                    ],
                    problem: "its clock is 61 s behind ours"
                ),
            ],
            hasKey: true
        )
        let lines = FleetTable(report).text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[1].hasPrefix("one *") && lines[1].contains("25 %") && lines[1].contains("40"))
        #expect(lines[3].contains("12.5 ms") && lines[3].contains("150 %") && lines[3].contains("-61.0 s"))
        #expect(!lines[3].contains("\u{1B}"))
        #expect(lines.contains("stun.example.org:3478: its clock is 61 s behind ours"))
        #expect(lines.contains("1 of 2 servers can be used; 42 allocations in all."))
        #expect(Set(lines[0...3].map(\.count)).count == 1, "the columns stand under each other")
    }

    @Test("What the store of the fleet says stands below: its servers, and what they have counted together")
    func store() {
        let own = FleetReport.Server(name: "one", kind: .own, state: "healthy")
        var store = FleetReport.Store(
            place: "the Redis at unix:/r",
            isReached: true,
            members: [
                .init(
                    name: "192.0.2.1:3478",
                    host: "one\u{1B}[2J",
                    version: "0.1.0",
                    load: 0.5,
                    allocations: 40,
                    isDraining: true,
                    isAskedToDrain: true
                )
            ],
            memberCount: 300,
            allocations: 12_000,
            load: 0.25,
            asksAllToDrain: true,
            counters: [.init(name: "answers-rfc8489", value: 7), .init(name: "answers-rfc3489", value: 0)]
        )
        func lines() -> [String] {
            FleetTable(FleetReport(servers: [own], hasKey: false, store: store)).text
                .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        let text = lines()
        #expect(text.contains("300 servers in the Redis at unix:/r: 12000 allocations, load 25 % on average."))
        #expect(text.contains("All are asked to take no new allocations."))
        #expect(text.contains { $0.hasPrefix("192.0.2.1:3478  one") && $0.contains("asked") && $0.hasSuffix("  40") })
        #expect(text.contains("and 299 more") && text.contains("answers-rfc8489  7"))
        #expect(!text.joined().contains("\u{1B}") && !text.joined().contains("rfc3489"))
        #expect(!text.contains { $0.contains("is alone") })
        (store.isReached, store.trouble, store.memberCount) = (false, "it is gone", 1)
        #expect(lines().contains { $0.hasPrefix("1 server in the Redis at unix:/r, which does not answer now: ") })
        #expect(lines().contains("it is gone"))
        #expect(lines().contains("This server is alone: other-stun-servers names no others, and redis has none."))
    }

    @Test("A server alone says so, and one without a key that it asks nobody")
    func alone() {
        let own = FleetReport.Server(name: "one", kind: .own, state: "healthy")
        #expect(FleetTable(FleetReport(servers: [own], hasKey: false)).text.contains("This server is alone"))
        let other = FleetReport.Server(name: "two", kind: .peer, state: "unknown")
        let text = FleetTable(FleetReport(servers: [own, other], hasKey: false)).text
        #expect(text.contains("cluster-key is not set"))
    }
}
