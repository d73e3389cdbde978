import AccountStore
import Foundation
import TestRedis
import Testing

@testable import ClusterStore

@Suite(
    "Users that coturn keeps in a Redis",
    .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
)
struct CoturnUsersTests {
    /// The example of coturn's turndb/schema.userdb.redis, as far as this server reads it.
    private static let example: [[String]] = [
        ["SET", "turn/realm/north.gov/user/ninefingers/key", "bc807ee29df3c9ffa736523fb2c4e8ee"],
        ["SET", "turn/realm/north.gov/user/gorst/key", "7DA2270CCFA49786E0115366D3A3D14D"],
        ["SET", "turn/realm/crinna.org/user/whirrun/key", "6972e85e51f36e53b0b61759c5a5219a"],
        ["SADD", "turn/realm/north.gov/secret", "logen", "bloody9"],
        ["RPUSH", "turn/realm/crinna.org/secret", "north", "library"],
        ["SET", "turn/realm/north.gov/max-bps", "500000"], ["SET", "turn/origin/http://crinna.org:80", "crinna.org"],
        ["HSET", "turn/admin_user/skarling", "realm", "north.gov", "password", "hoodless"],
    ]

    @Test("Keys and secrets of the realms that are asked for are read, and nothing else")
    func example() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        try await store.fill(Self.example)
        let users = CoturnUsers(store)
        let north = try await users.accounts(realms: ["north.gov"])
        #expect(north.users.map(\.name) == ["gorst", "ninefingers"])
        #expect(north.users.allSatisfy { $0.realm == "north.gov" && $0.sha256Key.isEmpty })
        #expect(north.users[0].md5Key.prefix(3) == [0x7D, 0xA2, 0x27])
        #expect(north.secrets.map(\.secret).sorted() == ["bloody9", "logen"])
        #expect(Set(north.secrets.map(\.id)) == ["coturn-1", "coturn-2"])
        #expect(north.unreadable == 0)
        let both = try await users.accounts(realms: ["north.gov", "crinna.org", "absent"])
        #expect(both.users.count == 3 && both.secrets.count == 4)
        #expect(try await users.accounts(realms: []).users == [])
    }

    @Test("Names with slashes are read, and what is no key is left out")
    func oddKeys() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let key = "7da2270ccfa49786e0115366d3a3d14d"
        try await store.fill([
            ["SET", "turn/realm/r/user/a/b/key", key], ["SET", "turn/realm/r/user/key/key", key],
            ["SET", "turn/realm/r/user//key", key], ["SET", "turn/realm/r/user/key", key],
            ["SET", "turn/realm/r/user/short/key", "7da2"], ["SET", "turn/realm/r/user/open/key", "password"],
            ["SET", "turn/realm/r/user/zero/key", String(repeating: "x", count: 32)],
            ["SADD", "turn/realm/r/user/set/key", key],
            ["SET", "turn/realm/r/user/\(String(repeating: "n", count: 509))/key", key],
            ["SET", "turn/realm/r/secret", "of another kind"],
        ])
        let accounts = try await CoturnUsers(store).accounts(realms: ["r"])
        #expect(accounts.users.map(\.name) == ["a/b", "key"])
        #expect(accounts.unreadable == 4)
        #expect(accounts.secrets == [])
    }

    @Test("A realm with more secrets than may be tried is told, and 30,000 other keys are passed over")
    func bounds() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        try await store.fill(Self.example)
        let others = "for n = 1, 30000 do redis.call('SET', 'turn/user/u' .. n .. '/allocation', 'x') end"
        try await store.fill([["EVAL", others, "0"]])
        #expect(try await CoturnUsers(store).accounts(realms: ["north.gov"]).users.count == 2)
        try await store.fill([
            ["EVAL", "for n = 1, 64 do redis.call('SADD', 'turn/realm/north.gov/secret', n) end", "0"]
        ])
        let error = try await failure { try await CoturnUsers(store).accounts(realms: ["north.gov"]) }
        #expect(error == .tooMany("secrets of coturn in one realm", limit: 64))
    }
}
