package import AccountStore
import Foundation

extension RedisClusterStore {
    private static let users: RedisArgument = "stund:users"
    private static let secrets: RedisArgument = "stund:secrets"
    private static let version: RedisArgument = "stund:version"
    /// How often users and secrets are read again when somebody changes them meanwhile.
    private static let attempts = 3
    /// How many pages a hash of the most users has at most, and more: a scan that does not end is given up.
    private static let mostPages = 10_000

    /// 0 after a Redis has lost its data, and until somebody writes to it again.
    package func accountsVersion() async throws(ClusterStoreError) -> Int64 {
        let bytes = try await redis.run(["GETRANGE", Self.version, "0", "31"]).bytes(place)
        return Int64(String(decoding: bytes, as: UTF8.self)) ?? 0
    }

    package func accounts() async throws(ClusterStoreError) -> FleetAccounts {
        var accounts = try await accountsOnce()
        for _ in 1..<Self.attempts {
            // Of a change that came meanwhile only a part may have been seen: its number is not taken for read.
            guard try await accountsVersion() != accounts.version else { break }
            accounts = try await accountsOnce()
        }
        return accounts
    }

    private func accountsOnce() async throws(ClusterStoreError) -> FleetAccounts {
        let version = try await accountsVersion()
        let users = try await hash(Self.users, "users", atMost: StoreLimits.users)
        let secrets = try await hash(Self.secrets, "secrets", atMost: StoreLimits.secrets)
        let readUsers = users.compactMap { StoreRecord.read($0, as: UserRecord.self)?.user }
        let readSecrets = secrets.compactMap { StoreRecord.read($0, as: SecretRecord.self)?.stored }
        return FleetAccounts(
            version: version,
            users: readUsers,
            secrets: readSecrets,
            unreadable: users.count + secrets.count - readUsers.count - readSecrets.count
        )
    }

    package func put(_ user: StoredUser) async throws(ClusterStoreError) {
        let record = try StoreRecord.write(UserRecord(user), "the record of a user")
        let field = UserRecord.field(name: user.name, realm: user.realm)
        try await put(Self.users, field, record, "users", atMost: StoreLimits.users)
    }

    package func removeUser(name: String, realm: String) async throws(ClusterStoreError) -> Bool {
        try await remove(Self.users, UserRecord.field(name: name, realm: realm))
    }

    package func put(_ secret: StoredSecret) async throws(ClusterStoreError) {
        let record = try StoreRecord.write(SecretRecord(secret), "the record of a secret")
        try await put(Self.secrets, secret.id, record, "secrets", atMost: StoreLimits.secrets)
    }

    package func removeSecret(id: String) async throws(ClusterStoreError) -> Bool { try await remove(Self.secrets, id) }

    /// Counts a change.
    ///
    /// Where there is no number it begins with the time, so that none comes twice when all data is lost.
    private static let count = """
        if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SET', KEYS[2], ARGV[1]) else redis.call('INCR', KEYS[2]) end
        return 1
        """

    private static var time: RedisArgument { "\(Int64(Date().timeIntervalSince1970 * 1000))" }

    private func put(
        _ hash: RedisArgument,
        _ field: String,
        _ record: [UInt8],
        _ what: String,
        atMost limit: Int
    ) async throws(ClusterStoreError) {
        let script = """
            if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
                return 0
            end
            redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
            \(Self.count)
            """
        let reply = try await redis.run([
            "EVAL", "\(script)", "2", hash, Self.version, Self.time, "\(field)", RedisArgument(record), "\(limit)",
        ])
        guard try reply.integer(place) == 1 else { throw .tooMany(what, limit: limit) }
    }

    private func remove(_ hash: RedisArgument, _ field: String) async throws(ClusterStoreError) -> Bool {
        let script = """
            if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
            \(Self.count)
            """
        let reply = try await redis.run(["EVAL", "\(script)", "2", hash, Self.version, Self.time, "\(field)"])
        return try reply.integer(place) == 1
    }

    /// The values of a hash, when they are not too many.
    private func hash(
        _ key: RedisArgument,
        _ what: String,
        atMost limit: Int
    ) async throws(ClusterStoreError) -> [[UInt8]] {
        guard try await redis.run(["HLEN", key]).integer(place) <= Int64(limit) else {
            throw .tooMany(what, limit: limit)
        }
        // While the hash grows an entry may be told twice.
        var found: [[UInt8]: [UInt8]] = [:]
        var cursor: [UInt8] = Array("0".utf8)
        for _ in 0..<Self.mostPages {
            let page = try await redis.run(["HSCAN", key, RedisArgument(cursor), "COUNT", "500"]).list(place)
            guard page.count == 2 else { throw .unexpected(place: place) }
            cursor = try page[0].bytes(place)
            let entries = try page[1].list(place)
            for index in stride(from: 0, to: entries.count - entries.count % 2, by: 2) {
                found[try entries[index].bytes(place)] = try entries[index + 1].bytes(place)
            }
            guard found.count <= limit else { throw .tooMany(what, limit: limit) }
            if cursor == Array("0".utf8) { return Array(found.values) }
        }
        throw .unexpected(place: place)
    }
}
