import AccountStore
import Addresses
import TestRedis
import Testing

@testable import ClusterStore

@Suite("Every store of a fleet keeps the same promises")
struct ClusterStoreTests {
    private static let long = Duration.seconds(600)

    @Test(
        "Redis is among the stores that are tested",
        .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
    )
    func redisIsThere() { #expect(StoreKind.here == StoreKind.allCases) }

    @Test("A server is seen by the others as it described itself last, until it leaves", arguments: StoreKind.here)
    func members(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        #expect(try await stores.store.members() == [])
        var first = FleetMember(name: "192.0.2.1:3478", instance: .max, host: "ne \"1\"", addresses: [])
        first.addresses = ["192.0.2.1", "2001:db8::1"].compactMap(IPAddress.init)
        (first.port1, first.port2, first.version, first.load) = (3480, 3481, "1.2.3", 999)
        (first.allocations, first.isDraining) = (70_000, true)
        let second = FleetMember(name: "[2001:db8::2]:3478")
        try await stores.store.publish(first, expiresIn: Self.long)
        try await stores.other.publish(second, expiresIn: Self.long)
        #expect(try await stores.other.members() == [first, second])

        first.load = 1
        try await stores.store.publish(first, expiresIn: Self.long)
        #expect(try await stores.other.members() == [first, second])
        try await stores.other.removeMember(named: first.name)
        try await stores.other.removeMember(named: first.name)
        #expect(try await stores.store.members() == [second])
    }

    @Test("A server that says nothing more is forgotten, with all it had published", arguments: StoreKind.here)
    func expiry(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        let store = stores.store
        try await store.publish(FleetMember(name: "brief"), expiresIn: .milliseconds(200))
        try await store.publish([AllocationCount(high: 1, low: 2, allocations: 3)], of: "brief", expiresIn: Self.long)
        try await store.publish(FleetTotals(counters: ["a": 1]), of: "brief", expiresIn: Self.long)
        try await store.publish(FleetMember(name: "lasting"), expiresIn: Self.long)
        #expect(try await waits { try await store.members().map(\.name) == ["lasting"] })
        #expect(try await store.counts(elsewhereThan: "lasting") == [])
        #expect(try await store.totals() == [:])
    }

    @Test("What is no name of a server is refused", arguments: StoreKind.here)
    func names(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        for name in ["", "*", "a b", "a\n", "é", "a/b", String(repeating: "x", count: 81)] {
            let calls: [() async throws -> Void] = [
                {
                    try await stores.store.publish(FleetMember(name: name), expiresIn: Self.long)
                },
                { try await stores.store.removeMember(named: name) },
                {
                    try await stores.store.publish([], of: name, expiresIn: Self.long)
                },
                { try await stores.store.setDrain(.member(name)) },
            ]
            for call in calls { #expect(try await failure(call) == .notAName) }
        }
        #expect(try await stores.store.drains() == DrainSignals())
    }

    @Test(
        "Users and secrets are read as they were put, and every change has a number of its own",
        arguments: StoreKind.here
    )
    func accounts(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        let store = stores.store
        #expect(try await store.accounts() == FleetAccounts(version: 0, users: [], secrets: []))
        let (alice, other) = (try StoredUser("alice", comment: "ä \"x\""), try StoredUser("alice", realm: "b"))
        let secrets = [
            StoredSecret(id: "old", secret: "o", created: 1, retired: 5),
            StoredSecret(id: "new", secret: "n=", created: 3),
        ]
        var versions: [Int64] = [0]
        try await store.put(alice)
        versions.append(try await stores.other.accountsVersion())
        try await stores.other.put(other)
        versions.append(try await store.accountsVersion())
        for secret in secrets {
            try await store.put(secret)
            versions.append(try await stores.other.accountsVersion())
        }
        let read = try await stores.other.accounts()
        #expect(read.users == [other, alice])
        #expect(read.secrets == [secrets[1], secrets[0]])
        #expect(read.unreadable == 0)
        #expect(read.version == versions.last)

        let changed = try StoredUser("alice", password: "another")
        try await store.put(changed)
        versions.append(try await store.accountsVersion())
        #expect(try await store.accounts().users == [other, changed])
        #expect(try await store.removeUser(name: "alice", realm: "stund"))
        versions.append(try await store.accountsVersion())
        #expect(try await store.removeSecret(id: "old"))
        versions.append(try await store.accountsVersion())
        #expect(try await store.removeUser(name: "alice", realm: "stund") == false)
        #expect(try await store.removeSecret(id: "old") == false)
        #expect(Set(versions).count == versions.count)
        let left = try await stores.other.accounts()
        #expect((left.version, left.users, left.secrets) == (versions.last, [other], [secrets[1]]))
    }

    @Test("What accounts have on the other servers is summed up", arguments: StoreKind.here)
    func counts(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        let store = stores.store
        for name in ["a", "b", "c"] { try await store.publish(FleetMember(name: name), expiresIn: Self.long) }
        let mine = AllocationCount(high: .max, low: 1, allocations: 5)
        try await store.publish([mine], of: "a", expiresIn: Self.long)
        #expect(try await store.counts(elsewhereThan: "a") == [])
        #expect(try await store.counts(elsewhereThan: "b") == [mine])
        let other = AllocationCount(high: 0, low: .max, allocations: 1 << 31)
        try await store.publish([mine, other], of: "b", expiresIn: Self.long)
        try await store.publish([mine], of: "c", expiresIn: Self.long)
        let sum = Set(try await stores.other.counts(elsewhereThan: "a"))
        #expect(sum == [AllocationCount(high: .max, low: 1, allocations: 10), other])
        // Of one that is no longer there nothing counts.
        try await store.publish(FleetMember(name: "ghost"), expiresIn: .milliseconds(200))
        try await store.publish([mine], of: "ghost", expiresIn: Self.long)
        #expect(try await waits { Set(try await store.counts(elsewhereThan: "a")) == sum })
        try await store.publish([other], of: "c", expiresIn: .milliseconds(200))
        try await store.publish([], of: "b", expiresIn: Self.long)
        #expect(try await waits { try await store.counts(elsewhereThan: "a") == [] })
    }

    @Test("Of many servers that start at once all get one key of nonces", arguments: StoreKind.here)
    func nonceKey(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for number in UInt8(0)..<32 {
                let store = number % 2 == 0 ? stores.store : stores.other
                group.addTask { try await store.nonceKey(orElse: [UInt8](repeating: number, count: 32)) }
            }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
        #expect(try await stores.other.nonceKey(orElse: [1]) == keys.first)
    }

    @Test("What servers have counted is told by name", arguments: StoreKind.here)
    func totals(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        for name in ["a", "b"] {
            try await stores.store.publish(FleetMember(name: name), expiresIn: Self.long)
            try await stores.store.publish(FleetTotals(counters: [name: .max, "x": 0]), of: name, expiresIn: Self.long)
        }
        try await stores.store.publish(FleetTotals(counters: ["a": 2]), of: "a", expiresIn: Self.long)
        let expected = ["a": FleetTotals(counters: ["a": 2]), "b": FleetTotals(counters: ["b": .max, "x": 0])]
        #expect(try await stores.other.totals() == expected)
    }

    @Test("Servers are asked to drain one by one or all together", arguments: StoreKind.here)
    func drains(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        #expect(try await stores.store.drains() == DrainSignals())
        try await stores.store.setDrain(.member("a"))
        try await stores.store.setDrain(.member("a"))
        try await stores.store.setDrain(.all)
        let both = try await stores.other.drains()
        #expect(both == DrainSignals(all: true, members: ["a"]))
        #expect(both.mean("a") && both.mean("b"))
        try await stores.other.clearDrain(.all)
        let one = try await stores.store.drains()
        #expect(one.mean("a") && !one.mean("b"))
        try await stores.other.clearDrain(.member("a"))
        #expect(try await stores.store.drains() == DrainSignals())
    }

    @Test("What is too large or too much is refused, and what is there stays", arguments: StoreKind.here)
    func limits(_ kind: StoreKind) async throws {
        let stores = try StoreUnderTest(kind)
        let store = stores.store
        let long = String(repeating: "x", count: StoreLimits.recordBytes)
        let user = try StoredUser("alice", comment: long)
        #expect(
            try await failure { try await store.put(user) }
                == .tooLarge("the record of a user", limit: StoreLimits.recordBytes)
        )
        let member = FleetMember(name: "a", host: long)
        let refused = try await failure {
            try await store.publish(member, expiresIn: Self.long)
        }
        #expect(refused == .tooLarge("the record of a server", limit: StoreLimits.recordBytes))
        for bytes in [0, StoreLimits.nonceKeyBytes + 1] {
            let key = [UInt8](repeating: 7, count: bytes)
            let error = try await failure { try await store.nonceKey(orElse: key) }
            #expect(error == .tooLarge("the key of nonces", limit: StoreLimits.nonceKeyBytes))
        }
        let counts = [AllocationCount](
            repeating: AllocationCount(high: 1, low: 1, allocations: 1),
            count: StoreLimits.accounts + 1
        )
        #expect(
            try await failure {
                try await store.publish(counts, of: "a", expiresIn: Self.long)
            } == .tooMany("accounts of one server", limit: StoreLimits.accounts)
        )
        for number in 0..<StoreLimits.secrets { try await store.put(StoredSecret(id: "s\(number)", created: 1)) }
        #expect(
            try await failure {
                try await store.put(StoredSecret(id: "more", created: 1))
            } == .tooMany("secrets", limit: StoreLimits.secrets)
        )
        try await store.put(StoredSecret(id: "s1", secret: "replaced", created: 2))
        #expect(try await store.accounts().secrets.count == StoreLimits.secrets)
        #expect(try await store.accounts().secrets.first?.secret == "replaced")
    }
}
