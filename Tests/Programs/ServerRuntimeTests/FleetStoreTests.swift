import AccountStore
import Addresses
import Administration
import ClusterStore
import Foundation
import Observability
import PacketEngine
import STUNAuthentication
import ServerSettings
import Synchronization
import TestRedis
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite(
    "Servers that share a Redis",
    .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
)
struct FleetStoreTests {
    /// Two servers of one fleet, and their Redis.
    private final class Fleet {
        let redis: RedisUnderTest
        let store: RedisClusterStore
        let hosts: [ServerUnderTest]
        let ranges: [ClosedRange<UInt16>]

        init(_ settings: String = "") throws {
            redis = try RedisUnderTest()
            store = try redis.store()
            let address = "redis: unix:\(redis.socket)\n"
            ranges = try (0..<2).map { _ in try RelayRange.free(8) }
            hosts = try ranges.map { range in
                try ServerUnderTest("allow-peers: 127.0.0.0/8\nworkers: 1\n" + address + range.setting + settings)
            }
        }

        func host(_ index: Int) -> LiveServer { hosts[index].server }

        /// Has every server look at the store twice: what one says with the first look the others see with the second.
        func look() async {
            for _ in 0..<2 { for host in hosts { await host.server.fleetStore?.look() } }
        }

        func client(_ index: Int, user: String = "alice", password: String = RelayClient.password) throws -> RelayClient
        {
            try RelayClient(asking: hosts[index].address(), user: user, password: password)
        }

        func codes(_ index: Int) -> [Int] { host(index).log.history.entries.map { Int($0.code.rawValue) } }
    }

    private func alice() throws -> StoredUser {
        let text = try (OpaqueString("alice"), OpaqueString("stund"), OpaqueString(RelayClient.password))
        return StoredUser(name: text.0, realm: text.1, password: text.2, created: 0)
    }

    private static let allocate: [Wire.Attribute] = [RelayClient.udp]

