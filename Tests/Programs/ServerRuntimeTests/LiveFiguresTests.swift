import Addresses
import Administration
import Foundation
import Observability
import PacketEngine
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("The figures of the running server, on loopback")
struct LiveFiguresTests {
    let binding: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]

    @Test("metrics count what has just happened, a running call's bytes too")
    func metrics() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: 2\nrelay-address: 127.0.0.1\n")
        let client = try RelayClient(asking: host.address())
        let peer = try TestClient(bindingTo: .loopback(0))
        let relayed = try client.allocate()
        try client.bind(0x4001, to: peer.local)
        try client.send([UInt8](repeating: 1, count: 300), by: 0x4001)
        _ = try peer.receive()
        try peer.send([1, 2], to: relayed)
        _ = try client.receive()
        let values = try await values(host)
        #expect(values["stund_relayed_bytes_total{to-peers}"] == 300)
        #expect(values["stund_relayed_bytes_total{to-clients}"] == 2)
        #expect(values["stund_turn_granted_total{allocate}"] == 1 && values["stund_allocations"] == 1)
        #expect(values["stund_errors_total{401}"] == 1 && values["stund_turn_enabled"] == 1)
        #expect(values["stund_users"] == 1 && values["stund_workers"] == 2 && values["stund_sources"] == 1)
        let (free, all) = (values["stund_relay_ports_free{ipv4}"] ?? 0, values["stund_relay_ports{ipv4}"] ?? 0)
        #expect(all - free == 1)
        // Two Allocate requests, one ChannelBind, one datagram by the channel.
        #expect(values["stund_request_duration_seconds_count"] == 4)
        #expect(values["stund_request_duration_seconds_bucket{+Inf}"] == 4)
        #expect((values["stund_request_duration_seconds_sum"] ?? 0) > 0)
        let age = Date().timeIntervalSince1970 - (values["process_start_time_seconds"] ?? 0)
        #expect(age > 0 && age < 600)
        #expect((values["stund_log_entries_total{5}"] ?? 0) > 0)
    }

    @Test("the overview tells dialects, what sources show of their NAT, and the causes of refusals")
    func overview() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "relay-address: 127.0.0.1\nworkers: 1\n")
        let client = try TestClient(bindingTo: .loopback(0))
        for port in [host.port1, host.port2] {
            try client.send(binding, to: SocketAddress(host.address().address, port: port))
            _ = try client.receiveFrom()
        }
        let stranger = try RelayClient(asking: host.address(), password: "wrong")
        for _ in 0..<2 { #expect(try stranger.request(0x0003, [RelayClient.udp]).code == 401) }
        await host.server.recordTraffic()
        let overview = try await host.server.overview()
        #expect(overview.dialects.map(\.name) == ["rosenberg", "rfc3489", "rfc8489"])
        #expect((overview.dialects.last?.value ?? 0) >= 5)
        let kinds = Dictionary(uniqueKeysWithValues: overview.natKinds.map { ($0.name, $0.value) })
        #expect(kinds["mapping-port-independent"] == 1 && kinds["unknown"] == 1 && kinds.count == 5)
        let refusal = try #require(overview.refusals.first)
        #expect(refusal.code == 401 && refusal.method == "Allocate" && refusal.count == 2 && refusal.subject == "alice")
        let row = try await host.server.statistics(StatisticsQuery()).rows.first { $0.natKind != nil }
        #expect(row?.natKind == "mapping-port-independent" && row?.dialect == "rfc8489" && row?.keepAlive != nil)
    }

    @Test("a server that runs is ready; one that stops, or whose store is gone, says so and what to do")
    func readiness() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "relay-address: 127.0.0.1\n")
        let ready = await host.server.readiness()
        #expect(ready.isReady && ready.checks.map(\.name) == ["state", "sockets", "store", "relay-ports"])
        try FileManager.default.removeItem(atPath: host.database)
        let gone = await host.server.readiness()
        #expect(!gone.isReady && gone.checks.filter { !$0.isGood }.map(\.name) == ["store"])
        host.server.stop()
        let stopped = await host.server.readiness()
        #expect(Set(stopped.checks.filter { !$0.isGood }.map(\.name)).isSuperset(of: ["state", "sockets"]))
    }

    @Test("without free relay ports it is not ready")
    func portsUsedUp() async throws {
        let range = try RelayRange.free(2)
        let host = try ServerUnderTest(RelayClient.settings + "relay-address: 127.0.0.1\n" + range.setting)
        let clients = try (0..<2).map { _ in try RelayClient(asking: host.address()) }
        for client in clients { try client.allocate() }
        let bad = await host.server.readiness().checks.filter { !$0.isGood }
        #expect(bad.map(\.name) == ["relay-ports"] && bad.first?.text.contains("relay-ports") == true)
    }

    @Test(
        "the self-test asks every listener, also for an answer from port 2, and opens a relay port",
        arguments: [false, true]
    )
    func selfTest(isWildcard: Bool) async throws {
        let settings = RelayClient.settings + "relay-address: 127.0.0.1\nworkers: 2\n"
        let host = try ServerUnderTest(settings, isWildcard: isWildcard)
        let checks = await host.server.selfTest()
        #expect(checks.filter { !$0.isGood } == [])
        let names = checks.map(\.name)
        let first = isWildcard ? "0.0.0.0:\(host.port1)" : "127.0.0.1:\(host.port1)"
        #expect(Set(names).isSuperset(of: [first, first + " change-port", "clock", "store", "relay 127.0.0.1"]))
        #expect(names.count == (isWildcard ? 9 : 6))
        host.server.stop()
        let stopped = await host.server.selfTest().filter { !$0.isGood }
        #expect(stopped.map(\.name).contains(first) && stopped.first?.text.contains("second") == true)
    }

    @Test("a user and a peer are looked at together, and what is no address is refused with an example")
    func explainPeer() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "relay-address: 127.0.0.1\nworkers: 2\n")
        let client = try RelayClient(asking: host.address())
        // Not 127.0.0.1, which is a relay address here.
        let peer = SocketAddress(IPAddress(v4: 0x7F00_0002), port: 9)
        try client.allocate()
        #expect(try client.permit(peer).isSuccess)
        let explanation = try await host.server.explain(user: "alice", peer: "\(peer)")
        #expect(explanation.findings.first?.text.hasPrefix("yes") == true, "\(explanation.findings)")
        #expect(explanation.findings.contains { $0.text.contains("127.0.0.0/8 of allow-peers") })
        #expect(explanation.findings.last?.text == "1 session may exchange packets with 127.0.0.2 now")
        #expect(explanation.sessions.count == 1)
        await #expect(throws: UnreadablePeer.self) { try await host.server.explain(user: nil, peer: "example.org") }
    }

    @Test("a clock that shows a time before 2026 is told")
    func clock() {
        #expect(LiveServer.clockCheck(1_767_225_600).isGood && !LiveServer.clockCheck(1_767_225_599).isGood)
    }

    @Test("at level 8 a message has its words in the log beside its bytes")
    func decoded() async throws {
        let host = try ServerUnderTest("log-level: 8\n")
        let client = try TestClient(connectingTo: host.address())
        try client.send(binding)
        _ = try client.receive()
        let entries = try await host.server.log(LogQuery()).entries
        let words = try #require(entries.first { $0.code == 1006 }?.decoded)
        #expect(words == ["rfc8489 Binding request, 0 bytes after the header, transaction 0102030405060708090a0b0c"])
    }

    /// All samples by name and label values.
    private func values(_ host: ServerUnderTest) async throws -> [String: Double] {
        var values: [String: Double] = [:]
        for family in try await host.server.metrics() {
            for sample in family.samples {
                let labels = sample.labels.map(\.value).joined(separator: ",")
                values[family.name + sample.suffix + (labels.isEmpty ? "" : "{\(labels)}")] = sample.value
            }
        }
        return values
    }
}
