import Addresses
import Administration
import Observability
import ServerCore
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Memory and files of a running server end with 508, and the server tells how far it is")
struct LiveLimitTests {
    private static let one = MemoryCost.allocation + MemoryCost.relaySocket

    private static func settings(_ limit: Int) -> String {
        RelayClient.settings + "memory-limit: \(limit)\nworkers: 2\n"
    }

    @Test("the ceiling holds over all workers; log, explain, status and metrics tell it; a reload raises it")
    func memory() async throws {
        let host = try ServerUnderTest(Self.settings(3 * Self.one + 40))
        let clients = try (0..<6).map { _ in try RelayClient(asking: host.address()) }
        for client in clients.prefix(3) { try client.allocate() }
        for client in clients.suffix(3) { #expect(try client.request(0x0003, [RelayClient.udp]).code == 508) }
        #expect(try clients[0].permit(.loopback(9)).code == 508)

        let memory = try #require(try await host.server.status().relay?.memory)
        #expect(memory.used == 3 * Self.one && memory.limit == 3 * Self.one + 40)
        let about = try await host.server.explain("\(clients[4].socket.local)")
        #expect(about.refusals.first?.cause.contains("memory-limit") == true, "\(about.refusals)")
        #expect(about.findings.contains { $0.text.contains("memory-limit") && $0.cure != nil }, "\(about.findings)")
        let families = try await host.server.metrics()
        func value(_ name: String, _ label: String? = nil) -> Double? {
            let samples = families.first { $0.name == name }?.samples ?? []
            return samples.first { label == nil || $0.labels.first?.value == label }?.value
        }
        #expect(value("stund_memory_used_bytes") == Double(3 * Self.one))
        #expect(value("stund_memory_limit_bytes") == Double(3 * Self.one + 40))
        #expect(value("stund_shortages", "memory") == 4)
        let entries = try await host.server.log(LogQuery()).entries
        let shortage = Int(MessageCode.noPortLeft.rawValue)
        #expect(entries.contains { $0.code == shortage && "\($0)".contains("memory-limit") }, "\(entries)")
        #expect(entries.contains { $0.text.contains("has room for 3 of them") }, "\(entries)")

        try host.rewrite(Self.settings(5 * Self.one))
        try await host.server.reload()
        #expect(try clients[0].permit(.loopback(9)).isSuccess)
        try clients[3].allocate()
        try clients[0].release()
        try await host.server.waitUntil { $0.relay?.memory?.used == 3 * Self.one }
        #expect(try await host.server.explain("alice").findings.allSatisfy { !$0.text.contains("memory-limit") })
    }

    @Test("by default there is room for all relay ports, and both limits are told")
    func defaults() async throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let status = try await host.server.status()
        let files = try #require(status.files)
        #expect(files.open > 4 && files.open <= files.limit && files.relaySockets < files.limit)
        #expect((status.relay?.memory?.limit ?? 0) > 16_384 * Self.one)
        #expect(status.relay?.memory?.used == 0)
    }
}

extension LiveServer {
    /// Waits until the status is as wanted, 30 s at most.
    func waitUntil(_ isWanted: (ServerStatus) -> Bool) async throws {
        for _ in 0..<1500 {
            if isWanted(try await status()) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("the status did not come to be as wanted: \(try await status())")
    }
}
