import AccountStore
import Addresses
import Administration
import ClusterStore
import Foundation
import Observability
import PacketEngine
import STUNAuthentication
import ServerSettings
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
        // The loss and the lost data are told once each, and the limit is whole again.
        #expect(fleet.codes(1).count { $0 == 1140 } == 2)
        try first.release()
        await fleet.look()
        #expect(try second[2].request(0x0003, Self.allocate).isSuccess)
    }

    @Test("they drain as they are asked one by one or all together, and tell it")
    func drain() async throws {
        let fleet = try Fleet()
        await fleet.look()
        let names = (0..<2).compactMap { fleet.host($0).fleetStore?.name }
        #expect(names[0] == "127.0.0.1:\(fleet.hosts[0].port1)")
        try await fleet.store.setDrain(.member(names[1]))
        await fleet.look()
        #expect((0..<2).map { fleet.host($0).isDraining } == [false, true])
        // What one says after it has been asked, the others see with their next look.
        await fleet.look()
        let store = try #require(try await fleet.host(0).fleet().store)
        #expect(store.members.map(\.name) == names.sorted() && !store.asksAllToDrain)
        #expect(store.members.first { $0.name == names[1] }.map { $0.isDraining && $0.isAskedToDrain } == true)
        try await fleet.store.setDrain(.all)
        await fleet.look()
        #expect((0..<2).map { fleet.host($0).isDraining } == [true, true])
        let refusal = await #expect(throws: AdministrationError.self) { try await fleet.host(1).undrain(by: "root") }
        let expected = "`stund drain --cancel --all-servers` and `stund drain --cancel --server \(names[1])` takes"
        #expect("\(String(describing: refusal))".contains(expected))
        try await fleet.store.clearDrain(.all)
        await fleet.look()
        #expect((0..<2).map { fleet.host($0).isDraining } == [false, true])
        fleet.redis.end()
        await fleet.look()
        _ = try await fleet.host(1).undrain(by: "root")
        #expect(!fleet.host(1).isDraining)
    }

    @Test("what a person ordered on a server is not replaced by the store, nor taken back by it")
    func drainOfAPerson() async throws {
        let fleet = try Fleet()
        let host = fleet.host(0)
        let name = try #require(host.fleetStore?.name)
        let client = try fleet.client(0)
        try await fleet.store.put(try alice())
        await fleet.look()
        _ = try client.allocate()
        _ = try await host.drain(DrainOrder(seconds: 7200), by: "root")
        try await fleet.store.setDrain(.member(name))
        await fleet.look()
        #expect(host.drainReport.until != nil && !host.drainReport.stays)
        try await fleet.store.clearDrain(.member(name))
        await fleet.look()
        #expect(host.drainReport.until != nil)
        _ = try await host.undrain(by: "root")
        try client.release()
    }

    /// Whether a server comes to say so of the others.
    private func comes(_ fleet: Fleet, _ index: Int, _ condition: ([FleetReport.Server]) -> Bool) async throws -> Bool {
        try await waits {
            await fleet.look()
            return condition(Array(try await fleet.host(index).fleet().servers.dropFirst()))
        }
    }

    private static let key = "cluster-key: \(String(repeating: "ab", count: 32))\n"

    @Test("with a cluster key they ask each other without a list, and one that is gone from there is asked no more")
    func peers() async throws {
        let fleet = try Fleet(Self.key)
        let names = (0..<2).compactMap { fleet.host($0).fleetStore?.name }
        for index in 0..<2 {
            let other = names[1 - index]
            #expect(try await comes(fleet, index) { $0.map(\.name) == [other] && $0.map(\.state) == ["healthy"] })
            #expect(fleet.host(index).fleetPlaces.others.map(\.name) == [other])
        }
        // While the Redis is away they are what they were, and after it has lost its data, too.
        fleet.redis.end()
        #expect(try await comes(fleet, 0) { $0.map(\.state) == ["healthy"] })
        try fleet.redis.start()
        #expect(
            try await waits {
                await fleet.host(0).fleetStore?.look()
                return fleet.host(0).fleetStore?.status.isReached == true
            }
        )
        #expect(try await fleet.host(0).fleet().servers.count == 2)
        await fleet.look()
        fleet.host(1).stop()
        #expect(try await comes(fleet, 0) { $0.isEmpty })
        #expect(fleet.host(0).fleetPlaces.others.isEmpty)
    }

    @Test("without a cluster key nobody is asked, but all are seen in what the store has")
    func keyless() async throws {
        let fleet = try Fleet()
        await fleet.look()
        let report = try await fleet.host(0).fleet()
        #expect(report.servers.count == 1 && report.store?.memberCount == 2 && report.store?.isReached == true)
        try fleet.hosts[0].rewrite(
            "allow-peers: 127.0.0.0/8\nworkers: 1\nredis: unix:\(fleet.redis.socket)\n\(fleet.ranges[0].setting)"
                + Self.key
        )
        try await fleet.host(0).reload()
        #expect(try await comes(fleet, 0) { $0.count == 1 })
    }

    @Test("a server that other-stun-servers names too is one row")
    func namedToo() async throws {
        let fleet = try Fleet(Self.key)
        let name = try #require(fleet.host(1).fleetStore?.name)
        try fleet.hosts[0].rewrite(
            "allow-peers: 127.0.0.0/8\nworkers: 1\nredis: unix:\(fleet.redis.socket)\n\(fleet.ranges[0].setting)"
                + "other-stun-servers: \(name)\n" + Self.key
        )
        try await fleet.host(0).reload()
        #expect(try await comes(fleet, 0) { $0.map(\.name) == [name] && $0.first?.state == "healthy" })
        await fleet.look()
        #expect(try await fleet.host(0).fleet().servers.count == 2)
    }

    @Test("a fleet of STUN alone has its servers by Redis")
    func withoutTURN() async throws {
        let fleet = try Fleet(Self.key + "turn: off\n")
        #expect(try await comes(fleet, 0) { $0.map(\.state) == ["healthy"] })
        #expect(try await fleet.host(0).fleet().store?.memberCount == 2)
    }

    @Test("what all have counted is summed up")
    func totals() async throws {
        let fleet = try Fleet()
        for index in 0..<2 {
            let client = try TestClient(bindingTo: .loopback(0))
            try client.send(
                [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 12),
                to: fleet.hosts[index].address()
            )
            _ = try client.receive()
        }
        let isSummed = try await waits {
            await fleet.look()
            let counters = try await fleet.host(0).fleet().store?.counters ?? []
            return counters.first { $0.name == "answers-rfc8489" }?.value == 2
        }
        #expect(isSummed)
        fleet.redis.end()
        await fleet.look()
        let store = try await fleet.host(0).fleet().store
        #expect(store?.isReached == false && store?.trouble != nil && store?.memberCount == 2)
        #expect(store?.counters.first { $0.name == "answers-rfc8489" }?.value == 2)
        let families = try await fleet.host(0).metrics()
        func value(_ name: String) -> Double? { families.first { $0.name == name }?.samples.first?.value }
        #expect(value("stund_store_up") == 0 && value("stund_store_servers") == 2)
        #expect(value("stund_store_allocations") == 0)
    }

    @Test("users that cannot be read are told once, and the store is not lost by that")
    func unreadableAccounts() async throws {
        let fleet = try Fleet("user-allocations: 2\n")
        try await fleet.store.put(try alice())
        await fleet.look()
        let told = fleet.codes(0)
        try await fleet.store.fill([["DEL", "stund:users"], ["SET", "stund:users", "x"], ["INCR", "stund:version"]])
        for _ in 0..<3 { await fleet.look() }
        let status = try await fleet.host(0).status()
        #expect(status.fleetStore?.isReached == true && status.relay?.users == 1)
        #expect(status.fleetStore?.trouble?.contains("holds another kind of data") == true)
        #expect(fleet.codes(0).count { $0 == 1140 } == told.count { $0 == 1140 } + 1)
        #expect(fleet.codes(0).count { $0 == 1141 } == told.count { $0 == 1141 })
        try await fleet.store.fill([["DEL", "stund:users"], ["INCR", "stund:version"]])
        await fleet.look()
        #expect(try await fleet.host(0).status().fleetStore?.trouble == nil)
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
        // Further ones are seen with one of the next thirty looks.
        try await fleet.store.fill([["SET", "turn/realm/stund/user/bob/key", key]])
        for _ in 0..<31 { await fleet.host(0).fleetStore?.look() }
        #expect(try await fleet.host(0).status().relay?.users == 2)
    }
}

extension StoredUser {
    fileprivate static func md5Digits(of user: StoredUser) -> String {
        user.md5Key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
