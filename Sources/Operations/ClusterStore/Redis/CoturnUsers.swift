import AccountStore
import Foundation
import ServerSettings

/// The users and secrets that coturn keeps in a Redis, so that its operators can change over one server at a time.
///
/// A user is a key `turn/realm/<realm>/user/<name>/key` with the MD5 key in hexadecimal digits; the secrets of a realm are
/// the set `turn/realm/<realm>/secret` (coturn's turndb/schema.userdb.redis). They are only read, by SCAN and a page at a
/// time, which holds up nobody else.
package struct CoturnUsers: Sendable {
    /// How many pages of 1,000 keys are looked at: a larger database has more keys of somebody else than users.
    private static let mostPages = 10_000
    /// The most secrets of one realm.
    private static let mostSecrets = 64
    private static let head = "turn/realm/"

    private let redis: RedisClient

    /// Reads from where a store is.
    package init(_ store: RedisClusterStore) { redis = store.redis }

    /// The users and secrets of these realms; a user has no key by SHA-256, since coturn keeps none.
    package func accounts(realms: Set<String>) async throws(ClusterStoreError) -> FleetAccounts {
        let keys = try await userKeys(realms)
        var users: [StoredUser] = []
        var unreadable = 0
        for part in keys.parts(of: 1000) {
            let replies = try await redis.run(part.map { ["GETRANGE", RedisArgument($0.key), "0", "63"] })
            for (entry, reply) in zip(part, replies) {
                // A key of another kind, or one that is gone meanwhile, is no user.
                guard case .bytes(let digits) = reply, let key = Self.key(digits) else {
                    unreadable += 1
                    continue
                }
                users.append(
                    StoredUser(name: entry.name, realm: entry.realm, md5Key: key, sha256Key: [], created: 0)
                )
            }
        }
        return FleetAccounts(version: 0, users: users, secrets: try await secrets(realms), unreadable: unreadable)
    }

    private struct UserKey: Hashable {
        let key: [UInt8]
        let realm: String
        let name: String
    }

    private func userKeys(_ realms: Set<String>) async throws(ClusterStoreError) -> [UserKey] {
        var found: Set<UserKey> = []
        var cursor: [UInt8] = Array("0".utf8)
        for _ in 0..<Self.mostPages {
            let page = try await redis.run([
                "SCAN", RedisArgument(cursor), "MATCH", "\(Self.head)*/user/*/key", "COUNT", "1000",
            ]).list(redis.place)
            guard page.count == 2 else { throw .unexpected(place: redis.place) }
            cursor = try page[0].bytes(redis.place)
            for reply in try page[1].list(redis.place) {
                if let key = Self.userKey(try reply.bytes(redis.place)), realms.contains(key.realm) {
                    found.insert(key)
                }
            }
            guard found.count <= StoreLimits.users else { throw .tooMany("users of coturn", limit: StoreLimits.users) }
            if cursor == Array("0".utf8) { return found.sorted { ($0.name, $0.realm) < ($1.name, $1.realm) } }
        }
        throw .tooMany("keys in the database that redis names", limit: Self.mostPages * 1000)
    }

    /// Neither a realm nor a name with a slash is ambiguous as long as the realm has no `/user/` in it.
    private static func userKey(_ bytes: [UInt8]) -> UserKey? {
        guard let text = String(validating: bytes, as: UTF8.self), text.hasPrefix(head), text.hasSuffix("/key"),
            let middle = text.range(of: "/user/")
        else { return nil }
        let realm = text[text.index(text.startIndex, offsetBy: head.count)..<middle.lowerBound]
        guard let end = text.index(text.endIndex, offsetBy: -4, limitedBy: middle.upperBound) else { return nil }
        let name = text[middle.upperBound..<end]
        guard !realm.isEmpty, !name.isEmpty, name.utf8.count <= UserSetting.longestName else { return nil }
        return UserKey(key: bytes, realm: String(realm), name: String(name))
    }

    /// 32 hexadecimal digits.
    private static func key(_ digits: [UInt8]) -> [UInt8]? {
        let values = digits.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 32, values.count == 32 else { return nil }
        return stride(from: 0, to: 32, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }

    private func secrets(_ realms: Set<String>) async throws(ClusterStoreError) -> [StoredSecret] {
        var found: [String] = []
        for realm in realms.sorted() {
            let key: RedisArgument = "\(Self.head)\(realm)/secret"
            let kind = try await redis.run(["TYPE", key]).bytes(redis.place)
            // A list is not what coturn writes, but what some who fill its database do.
            let (count, read): (RedisCommand, RedisCommand)
            switch String(decoding: kind, as: UTF8.self) {
            case "set": (count, read) = (["SCARD", key], ["SMEMBERS", key])
            case "list": (count, read) = (["LLEN", key], ["LRANGE", key, "0", "-1"])
            default: continue
            }
            guard try await redis.run(count).integer(redis.place) <= Int64(Self.mostSecrets) else {
                throw .tooMany("secrets of coturn in one realm", limit: Self.mostSecrets)
            }
            found += try await redis.run(read).texts(redis.place).filter { (1...1024).contains($0.utf8.count) }
        }
        // In an order of their own, as a set tells them in any.
        return Set(found).sorted().enumerated().map {
            StoredSecret(id: "coturn-\($0.offset + 1)", secret: $0.element, created: 0)
        }
    }
}
