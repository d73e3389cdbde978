import AccountStore
import Addresses
import Administration
import Foundation
import Observability
import ServerSettings
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Quotas, ends and restarts of the relay, on loopback")
struct LiveRelayLimitTests {
    @Test("when all relay ports are in use it is 508, and the first that is free is had at once")
    func exhaustion() async throws {
        let range = try RelayRange.free(2)
        let host = try ServerUnderTest(RelayClient.settings + range.setting + "workers: 2\n")
        let clients = try (0..<3).map { _ in try RelayClient(asking: host.address()) }
        let first = try clients[0].allocate()
        try clients[1].allocate()
        for _ in 0..<3 { #expect(try clients[2].request(0x0003, [RelayClient.udp]).code == 508) }
        #expect(try await host.server.status().relay?.addresses.map(\.portsFree) == [0])
        try clients[0].release()
        #expect(try clients[2].allocate() == first)
        let about = try await host.server.explain("\(clients[2].socket.local)")
        #expect(about.refusals.map(\.code) == [508] && about.refusals.first?.count == 3)
    }

    @Test("a user at the limit of allocations gets 486, a server at its own 508, over all workers")
    func allocations() throws {
        let users = "turn-users: alice:\(RelayClient.password) bob:\(RelayClient.password)\n"
        let host = try ServerUnderTest(users + "user-allocations: 2\nmax-allocations: 3\nworkers: 2\n")
        let alice = try (0..<3).map { _ in try RelayClient(asking: host.address()) }
        let bob = try (0..<2).map { _ in try RelayClient(asking: host.address(), user: "bob") }
        for client in [alice[0], alice[1], bob[0]] { try client.allocate() }
        #expect(try alice[2].request(0x0003, [RelayClient.udp]).code == 486)
        #expect(try bob[1].request(0x0003, [RelayClient.udp]).code == 508)
        try alice[0].release()
        try bob[1].allocate()
        #expect(try alice[2].request(0x0003, [RelayClient.udp]).code == 508)
    }

    @Test("the bytes of the month are counted, hold over a restart, and end with 486")
    func monthlyBytes() async throws {
        let settings = RelayClient.settings + "user-monthly-bytes: 5000\nworkers: 2\n"
        let host = try ServerUnderTest(settings)
        let client = try RelayClient(asking: host.address())
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.bind(0x4000, to: peer.local)
        for _ in 0..<3 {
            try client.send([UInt8](repeating: 1, count: 1000), by: 0x4000)
            _ = try peer.receive()
            try peer.send([UInt8](repeating: 1, count: 1000), to: relayed)
            _ = try client.receive()
        }
        try client.release()
        #expect(try client.request(0x0003, [RelayClient.udp]).code == 486)
        try host.restart()
        #expect(try client.request(0x0003, [RelayClient.udp]).code == 486)
        let about = try await host.server.explain("alice")
        let refusal = try #require(about.refusals.first)
        #expect(refusal.code == 486 && refusal.cause.contains("5000"), "\(refusal)")
        try host.rewrite(RelayClient.settings + "user-monthly-bytes: 7000\nworkers: 2\n")
        try await host.server.reload()
        try client.allocate()
    }

    @Test("a user beyond the bandwidth loses packets, both ways together, and no other user does")
    func bandwidth() async throws {
        let users = "turn-users: alice:\(RelayClient.password) bob:\(RelayClient.password)\n"
        // The smallest burst is 65,536 bytes: 65 packets of 1000 go through, and one more each second.
        let host = try ServerUnderTest(users + "allow-peers: 127.0.0.0/8\nuser-bandwidth: 1000\n")
        for name in ["alice", "bob"] {
            let peer = try TestClient(bindingTo: .loopback(0))
            let client = try RelayClient(asking: host.address(), user: name)
            let relayed = try client.allocate()
            try client.bind(0x4000, to: peer.local)
            for number in 0..<100 {
                let data = [UInt8](repeating: UInt8(number), count: 1000)
                let isToPeer = number % 2 == 0
                if isToPeer { try client.send(data, by: 0x4000) } else { try peer.send(data, to: relayed) }
                if number < 60 { #expect(try (isToPeer ? peer.receive() : client.receive()).last == UInt8(number)) }
            }
            // All of it has been handled when this is answered.
            try client.release()
        }
        let drops = try await host.counter("drops-over-quota") ?? 0
        #expect((20...70).contains(drops), "\(drops)")
    }

    @Test("a stop closes the sockets of all allocations and reservations, and what they used is written down")
    func stop() throws {
        let range = try RelayRange.free(16)
        var host: ServerUnderTest? = try ServerUnderTest(RelayClient.settings + range.setting + "workers: 2\n")
        let address = try #require(host?.address())
        let clients = try (0..<6).map { _ in try RelayClient(asking: address) }
        for client in clients.dropFirst() { try client.allocate() }
        let answer = try clients[0].request(0x0003, [RelayClient.udp, .init(0x0018, [0x80])])
        #expect(answer.isSuccess)
        #expect(range.free == 9)
        host?.server.stop()
        // The reserved port's socket waits in the table.
        #expect(range.free == 15)
        host = nil
        #expect(range.free == 16)
    }

    @Test("a client goes on with its nonce after a restart where nonce-key is set, and gets a new one where not")
    func nonceKey() throws {
        for key in ["nonce-key: \(String(repeating: "5a", count: 32))\n", ""] {
            let host = try ServerUnderTest(RelayClient.settings + key)
            let client = try RelayClient(asking: host.address())
            try client.allocate()
            try host.restart()
            try client.allocate()
            #expect(client.staleNonces == (key.isEmpty ? 1 : 0), "\(key)")
        }
    }

    @Test("a relay-address that this host does not have refuses the start, with the address and the key")
    func foreignRelayAddress() throws {
        let error = #expect(throws: StartError.self) {
            try ServerUnderTest(RelayClient.settings + "relay-address: 192.0.2.1\n")
        }
        #expect(error?.code == .settingsRefused)
        #expect(error?.description.contains("192.0.2.1") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("relay-address") == true, "\(error?.description ?? "")")
    }

    @Test("a first start without users makes a secret whose credentials work, says so, and keeps it")
    func firstStart() async throws {
        let host = try ServerUnderTest("allow-peers: 127.0.0.0/8\n")
        let secret = try #require(try AccountStore(path: host.database).secrets().first)
        let expiry = Int(Date().timeIntervalSince1970) + 3600
        let name = "\(expiry):alice"
        let code = TestHash.sha1.hmac(Array(name.utf8), key: Array(secret.secret.utf8))
        let client = try RelayClient(
            asking: host.address(),
            user: name,
            password: Data(code).base64EncodedString()
        )
        try client.allocate()
        let made = Int(MessageCode.secretMade.rawValue)
        #expect(try await host.server.log(LogQuery()).entries.contains { $0.code == made })
        #expect(try await host.server.sessions(SessionsQuery()).rows.map(\.user) == [name])
        try host.restart()
        try client.allocate()
        #expect(try await !host.server.log(LogQuery()).entries.contains { $0.code == made })
    }
}
