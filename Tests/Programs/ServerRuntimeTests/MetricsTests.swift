import Administration
import Foundation
import Observability
import Testing

@testable import ServerCore
@testable import ServerRuntime

@Suite("The figures for Prometheus")
struct MetricsTests {
    private let facts = MetricFacts(
        version: "1.2",
        startTime: 1_764_000_000.5,
        workers: 2,
        totals: PoolTotals([]),
        sources: 0,
        relay: MetricFacts.Relay(memory: ServerStatus.Memory(used: 0, limit: 5)),
        logEntries: LogLevel.allCases.map { ($0, 0) },
        certificate: (expiry: 1_790_000_000, taken: 0, refused: 0),
        peers: (1...2).map { last in
            FleetReport.Server(
                name: "stun.example.org:3478",
                kind: .peer,
                state: last == 1 ? "healthy" : "lost",
                addresses: [
                    .init(
                        address: "192.0.2.\(last):3478",
                        state: "healthy",
                        roundTrip: 0.25,
                        loss: 0.5,
                        clockDifference: -3
                    )
                ]
            )
        },
        store: (isReached: true, members: 3, allocations: 12),
        process: ProcessFigures.now()
    )
    private var families: [MetricFamily] { facts.families }

    @Test("each label value is there before anything has happened")
    func zeros() {
        func count(_ name: String) -> Int { families.first { $0.name == name }?.samples.count ?? 0 }
        #expect(count("stund_requests") == 3 && count("stund_answers") == 3 && count("stund_turn_granted") == 6)
        #expect(count("stund_errors") == 21 && count("stund_drops") == 27 && count("stund_log_entries") == 10)
        #expect(count("stund_send_failures") == 12)
        #expect(count("stund_handed_over") == 2 && count("stund_shortages") == 9)
        #expect(count("stund_memory_used_bytes") == 1 && count("stund_memory_limit_bytes") == 1)
        #expect(count("stund_relay_ports") == 2 && count("stund_relay_ports_free") == 2)
        #expect(count("stund_request_duration_seconds") == 16)
        let counters = families.filter { $0.kind == .counter && $0.name != "process_cpu_seconds" }
        for sample in counters.flatMap(\.samples) { #expect(sample.value == 0.0) }
    }

    @Test("names follow OpenMetrics 1.0: units at the end, _total for counters, each family once")
    func names() {
        #expect(Set(families.map(\.name)).count == families.count)
        for family in families {
            if let unit = family.unit { #expect(family.name.hasSuffix("_" + unit)) }
            #expect(family.help.hasSuffix("."))
            let suffixes = Set(family.samples.map(\.suffix))
            switch family.kind {
            case .counter: #expect(suffixes == ["_total"])
            case .gauge: #expect(suffixes == [""])
            case .info: #expect(suffixes == ["_info"])
            case .histogram: #expect(suffixes == ["_bucket", "_sum", "_count"])
            }
        }
    }

    @Test("another server has one sample of each family, even where one name stands for two")
    func peers() {
        func values(_ name: String) -> [String: Double] {
            let samples = families.first { $0.name == name }?.samples ?? []
            return Dictionary(samples.map { ($0.labels.first?.value ?? "", $0.value) }) { _, _ in -1 }
        }
        let second = "stun.example.org:3478 192.0.2.2:3478"
        #expect(values("stund_cluster_peer_up") == ["stun.example.org:3478": 1, second: 0])
        #expect(values("stund_cluster_peer_rtt_seconds") == ["stun.example.org:3478": 0.25, second: 0.25])
        #expect(values("stund_cluster_peer_clock_seconds") == ["stun.example.org:3478": -3, second: -3])
        #expect(values("stund_cluster_peer_loss_ratio") == ["stun.example.org:3478": 0.5, second: 0.5])
    }

    @Test("the store of the fleet is told of where there is one")
    func store() {
        func values(_ facts: MetricFacts) -> [[Double]] {
            let families = facts.families
            return ["stund_store_up", "stund_store_servers", "stund_store_allocations"].map { name in
                families.first { $0.name == name }?.samples.map(\.value) ?? [-1]
            }
        }
        #expect(values(facts) == [[1], [3], [12]])
        var alone = facts
        alone.store = nil
        #expect(values(alone) == [[], [], []])
    }

    @Test("the certificate's end is told of where there is one")
    func certificate() {
        func values(_ facts: MetricFacts) -> [Double]? {
            facts.families.first { $0.name == "stund_tls_certificate_expiry_timestamp_seconds" }?.samples.map(\.value)
        }
        #expect(values(facts) == [1_790_000_000])
        var alone = facts
        alone.certificate.expiry = nil
        #expect(values(alone) == [])
    }

    @Test("no label names a user or an address: there are a few values of each, known beforehand")
    func labels() {
        let labels = Set(families.flatMap(\.samples).flatMap(\.labels).map(\.name))
        #expect(
            labels == [
                "dialect", "method", "code", "reason", "socket", "direction", "family", "level", "le", "version",
                "peer", "cause", "result", "stage", "draft", "error",
            ]
        )
    }

    @Test("request times fall into the buckets of their bounds, and those are the ones that le names")
    func times() {
        var times = RequestTimes()
        times.count(3, nanoseconds: 10_000)
        times.count(1, nanoseconds: 10_001)
        times.count(2, nanoseconds: 99_999_999)
        times.count(4, nanoseconds: 5_000_000_000)
        var counts = [UInt64](repeating: 0, count: 14)
        (counts[0], counts[1], counts[12], counts[13]) = (3, 1, 2, 4)
        #expect(times.counts.indices.map { times.counts[$0] } == counts)
        #expect(times.sum == 30_000 + 10_001 + 2 * 99_999_999 + 20_000_000_000)
        let bounds = RequestTimes.bounds
        #expect(RequestTimes.boundTexts.compactMap(Double.init) == bounds.indices.map { Double(bounds[$0]) / 1e9 })
        var sum = times
        sum.add(times)
        #expect(sum.counts[13] == 8 && sum.sum == 2 * times.sum)
    }

    @Test("the process's figures are read from a line with any program name in it")
    func process() throws {
        let line = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 3 0 100 8192 25 18446744073709551615"
        let figures = ProcessFigures(stat: line, openFiles: 3, ticksPerSecond: 100, pageSize: 4096)
        #expect(figures?.cpuSeconds == 2.0)
        #expect(figures?.virtualBytes == 8192.0 && figures?.residentBytes == 102_400.0)
        for bad in ["", "7 (x) S 1", ")", "7 (x) " + String(repeating: "z ", count: 30)] {
            #expect(ProcessFigures(stat: bad, openFiles: 0, ticksPerSecond: 100, pageSize: 1) == nil)
        }
        let own = try #require(ProcessFigures.now())
        #expect(own.residentBytes > 1_000_000 && own.openFiles > 2 && own.virtualBytes > own.residentBytes)
    }

    @Test("docs/metrics.md lists every family, and dashboard and rules ask for no other")
    func documented() throws {
        let names = Set(families.map(\.name))
        let listed = try text("docs/metrics.md").matches(of: /^\| `([a-z_]+)` \|/.anchorsMatchLineEndings())
        #expect(Set(listed.map { String($0.1) }) == names)
        let samples = Set(families.flatMap { family in family.samples.map { family.name + $0.suffix } })
        for file in ["deploy/grafana-dashboard.json", "deploy/prometheus-rules.yml"] {
            let used = Set(try text(file).matches(of: /\b(?:stund|process)_[a-z_]+\b/).map { String($0.0) })
            #expect(used.count > 5 && used.subtracting(samples) == [], "\(file)")
            let ofFleet: Set = [
                "stund_cluster_peer_up", "stund_cluster_peer_clock_seconds", "stund_draining", "stund_redirects_total",
            ]
            #expect(used.isSuperset(of: ofFleet), "\(file)")
        }
    }

    private func text(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
