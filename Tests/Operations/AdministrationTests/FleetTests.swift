import Addresses
import ServerSettings
import Synchronization
import Testing

@testable import Administration

@Suite("What servers of a fleet show and change together")
struct FleetTests {
    /// A server that asks these others.
    private func asking(
        _ others: [FleetPlaces.Other],
        patience: Duration = .seconds(20)
    ) throws -> (Fleet, RunningDouble, AdministeredServer) {
        let host = try AdministeredServer()
        host.server.places.withLock {
            $0 = FleetPlaces(ownName: "a", key: FleetHost.key, others: others, asking: [FleetHost.loopback])
        }
        return (Fleet(host.server, patience: patience), host.server, host)
    }

    private func rows(_ ages: [Int], _ address: String) -> StatisticsReport {
        StatisticsReport(
            rows: ages.map { .init(source: "\(address):\($0)", lastAccess: $0, noChange: UInt64($0)) },
            totalSources: ages.count
        )
    }

    @Test("The statistics of all are one table in the order that was asked for, each row with its server")
    func statistics() async throws {
        let (b, c) = (try FleetHost("b"), try FleetHost("c"))
        b.has(rows([2, 5], "192.0.2.2").rows)
        c.has(rows([1, 9], "192.0.2.3").rows)
        let (fleet, server, _) = try asking([b.other(), c.other()])
        server.sourceReport.withLock { $0 = rows([3, 4], "192.0.2.1") }
        var query = StatisticsQuery()
        var table = try await fleet.statistics(query)
        #expect(table.rows.map(\.server) == ["c", "b", "a", "a", "b", "c"])
        #expect(table.rows.map(\.row.lastAccess) == [1, 2, 3, 4, 5, 9])
        #expect((table.totalSources, table.foundSources) == (6, 6) && table.missing.isEmpty)
        (query.offset, query.limit) = (1, 2)
        table = try await fleet.statistics(query)
        #expect(table.rows.map(\.row.lastAccess) == [2, 3])
        for (offset, limit, count) in [(Int.max, Int.max, 0), (5, .max, 1), (.min, .min, 0), (-1, 2, 2)] {
            (query.offset, query.limit) = (offset, limit)
            table = try await fleet.statistics(query)
            #expect(table.rows.count == count, "\(offset), \(limit)")
        }
        query = StatisticsQuery()
        (query.sort, query.isReversed) = (.source, true)
        table = try await fleet.statistics(query)
        #expect(table.rows.map(\.row.source).first == "192.0.2.3:9")
        #expect(table.rows.map(\.row.source).last == "192.0.2.1:3")
    }

    @Test("The sessions of all are one table")
    func sessions() async throws {
        let b = try FleetHost("b")
        b.host.server.sessionReport.withLock { $0 = FakeServer.sessions(rows: 2) }
        let (fleet, server, _) = try asking([b.other()])
        server.sessionReport.withLock { $0 = FakeServer.sessions(rows: 1) }
        let table = try await fleet.sessions(SessionsQuery())
        #expect(table.rows.map(\.server).sorted() == ["a", "b", "b"])
        #expect(table.totalSessions == 2 * FakeServer.sessions(rows: 1).totalSessions)
    }

