import Addresses
import Administration
import Observability
import PacketEngine
import ServerCore
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Many workers: the kernel divides the clients, and what belongs to one client stays with one worker")
struct LiveWorkersTests {
    @Test("Binding requests of many clients come to all workers, and each client's to one")
    func division() async throws {
        let host = try ServerUnderTest("workers: 4\nturn: off\n")
        let clients = try (0..<200).map { _ in try TestClient(bindingTo: .loopback(0)) }
        let request: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 12)
        for _ in 0..<3 {
            for client in clients {
                try client.send(request, to: host.address())
                _ = try client.receive()
            }
        }
        let shares = await host.server.pool.reports().map(\.counters.requests)
        #expect(shares.count == 4 && shares.reduce(0, +) == 600)
        // The kernel draws a worker for each client: that one of four gets fewer than 10 of 200 happens once in 10^14 runs.
        for share in shares { #expect(share >= 30 && share % 3 == 0, "\(shares)") }
    }

    @Test("an allocation's packets, both ways, are relayed by the worker that made it, and none is one of a stranger")
    func affinity() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: 3\n")
        let peer = try TestClient(bindingTo: .loopback(0))
        let clients = try (0..<60).map { _ in try RelayClient(asking: host.address()) }
        let relayed = try clients.map { client in
            let relayed = try client.allocate()
            try client.bind(0x4000, to: peer.local)
            return relayed
        }
        for round in 0..<5 {
            for (index, client) in clients.enumerated() {
                try client.send([UInt8(round), UInt8(index)], by: 0x4000)
                #expect(try peer.receive() == [UInt8(round), UInt8(index)])
                try peer.send([UInt8(index)], to: relayed[index])
                #expect(try client.receive() == [0x40, 0, 0, 1, UInt8(index)])
            }
        }
        let reports = await host.server.pool.reports()
        let lists = await host.server.pool.sessionLists(withPeers: false)
        #expect(lists.count == 3)
        for (report, list) in zip(reports, lists) {
            let count = list.list.entries.count
            #expect(count > 0)
            #expect(report.counters.traffic.packetsToPeers == UInt64(5 * count))
            #expect(report.counters.traffic.packetsToClient == UInt64(5 * count))
            #expect(report.counters.dropped[DropReason.noAllocation.rawValue] == 0)
        }
        #expect(lists.reduce(0) { $0 + $1.list.entries.count } == 60)
        for client in clients { #expect(try client.request(0x0004, [.init(0x000D, [0, 0, 0, 0])]).isSuccess) }
        try await host.server.waitUntil { $0.relay?.sessions == 0 }
    }

    @Test("a reload with another number of workers says that it needs a restart, and keeps those that there are")
    func reload() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: 2\n")
        let client = try RelayClient(asking: host.address())
        try client.allocate()
        try host.rewrite(RelayClient.settings + "workers: 4\npin-workers: on\n")
        try await host.server.reload()
        let status = try await host.server.status()
        #expect(status.workers == 2)
        #expect(status.engine.processors == nil)
        for key in ["workers", "pin-workers"] {
            #expect(
                status.warnings.contains("\(key) has changed and takes effect at the next start"),
                "\(status.warnings)"
            )
        }
        let code = Int(MessageCode.restartNeeded.rawValue)
        let entries = try await host.server.log(LogQuery()).entries.filter { $0.code == code }
        #expect(entries.contains { $0.text.contains("Setting workers ") }, "\(entries)")
        #expect(try client.request(0x0004).isSuccess)
        try host.restart()
        #expect(try await host.server.status().workers == 4)
    }

    @Test(
        "pinned workers stay on processors of their own, serve, and are told; more workers than processors are warned of"
    )
    func pinning() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "pin-workers: on\nworkers: \(Processors.count)\n")
        let processors = try #require(try await host.server.status().engine.processors)
        #expect(Set(processors).count == Processors.count && processors.count == Processors.count)
        let client = try RelayClient(asking: host.address())
        try client.allocate()
        #expect(try await host.server.status().engine.sentence.contains("on processors \(processors[0])"))
        // The thread that made the server runs where it wants, as before.
        let before = Processors.count
        let more = try ServerUnderTest("turn: off\npin-workers: on\nworkers: \(before + 1)\n")
        let status = try await more.server.status()
        #expect(status.engine.processors?.count == before + 1)
        #expect(Set(status.engine.processors ?? []).count == before)
        #expect(status.warnings.contains { $0.contains("pin-workers") && $0.contains("set workers to \(before)") })
        #expect(Processors.count == before)
    }
}
