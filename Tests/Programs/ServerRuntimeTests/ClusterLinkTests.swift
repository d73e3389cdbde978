import Addresses
import Administration
import ClusterCore
import Foundation
import Observability
import STUNAuthentication
import ServerSettings
import Synchronization
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Servers that ask each other how they are, on loopback", .serialized)
struct ClusterLinkTests {
    private static let key = String(repeating: "ab", count: 32)
    private static let otherKey = String(repeating: "cd", count: 32)

    /// A server with these others, by the last number of their loopback addresses.
    private func server(
        _ last: Int,
        others: [Int],
        ports: (UInt16, UInt16),
        key: String? = ClusterLinkTests.key,
        mark: String = ""
    ) throws -> ServerUnderTest {
        try ServerUnderTest(
            settings(last, others: others, ports: ports, key: key, mark: mark),
            isWildcard: true,
            ports: ports
        )
    }

    private func settings(
        _ last: Int,
        others: [Int],
        ports: (UInt16, UInt16),
        key: String?,
        mark: String = ""
    ) -> String {
        let names = others.map { "127.0.0.\($0):\(ports.0)\(mark)" }.joined(separator: " ")
        return "address: 127.0.0.\(last)\nworkers: 2\nother-stun-servers: \(names)\n"
            + (key.map { "cluster-key: \($0)\n" } ?? "")
    }

    /// Two ports that are free on all addresses.
    private func ports() throws -> (UInt16, UInt16) {
        let host = try ServerUnderTest("")
        return (host.port1, host.port2)
    }

    /// What a server says of another, by the last number of its address.
    private func seen(_ host: ServerUnderTest, _ last: Int) async throws -> FleetReport.Server? {
        try await host.server.fleet().servers.dropFirst().first { $0.name.contains("127.0.0.\(last):") }
    }

    /// Waits until a server says so of another.
    private func wait(_ host: ServerUnderTest, sees last: Int, _ state: String) async throws -> FleetReport.Server {
        for _ in 0..<1500 {
            if let other = try await seen(host, last), other.state == state { return other }
            try await Task.sleep(for: .milliseconds(20))
        }
        let last = try await seen(host, last)
        Issue.record("it is not \(state) but \(String(describing: last))")
        throw CancellationError()
    }

    private func log(_ host: ServerUnderTest, _ code: MessageCode) async throws -> [String] {
        var query = LogQuery()
        query.code = Int(code.rawValue)
        return try await host.server.log(query).entries.map(\.text)
    }

    @Test("Two servers find each other healthy, one that is stopped is lost, and taken back when it is there again")
    func lostAndBack() async throws {
        let ports = try ports()
        let first = try server(1, others: [2], ports: ports)
        let second = try server(2, others: [1], ports: ports)
        let found = try await wait(first, sees: 2, "healthy")
        #expect(found.kind == .peer && found.problem == nil && found.load == 0 && found.allocations == 0)
        #expect(found.best?.roundTrip ?? 0 > 0 && found.version == "0.0.0")
        _ = try await wait(second, sees: 1, "healthy")
        second.server.stop()
        let lost = try await wait(first, sees: 2, "lost")
        #expect(lost.problem?.contains("has not answered for") == true)
        try second.restart()
        _ = try await wait(first, sees: 2, "healthy")
        let healthy = try await log(first, .peerHealthy)
        #expect(healthy.count == 2 && healthy[0].contains("127.0.0.2:\(ports.0) answers"))
        let silent = try await log(first, .peerLost)
        #expect(silent.count >= 1 && silent.last?.contains("has not answered for 3 s") == true)
    }

    @Test("All may have the same list: each leaves itself out")
    func itself() async throws {
        let ports = try ports()
        let first = try server(1, others: [1, 2], ports: ports)
        let second = try server(2, others: [1, 2], ports: ports)
        _ = try await wait(first, sees: 1, "itself")
        _ = try await wait(first, sees: 2, "healthy")
        _ = try await wait(second, sees: 2, "itself")
        #expect(first.server.fleetPlaces.others.map(\.addresses.count) == [1])
        #expect(try await log(first, .peerIsItself).count == 1)
        // It stays so: a server answers its own questions.
        for _ in 0..<1500 where try await seen(first, 1)?.best?.pongs ?? 0 < 5 {
            try await Task.sleep(for: .milliseconds(20))
        }
        let later = try await seen(first, 1)
        #expect(later?.state == "itself" && later?.best?.pongs ?? 0 >= 5)
    }

    @Test("With another key, without one, or to a server that does not name the asker, nobody is healthy")
    func strangers() async throws {
        let ports = try ports()
        let first = try server(1, others: [2, 3], ports: ports)
        let second = try server(2, others: [1], ports: ports, key: Self.otherKey)
        let third = try server(3, others: [2], ports: ports)
        for last in [2, 3] {
            let lost = try await wait(first, sees: last, "lost")
            #expect(lost.problem?.contains("its cluster-key is another one") == true)
            #expect(lost.best?.pongs == 0 && lost.version == nil)
        }
        let keyless = try server(4, others: [1], ports: ports, key: nil)
        #expect(try await log(keyless, .otherServersUnused).count == 1)
        _ = try await wait(keyless, sees: 1, "lost")
        #expect(try await seen(keyless, 1)?.problem?.contains("cluster-key is not set") == true)
        #expect(try await keyless.server.fleet().hasKey == false)
        withExtendedLifetime((second, third)) {}
    }