    @Test("A server that is stuck, dead, of another key or silent is named with the reason, and the others are shown")
    func missing() async throws {
        let (b, stuck, stranger) = (
            try FleetHost("b"), try FleetHost("stuck"), try FleetHost("wrong", key: Array(1...32))
        )
        b.has(rows([2], "192.0.2.2").rows)
        stuck.has([])
        stuck.host.server.isStuck.withLock { $0 = true }
        defer { stuck.host.server.isStuck.withLock { $0 = false } }
        let gone = FleetPlaces.Other(
            name: "gone",
            addresses: [SocketAddress(FleetHost.loopback, port: 1)],
            isAnswering: true
        )
        let (fleet, server, _) = try asking(
            [stuck.other(), b.other(), gone, stranger.other(), b.other(isAnswering: false)],
            patience: .milliseconds(1000)
        )
        server.sourceReport.withLock { $0 = rows([3], "192.0.2.1") }
        let table = try await fleet.statistics(StatisticsQuery())
        #expect(table.rows.map(\.server) == ["b", "a"])
        #expect(table.missing.map(\.server) == ["stuck", "gone", "wrong", "b"])
        let reasons = table.missing.map(\.reason)
        #expect(reasons[0].contains("in time"))
        #expect(reasons[1].contains("TCP port is closed"))
        #expect(reasons[2].contains("cluster-key is another"))
        #expect(reasons[3].contains("heartbeats"))
    }

    @Test(
        "A change of settings goes to the others, but for what belongs to one host, and is in their history with its maker"
    )
    func change() async throws {
        let (b, c) = (try FleetHost("b", settings: "log-level: 5\n"), try FleetHost("c"))
        let (fleet, _, _) = try asking([b.other(), c.other()])
        let change = SettingsChange(["log-level": "7", "stun-port-1": "99", "log-file": "/tmp/x", "http-user": "x"])
        let outcomes = await fleet.apply(change, by: AdministeredServer.admin)
        #expect(outcomes == [.init(server: "b", problem: nil), .init(server: "c", problem: nil)])
        #expect(try b.host.content() == "log-level: 7\n")
        let history = try await b.host.administrator.settingsHistory(limit: 1)
        #expect(history.first?.by == Operator(name: "admin on a", role: .admin, way: .fleet))
        #expect(b.host.told.contains { $0.contains("admin on a") })
    }

    @Test("The name of who changes something is cut to a line of 200 characters")
    func longName() async throws {
        let b = try FleetHost("b", settings: "log-level: 5\n")
        let channel = try b.channel(over: try b.connect())
        let name = "a\n\u{1B}[2J" + String(repeating: "b", count: 5_000)
        #expect(try channel.ask(.change(SettingsChange(["log-level": "7"]), by: name)) == .done)
        let by = try await b.host.administrator.settingsHistory(limit: 1).first?.by?.name ?? ""
        #expect(by.contains("bbb") && by.count <= 220 && !by.unicodeScalars.contains { $0.value < 32 }, "\(by)")
    }

    @Test("Each server looks at a change itself, and what it refuses is told; keys of one host are refused by it too")
    func refusedChange() async throws {
        let b = try FleetHost("b", settings: "log-level: 5\n")
        b.host.server.refuses.withLock { $0 = true }
        let (fleet, _, _) = try asking([b.other()])
        var outcomes = await fleet.apply(SettingsChange(["log-level": "7"]), by: AdministeredServer.admin)
        #expect(outcomes.first?.problem?.contains("the port is taken") == true)
        #expect(try b.host.content() == "log-level: 5\n")
        outcomes = await fleet.apply(SettingsChange(["log-level": "lots"]), by: AdministeredServer.admin)
        #expect(outcomes.first?.problem?.contains("log-level") == true)
        outcomes = await fleet.apply(SettingsChange(["stun-port-1": "9"]), by: AdministeredServer.admin)
        #expect(outcomes.isEmpty)
        let channel = try b.channel(over: try b.connect())
        for key in ["stun-port-1", "http-password-hash", "cluster-key", "other-stun-servers", "no-such-key"] {
            let answer = try channel.ask(.change(SettingsChange([key: "1"]), by: "x"))
            #expect(answer == .refused("\(key): not changed from other servers"))
        }
    }

