import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Statistics: the manual's rows, newest first, bounded")
struct StatisticsTests {
    var harness = ServerHarness(policy: .twoAddresses)

    @Test("each request counts in one column; both flags count as Change IP; Hits is the sum")
    mutating func columns() {
        for dialect in Dialect.allCases {
            harness.server.clearSources()
            for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
                _ = harness.send(Wire.message(as: dialect, [.change(ip: ip, port: port, as: dialect)]))
            }
            _ = harness.send(Wire.message(as: dialect, [.unknown]))
            _ = harness.send([1, 2, 3])
            #expect(harness.row?.noChange == 1)
            #expect(harness.row?.changeIP == 2)
            #expect(harness.row?.changePort == 1)
            #expect(harness.row?.error == 2)
            #expect(harness.row?.hits == 6)
        }
    }

    @Test("indications are hits, not errors; responses and noise are errors")
    mutating func kinds() {
        _ = harness.send(Wire.message(0x0011, as: .cookie))
        #expect(harness.row?.noChange == 1)
        #expect(harness.row?.error == 0)
        _ = harness.send(Wire.message(0x0101, as: .cookie))
        _ = harness.send(Wire.message(0x0003, as: .cookie))
        _ = harness.send([])
        #expect(harness.row?.error == 3)
    }

    @Test("rows come newest first, with the time of the last access")
    mutating func order() {
        for port in [1, 2, 3, 1, 2] as [UInt16] {
            harness.now = Instant(nanoseconds: harness.now.nanoseconds + 1_000)
            _ = harness.send(Wire.message(as: .cookie), from: SocketAddress(.server, port: port))
        }
        let rows = harness.server.sources.newestFirst
        #expect(rows.map(\.source.port) == [2, 1, 3])
        #expect(rows.map(\.hits) == [2, 2, 1])
        #expect(rows.map { harness.now.nanoseconds - $0.lastAccess.nanoseconds } == [0, 1_000, 2_000])
    }

    @Test("no more than 100 sources are remembered, and the longest silent one gives way")
    mutating func bound() {
        for port in UInt16(1)...250 {
            _ = harness.send(Wire.message(as: .cookie), from: SocketAddress(.server, port: port))
        }
        #expect(harness.server.sources.newestFirst.map(\.source.port) == (UInt16(151)...250).reversed())
    }

    @Test("a table of another size keeps the newest rows as they are")
    mutating func resized() {
        for port in UInt16(1)...10 {
            _ = harness.send(Wire.message(as: .cookie), from: SocketAddress(.server, port: port))
        }
        let before = harness.server.sources.newestFirst
        harness.server.policy.statisticsRows = 4
        #expect(harness.server.sources.newestFirst == Array(before.prefix(4)))
        harness.server.policy.statisticsRows = 6
        _ = harness.send(Wire.message(as: .cookie), from: SocketAddress(.server, port: 99))
        #expect(harness.server.sources.newestFirst.map(\.source.port) == [99, 10, 9, 8, 7])
        harness.server.policy.statisticsRows = 0
        #expect(harness.server.sources.newestFirst.map(\.source.port) == [99])
        harness.server.clearSources()
        #expect(harness.server.sources.newestFirst.isEmpty)
    }

    @Test("50,000 random messages keep rows, order and eviction as in a simple model", arguments: [1, 2, 7, 100])
    func model(capacity: Int) throws {
        var generator = SeededGenerator.announced("statistics of \(capacity)")
        var table = SourceTable(capacity: capacity, seed: generator.next())
        var model: [ModelRow] = []
        for step in UInt64(1)...50_000 {
            if generator.next() % 10_000 == 0 {
                table.removeAll()
                model.removeAll()
            }
            let source = SocketAddress(
                IPAddress(v4: UInt32.random(in: 0..<16, using: &generator)),
                port: UInt16.random(in: 0..<UInt16(capacity), using: &generator)
            )
            let column = Int.random(in: 0..<4, using: &generator)
            table.count(
                [.noChange, .changeIP, .changePort, .error][column],
                from: source,
                now: Instant(nanoseconds: step)
            )
            let found = model.firstIndex { $0.source == source }
            var row = found.map { model.remove(at: $0) } ?? ModelRow(source: source)
            row.at = step
            row.counts[column] += 1
            model.insert(row, at: 0)
            if model.count > capacity { model.removeLast() }
            guard step % 97 == 0 || step < 500 else { continue }
            let rows = table.newestFirst
            try #require(rows.map(\.source) == model.map(\.source))
            #expect(rows.map(\.lastAccess.nanoseconds) == model.map(\.at))
            #expect(rows.map { [$0.noChange, $0.changeIP, $0.changePort, $0.error] } == model.map(\.counts))
        }
    }

    struct ModelRow {
        let source: SocketAddress
        var at: UInt64 = 0
        var counts: [UInt64] = [0, 0, 0, 0]
    }

    @Test("rows and counters of several workers add up")
    mutating func adding() {
        _ = harness.send(Wire.message(as: .cookie))
        _ = harness.send([1])
        var other = harness
        other.now = Instant(nanoseconds: harness.now.nanoseconds + 5)
        _ = other.send(Wire.message(as: .classic, [.change(port: true, as: .classic)]))
        guard let first = harness.row, let second = other.row else {
            Issue.record("no rows")
            return
        }
        let row = first.adding(second)
        #expect([row.noChange, row.changeIP, row.changePort, row.error, row.hits] == [2, 0, 1, 2, 5])
        #expect(row.lastAccess == other.now)
        var counters = harness.server.counters
        counters.add(other.server.counters)
        let named = Dictionary(uniqueKeysWithValues: counters.named.map { ($0.name, $0.value) })
        #expect(named.count == counters.named.count, "each name once")
        let expected: [String: UInt64] = [
            "requests-rfc8489": 2, "requests-rfc3489": 1, "answers-rfc8489": 2, "answers-rfc3489": 1,
            "drops-not-stun": 2,
        ]
        #expect(named.filter { $0.value > 0 } == expected)
    }

    @Test("each refusal has its own counter")
    mutating func refusals() {
        _ = harness.send(Wire.message(as: .cookie, [.init(0x27, [])]))
        for _ in 0..<2 { _ = harness.send(Wire.message(as: .cookie, [.unknown])) }
        for _ in 0..<3 { _ = harness.send(Wire.message(0x0002, as: .classic)) }
        let errors = harness.server.counters.named.filter { $0.name.hasPrefix("errors-") && $0.value > 0 }
        #expect(errors.map(\.name) == ["errors-400", "errors-420", "errors-433"])
        #expect(errors.map(\.value) == [1, 2, 3])
    }
}
