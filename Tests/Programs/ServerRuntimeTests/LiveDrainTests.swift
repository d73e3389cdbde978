import Addresses
import Administration
import ClusterCore
import Foundation
import Observability
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("A server that drains, on loopback", .timeLimit(.minutes(2)))
struct LiveDrainTests {
    private static let settings = RelayClient.settings + "relay-address: 127.0.0.1\nworkers: 2\n"

    /// A server at which a client has an allocation.
    private func occupied(_ more: String = "") throws -> (host: ServerUnderTest, client: RelayClient) {
        let host = try ServerUnderTest(Self.settings + more)
        let client = try RelayClient(asking: host.address())
        try client.allocate()
        return (host, client)
    }

    /// The messages of a number, in words.
    private func told(_ code: Int, by host: ServerUnderTest) async throws -> [String] {
        var query = LogQuery()
        query.code = code
        return try await host.server.log(query).entries.map(\.text)
    }

    /// Waits for the next end of a drain.
    private func end(of host: ServerUnderTest) async {
        for await _ in host.server.drainsEnded { return }
    }

    @Test("new allocations are refused with 508 on every worker, what lives goes on, and its end ends the drain")
    func drain() async throws {
        let (host, client) = try occupied()
        let report = try await host.server.drain(DrainOrder(), by: "somebody")
        #expect(report.state == .draining && report.allocations == 1 && report.until == nil && !report.stays)
        for _ in 0..<8 {
            let other = try RelayClient(asking: host.address())
            #expect(try other.request(0x0003, [RelayClient.udp]).code == 508)
        }
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.bind(0x4007, to: peer.local)
        try client.send([1, 2, 3], by: 0x4007)
        #expect(try peer.receive() == [1, 2, 3])
        #expect(try await host.server.status().drain?.allocations == 1)
        let readiness = await host.server.readiness()
        #expect(!readiness.isReady && readiness.checks.filter { !$0.isGood }.map(\.name) == ["state"])
        #expect(readiness.checks.first?.text.contains("takes no new allocations") == true)
        #expect(try await gauge("stund_draining", of: host) == 1)
        let about = try await host.server.explain("alice")
        #expect(about.findings.contains { $0.topic == "server" && $0.cure?.contains("--cancel") == true })
        #expect(about.refusals.first?.code == 508 && about.refusals.first?.cause.contains("the server drains") == true)
        let began = try await told(1124, by: host)
        #expect(
            began.count == 1 && began.first?.contains("somebody asked for it; 1 allocation left") == true,
            "\(began)"
        )
        try client.release()
        await end(of: host)
        let ended = try await told(1125, by: host)
        #expect(ended == ["Drain ended: no allocation is left; the server ends"], "\(ended)")
    }

    @Test("a drain is taken back, and then new clients are served again and nothing ends")
    func cancelled() async throws {
        let (host, client) = try occupied()
        _ = try await host.server.drain(DrainOrder(seconds: 3600), by: "a")
        #expect(try await host.server.status().drain?.until != nil)
        #expect(try await host.server.undrain(by: "b") == DrainReport(state: .serving, allocations: 1))
        #expect(try await host.server.status().drain == nil)
        #expect(await host.server.readiness().isReady)
        #expect(try await gauge("stund_draining", of: host) == 0)
        for _ in 0..<8 { try RelayClient(asking: host.address()).allocate() }
        try client.release()
        #expect(try await told(1125, by: host).first?.contains("b took it back") == true)
        // A second time there is nothing to take back, and nothing to tell.
        _ = try await host.server.undrain(by: "b")
        #expect(try await told(1125, by: host).count == 1)
    }

    @Test("the deadline ends a drain whatever is left, and a second order replaces the first")
    func deadline() async throws {
        let (host, client) = try occupied()
        _ = try await host.server.drain(DrainOrder(seconds: 3600), by: "a")
        _ = try await host.server.drain(DrainOrder(seconds: 0), by: "a")
        await end(of: host)
        #expect(try await told(1125, by: host).first?.contains("its time is over, and 1 allocation ends now") == true)
        #expect(try client.request(0x0004).isSuccess, "the process ends it, and not the drain")
    }

    @Test(
        "a server that is to stay ends what is left at the deadline, and goes on refusing until somebody takes it back"
    )
    func staying() async throws {
        let (host, client) = try occupied()
        _ = try await host.server.drain(DrainOrder(seconds: 0, stays: true), by: "a")
        while try await host.server.status().drain?.state != .drained { try await Task.sleep(for: .milliseconds(20)) }
        #expect(try client.request(0x0004).code == 437)
        let other = try RelayClient(asking: host.address())
        #expect(try other.request(0x0003, [RelayClient.udp]).code == 508)
        #expect(await !host.server.readiness().isReady)
        _ = try await host.server.undrain(by: "a")
        try other.allocate()
    }

    @Test("SIGTERM waits for what lives, and not at all without allocations or with drain-time: 0")
    func termination() async throws {
        let empty = try ServerUnderTest(Self.settings)
        #expect(await !empty.server.drainToEnd())
        let (hasty, _) = try occupied("drain-time: 0\n")
        #expect(await !hasty.server.drainToEnd())
        let (host, client) = try occupied("drain-time: 86400\n")
        _ = try await host.server.drain(DrainOrder(seconds: 7200), by: "a")
        let earlier = try await host.server.status().drain?.until
        #expect(await host.server.drainToEnd())
        let drain = try await host.server.status().drain
        #expect(drain?.until == earlier, "what was ordered before ends sooner")
        await #expect(throws: AdministrationError.self) { try await host.server.undrain(by: "b") }
        await #expect(throws: AdministrationError.self) { try await host.server.drain(DrainOrder(), by: "b") }
        try client.release()
        await end(of: host)
    }

    @Test(
        "a client that follows ALTERNATE-SERVER gets its allocation at the other server, and no other of the two does"
    )
    func redirected() async throws {
        let (first, second) = (try ServerUnderTest(Self.settings), try ServerUnderTest(Self.settings))
        first.server.pool.adopt(view(of: second), trust: nil)
        _ = try await first.server.drain(DrainOrder(stays: true), by: "a")
        let client = try RelayClient(asking: first.address())
        let answer = try client.request(0x0003, [RelayClient.udp])
        #expect(answer.code == 300)
        let port = Wire.bytes(second.port1)
        #expect(answer.attributes[0x8023] == [0, 1, port[0], port[1], 127, 0, 0, 1])
        try RelayClient(asking: second.address(), from: client.socket.local.port(0)).allocate()
        #expect(try await second.server.sessions(SessionsQuery()).totalSessions == 1)
        #expect(try await first.server.sessions(SessionsQuery()).totalSessions == 0)
        let families = try await first.server.metrics()
        let redirects = families.first { $0.name == "stund_redirects" }?.samples.map(\.value)
        #expect(redirects == [1, 0])
        let refusals = try await first.server.explain("alice").refusals
        #expect(refusals.first?.code == 300 && refusals.first?.cause.contains("\(second.address())") == true)
    }

    @Test("over redirect-at the server that has less to do is named, and with none the client is served")
    func loaded() async throws {
        let settings = Self.settings + "max-allocations: 10\nredirect-at: 20\n"
        let (first, second) = (try ServerUnderTest(settings), try ServerUnderTest(settings))
        first.server.pool.adopt(view(of: second), trust: nil)
        for _ in 0..<2 { try RelayClient(asking: first.address()).allocate() }
        #expect(first.server.allocationsLeft == 2)
        let third = try RelayClient(asking: first.address())
        #expect(try third.request(0x0003, [RelayClient.udp]).code == 300)
        first.server.pool.adopt(view(of: second) { $0.isHealthy = false }, trust: nil)
        // Each worker has read its mailbox when it has answered.
        _ = await first.server.readiness()
        #expect(try third.request(0x0003, [RelayClient.udp]).isSuccess)
    }

    @Test(
        "turnutils_uclient, coturn's client, follows ALTERNATE-SERVER to the other server",
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: "/usr/bin/turnutils_uclient"),
            "needs Debian's coturn"
        )
    )
    func coturnClient() async throws {
        let settings = Self.settings + "rfc5766-channels: on\n"
        let (first, second) = (try ServerUnderTest(settings), try ServerUnderTest(settings))
        first.server.pool.adopt(view(of: second), trust: nil)
        _ = try await first.server.drain(DrainOrder(stays: true), by: "a")
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/turnutils_uclient")
        client.arguments = [
            "-y", "-c", "-n", "2", "-p", "\(first.port1)", "-u", "alice", "-w", RelayClient.password, "127.0.0.1",
        ]
        let output = Pipe()
        client.standardOutput = output
        client.standardError = output
        try client.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        client.waitUntilExit()
        let made = try await second.server.metrics().first { $0.name == "stund_turn_granted" }?.samples.first?.value
        #expect((made ?? 0) >= 2, "\(text)")
        #expect(try await first.server.sessions(SessionsQuery()).totalSessions == 0)
        #expect(text.contains("Total lost packets 0 (0.000000%)"), "\(text)")
    }

    /// What a server knows of another one that is healthy, unless `change` says otherwise.
    private func view(of other: ServerUnderTest, _ change: (inout ClusterPeer) -> Void = { _ in }) -> ClusterView {
        let address = other.address()
        var peer = ClusterPeer(
            id: 0,
            kind: .sealed,
            v4: PeerEndpoints(address: address.address, port1: address.port),
            v6: nil,
            isHealthy: true
        )
        change(&peer)
        return ClusterView(peers: [peer], own: ServerState())
    }

    private func gauge(_ name: String, of host: ServerUnderTest) async throws -> Double? {
        try await host.server.metrics().first { $0.name == name }?.samples.first?.value
    }
}

extension SocketAddress {
    fileprivate func port(_ port: UInt16) -> SocketAddress { SocketAddress(address, port: port) }
}