    @Test("The rows of one server alone are shown by its name, or by an address of it; who is none of them is missing")
    func oneServer() async throws {
        let (b, c) = (try FleetHost("b"), try FleetHost("c"))
        b.has(rows([2], "192.0.2.2").rows)
        c.has(rows([1], "192.0.2.3").rows)
        let (fleet, server, _) = try asking([b.other(), c.other()])
        server.sourceReport.withLock { $0 = rows([3], "192.0.2.1") }
        let place = try #require(c.address)
        for (name, servers) in [("b", ["b"]), ("\(place)", ["c"]), ("a", ["a"]), ("", ["c", "b", "a"])] {
            let table = try await fleet.statistics(StatisticsQuery(), of: name)
            #expect(table.rows.map(\.server) == servers && table.totalSources == servers.count, "\(name)")
        }
        b.host.server.sessionReport.withLock { $0 = FakeServer.sessions(rows: 2) }
        #expect(try await fleet.sessions(SessionsQuery(), of: "b").rows.map(\.server) == ["b", "b"])
        await #expect(throws: AdministrationError("no server of the fleet is called d\\u{1B}", isMissing: true)) {
            try await fleet.statistics(StatisticsQuery(), of: "d\u{1B}")
        }
    }

    // MARK: Drain

    @Test("Another server is drained and taken back, and is told who wanted it and where")
    func drain() async throws {
        let b = try FleetHost("b")
        let (_, own, host) = try asking([b.other()])
        let administrator = host.administrator
        let order = DrainOrder(seconds: 60, stays: true)
        var report = try await administrator.drain(order, on: "b", by: AdministeredServer.admin)
        #expect(report.state == .draining && report.allocations == 3 && report.stays)
        let place = try #require(b.address)
        report = try await administrator.drain(nil, on: "\(place)", by: AdministeredServer.admin)
        #expect(report.state == .serving)
        let who = #""admin on a" (fleet)"#
        #expect(b.host.server.drains.withLock { $0 } == ["drain 60 true by \(who)", "undrain by \(who)"])
        #expect(own.drains.withLock { $0 }.isEmpty)
        _ = try await administrator.drain(DrainOrder(), on: "a", by: AdministeredServer.admin)
        _ = try await administrator.drain(nil, on: "a", by: AdministeredServer.admin)
        let here = #""admin" (console)"#
        #expect(own.drains.withLock { $0 } == ["drain - false by \(here)", "undrain by \(here)"])
    }

    @Test("A server that refuses to drain, is silent, unknown, or one of several of a name is named with the reason")
    func refusedDrain() async throws {
        let (b, c) = (try FleetHost("b"), try FleetHost("twin"))
        b.host.server.refuses.withLock { $0 = true }
        let silent = FleetPlaces.Other(name: "silent", addresses: [], isAnswering: false)
        let (_, _, host) = try asking([b.other(), c.other(), c.other(), silent])
        for (name, reason, isMissing) in [
            ("b", "b: it refused: the port is taken", false),
            ("silent", "silent: it does not answer heartbeats", false),
            ("twin", "several servers are called twin: name one by its address and port", false),
            ("d", "no server of the fleet is called d", true), ("", "no server is named", true),
        ] {
            await #expect(throws: AdministrationError(reason, isMissing: isMissing)) {
                try await host.administrator.drain(DrainOrder(), on: name, by: AdministeredServer.admin)
            }
        }
        let tooLong = DrainOrder(seconds: DrainOrder.longest + 1)
        await #expect(throws: AdministrationError.self) {
            try await host.administrator.drain(tooLong, on: "twin", by: AdministeredServer.admin)
        }
        // The other one looks at it, too, and at the name.
        let channel = try c.channel(over: try c.connect())
        let answer = try channel.ask(.drain(tooLong, by: "x"))
        #expect(answer == .refused("a drain takes at most 2592000 seconds, which are 30 days"))
        #expect(c.host.server.drains.withLock { $0 }.isEmpty)
        _ = try channel.ask(.drain(DrainOrder(), by: String(repeating: "\u{1B}\n", count: 300)))
        let noted = c.host.server.drains.withLock { $0 }
        #expect(noted.count == 1 && !noted[0].contains("\u{1B}") && !noted[0].contains("\n"))
    }
}