    @Test("A key, and a list, that are changed while the server runs are in force at once")
    func reload() async throws {
        let ports = try ports()
        let first = try server(1, others: [], ports: ports, key: nil)
        let second = try server(2, others: [1], ports: ports)
        #expect(try await first.server.fleet().servers.map(\.kind) == [.own])
        try first.rewrite(settings(1, others: [2], ports: ports, key: Self.key))
        try await first.server.reload()
        _ = try await wait(first, sees: 2, "healthy")
        _ = try await wait(second, sees: 1, "healthy")
        try first.rewrite(settings(1, others: [2], ports: ports, key: Self.otherKey))
        try await first.server.reload()
        _ = try await wait(first, sees: 2, "lost")
        try first.rewrite(settings(1, others: [], ports: ports, key: Self.key))
        try await first.server.reload()
        for _ in 0..<500 where try await first.server.fleet().servers.count > 1 {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await first.server.fleet().servers.count == 1)
    }

    @Test("A server whose clock is a minute apart is not used, and that is said plainly")
    func clocks() async throws {
        let ports = try ports()
        let first = try server(1, others: [3], ports: ports)
        let told = Mutex<[String]>([])
        let views = Mutex<[ClusterView]>([])
        let link = try ClusterLink(
            ClusterLink.Surroundings(
                instance: 99,
                addresses: [IPAddress(v4: 0x7F00_0003)],
                own: { ServerState() },
                publish: { view, _ in views.withLock { $0.append(view) } },
                tell: { code, text in told.withLock { $0.append("\(code.rawValue) \(text)") } },
                unixMilliseconds: { Int64(Date().timeIntervalSince1970 * 1000) - 61_000 }
            )
        )
        defer { link.stop() }
        let entry = try #require(OtherServer("127.0.0.1:\(ports.0)"))
        link.use { orders in
            orders.key = ClusterKey(secret: [UInt8](repeating: 0xAB, count: 32))
            orders.servers = [ResolvedServer(server: entry, v4: IPAddress(v4: 0x7F00_0001), v6: nil, problem: nil)]
        }
        for _ in 0..<500 where told.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(20)) }
        let expected = "its clock is 61 s ahead of ours: requests handed to it would be refused; set both by NTP"
        #expect(told.withLock { $0.first }?.hasPrefix("1132 ") == true)
        #expect(told.withLock { $0.first }?.hasSuffix(expected) == true)
        #expect(views.withLock { $0.last }?.peers.map(\.isHealthy) == [false])
        #expect(FleetFacts(link.findings).servers.first?.problem == expected)
        withExtendedLifetime(first) {}
    }

    @Test(
        "A name that stands for nothing asks nobody, and of one that stands for too many 64 addresses are asked (row 31)"
    )
    func badNames() async throws {
        let views = Mutex<[ClusterView]>([])
        let link = try ClusterLink(
            ClusterLink.Surroundings(
                instance: 99,
                addresses: [IPAddress(v4: 0x7F00_0003)],
                own: { ServerState() },
                publish: { view, _ in views.withLock { $0.append(view) } },
                tell: { _, _ in }
            )
        )
        defer { link.stop() }
        let (none, many) = (try #require(OtherServer("none.test")), try #require(OtherServer("many.test")))
        link.use { orders in
            orders.key = ClusterKey(secret: [1])
            // Nobody is at the discard port of these.
            let addresses = (0..<10_000).map { IPAddress(v4: 0x7F01_0000 + $0) }
            orders.servers =
                [ResolvedServer(server: none, v4: nil, v6: nil, problem: nil)]
                + addresses.map { ResolvedServer(server: many, v4: $0, v6: nil, problem: nil) }
        }
        for _ in 0..<500 where link.findings.membership.links.first?.figures.sent ?? 0 == 0 {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(link.findings.membership.links.count == 64)
        #expect(views.withLock { $0.last }?.peers.count == 64)
        #expect(views.withLock { $0.last }?.peers.contains { $0.isHealthy } == false)
        let servers = FleetFacts(link.findings).servers
        #expect(servers.first { $0.name == "\(none)" }?.problem == "its address is not known yet")
        #expect(servers.last?.problem == "only the first 64 addresses are used")
    }

    @Test("A foreign server is asked as a client asks, and needs no key")
    func classic() async throws {
        let ports = try ports()
        let foreign = try server(2, others: [], ports: ports, key: nil)
        let first = try server(1, others: [2], ports: ports, key: nil, mark: "/classic")
        let found = try await wait(first, sees: 2, "healthy")
        #expect(found.kind == .classic && found.version == nil && found.allocations == nil)
        #expect(first.server.fleetPlaces.others.isEmpty)
        foreign.server.stop()
        _ = try await wait(first, sees: 2, "lost")
    }

    @Test("Another key goes to the workers, though nothing else has changed")
    func otherKey() async throws {
        let keys = Mutex<[ClusterKey?]>([])
        let link = try ClusterLink(
            ClusterLink.Surroundings(
                instance: 99,
                addresses: [],
                own: { ServerState() },
                publish: { _, key in keys.withLock { $0.append(key) } },
                tell: { _, _ in }
            )
        )
        defer { link.stop() }
        let entry = try #require(OtherServer("127.0.0.2:9"))
        link.use { $0.servers = [ResolvedServer(server: entry, v4: IPAddress(v4: 0x7F00_0002), v6: nil, problem: nil)] }
        for _ in 0..<500 where keys.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(20)) }
        link.use { $0.key = ClusterKey(secret: [1]) }
        for _ in 0..<500 where keys.withLock({ $0.last.flatMap { $0 } == nil }) {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(keys.withLock { $0.last.flatMap { $0 } != nil })
    }

    @Test("What answers no question of ours, or with an error, is no answer of a foreign server (attacks row 31)")
    func forgedClassic() async throws {
        let foreign = try TestClient(bindingTo: SocketAddress(IPAddress(v4: 0x7F00_0002), port: 0))
        let link = try ClusterLink(
            ClusterLink.Surroundings(
                instance: 99,
                addresses: [IPAddress(v4: 0x7F00_0003)],
                own: { ServerState() },
                publish: { _, _ in },
                tell: { _, _ in }
            )
        )
        defer { link.stop() }
        let entry = try #require(OtherServer("127.0.0.2:\(foreign.local.port)/classic"))
        link.use {
            $0.servers = [ResolvedServer(server: entry, v4: foreign.local.address, v6: nil, problem: nil)]
        }
        let asked = try foreign.receiveFrom()
        let id = asked.bytes[4..<20]
        func answer(_ type: UInt8, _ id: some Sequence<UInt8>, port: UInt8) -> [UInt8] {
            [1, type, 0, 12] + id + [0, 5, 0, 8, 0, 1, 0, port, 192, 0, 2, 1]
        }
        try foreign.send(answer(1, id.map { $0 ^ 1 }, port: 1), to: asked.source)
        try foreign.send(answer(0x11, id, port: 2), to: asked.source)
        try foreign.send(answer(1, id, port: 3), to: asked.source)
        for _ in 0..<500 where link.findings.membership.links.first?.figures.received ?? 0 == 0 {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(link.findings.membership.links.first?.said.port2 == 3)
    }

    @Test("A drain is told to the others")
    func drain() async throws {
        let ports = try ports()
        let first = try server(1, others: [2], ports: ports)
        let second = try server(2, others: [1], ports: ports)
        _ = try await wait(first, sees: 2, "healthy")
        second.server.cluster.drain(true)
        let found = try await wait(first, sees: 2, "draining")
        #expect(found.isDraining && found.isUsable)
        #expect(try await second.server.fleet().servers.first?.state == "draining")
    }

    @Test("One server shows the statistics of both")
    func statistics() async throws {
        let ports = try ports()
        let first = try server(1, others: [2], ports: ports)
        let second = try server(2, others: [1], ports: ports)
        let administrator = try Administrator(
            second.server,
            settingsFrom: second.sources,
            database: second.database
        )
        let listener = FleetListener(administrator)
        defer { listener.stop() }
        let client = try TestClient(connectingTo: SocketAddress(IPAddress(v4: 0x7F00_0002), port: ports.0))
        try client.send([0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + (0..<12).map { $0 })
        _ = try client.receive()
        _ = try await wait(first, sees: 2, "healthy")
        _ = try await wait(second, sees: 1, "healthy")
        let table = try await Fleet(first.server).statistics(StatisticsQuery())
        #expect(table.missing.isEmpty)
        #expect(table.rows.contains { $0.server == "127.0.0.2:\(ports.0)" && $0.row.source == "\(client.local)" })
    }

    @Test("Load is that of what is scarcest, in thousandths")
    func load() {
        #expect(ClusterService.load([]) == 0)
        #expect(ClusterService.load([(0, 100), (0, 16384)]) == 0)
        #expect(ClusterService.load([(50, 100), (50, 16384)]) == 500)
        #expect(ClusterService.load([(100, 100)]) == 1000)
        #expect(ClusterService.load([(5, 0)]) == 1000)
        #expect(ClusterService.load([(1_000_000, 1)]) == .max)
    }

    @Test("A version is three numbers, and what is none is 0.0.0")
    func version() {
        for (text, expected) in [
            ("0.1.0", "0.1.0"), ("12.3.4-rc1", "12.3.4"), ("test", "0.0.0"), ("999.1", "0.1.0"), ("", "0.0.0"),
        ] {
            var state = ServerState()
            state.version = ServerState.version(text)
            #expect(state.versionText == expected)
        }
    }
}