    @Test("a user of the store may log in on each of them with one nonce, until the user is removed there")
    func users() async throws {
        let fleet = try Fleet()
        #expect(fleet.host(0).relay?.madeFirstSecret == false)
        try await fleet.store.put(try alice())
        await fleet.look()
        for index in 0..<2 {
            #expect(try await fleet.host(index).status().relay?.users == 1)
            let client = try fleet.client(index)
            _ = try client.allocate()
            try client.release()
        }
        let settings = fleet.host(0).started
        let nonces = (0..<2).map { index in
            fleet.host(index).relay?.nonces(settings).issue(for: SocketAddress(.loopbackV4, port: 5), at: 1_800_000_000)
        }
        #expect(nonces[0] == nonces[1] && nonces[0] != nil)
        #expect(try await fleet.host(0).status().fleetStore?.members == 2)
        _ = try await fleet.store.removeUser(name: "alice", realm: "stund")
        await fleet.look()
        for index in 0..<2 { #expect(try await fleet.host(index).status().relay?.users == 0) }
    }

    @Test("a limit of allocations holds on all of them together")
    func quota() async throws {
        let fleet = try Fleet("user-allocations: 2\n")
        try await fleet.store.put(try alice())
        await fleet.look()
        let clients = try [fleet.client(0), fleet.client(0), fleet.client(1)]
        _ = try clients[0].allocate()
        _ = try clients[1].allocate()
        await fleet.look()
        #expect(try clients[2].request(0x0003, Self.allocate).code == 486)
        try clients[0].release()
        await fleet.look()
        #expect(try clients[2].request(0x0003, Self.allocate).isSuccess)
    }

    @Test("when the Redis is lost nothing relayed is, users stay, limits are shared out, and all is told")
    func loss() async throws {
        let fleet = try Fleet("user-allocations: 3\n")
        try await fleet.store.put(try alice())
        await fleet.look()
        let (first, second) = (try fleet.client(0), try (0..<3).map { _ in try fleet.client(1) })
        let relayed = try first.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try first.permit(peer.local).isSuccess)
        try first.bind(0x4001, to: peer.local)
        await fleet.look()

        fleet.redis.end()
        await fleet.look()
        try first.send([1, 2, 3], by: 0x4001)
        let received = try peer.receiveFrom()
        #expect(received.bytes == [1, 2, 3] && received.source == relayed)
        // 3 among two servers are 2 each.
        #expect(try second[0].request(0x0003, Self.allocate).isSuccess)
        #expect(try second[1].request(0x0003, Self.allocate).isSuccess)
        #expect(try second[2].request(0x0003, Self.allocate).code == 486)
        let status = try await fleet.host(1).status()
        #expect(status.fleetStore?.isReached == false && status.fleetStore?.members == 2)
        #expect(status.warnings.contains { $0.contains("the limit divided by 2 servers") })
        #expect(fleet.codes(1).count { $0 == 1140 } == 1)

        try fleet.redis.start()
        #expect(
            try await waits {
                await fleet.look()
                return (0..<2).allSatisfy { fleet.host($0).fleetStore?.status.isReached == true }
            }
        )
        // The data is gone, and nobody has removed users: those that were known stay.
        let back = try await fleet.host(1).status()
        #expect(back.relay?.users == 1)
        #expect(back.fleetStore?.trouble?.contains("has lost its data") == true)
        #expect(fleet.codes(1).count { $0 == 1141 } == 2)
        await fleet.look()
        #expect(try second[2].request(0x0003, Self.allocate).code == 486)
        try await fleet.store.put(try alice())
        await fleet.look()
        #expect(try await fleet.host(1).status().fleetStore?.trouble == nil)
    }

    @Test("they see each other, and are asked to drain one by one or all together")
    func membersAndDrain() async throws {
        let fleet = try Fleet()
        let heard = Heard()
        fleet.host(0).fleetHooks.withLock { hooks in
            hooks.drain = { asked in heard.drains.withLock { $0.append(asked) } }
            hooks.members = { members in heard.members.withLock { $0 = Set(members.map(\.name)) } }
        }
        await fleet.look()
        let names = (0..<2).compactMap { fleet.host($0).fleetStore?.name }
        #expect(heard.members.withLock { $0 } == Set(names))
        #expect(names[0] == "127.0.0.1:\(fleet.hosts[0].port1)")
        try await fleet.store.setDrain(.member(names[1]))
        await fleet.look()
        #expect(heard.drains.withLock { $0 } == [])
        try await fleet.store.setDrain(.all)
        await fleet.look()
        try await fleet.store.clearDrain(.all)
        await fleet.look()
        #expect(heard.drains.withLock { $0 } == [true, false])
        fleet.host(1).stop()
        #expect(try await waits { try await fleet.store.members().map(\.name) == [names[0]] })
    }

    private final class Heard: Sendable {
        let drains = Mutex<[Bool]>([])
        let members = Mutex<Set<String>>([])
    }

    @Test("coturn's users and secrets in the same Redis may log in when that is set")
    func coturn() async throws {
        let fleet = try Fleet("redis-coturn-users: on\n")
        let key = StoredUser.md5Digits(of: try alice())
        try await fleet.store.fill([
            ["SET", "turn/realm/stund/user/alice/key", key], ["SET", "turn/realm/other.org/user/bob/key", key],
            ["SADD", "turn/realm/stund/secret", "logen-and-sixteen-more"],
        ])
        fleet.host(0).fleetStore?.refresh(realms: ["stund"])
        await fleet.look()
        let status = try await fleet.host(0).status()
        #expect(status.relay?.users == 1 && status.relay?.secrets == 1)
        _ = try fleet.client(0).allocate()
    }
}

extension StoredUser {
    fileprivate static func md5Digits(of user: StoredUser) -> String {
        user.md5Key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
