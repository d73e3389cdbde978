import Foundation
import GRDB

/// A token that programs use the API with; the token itself is never kept.
public struct StoredToken: Sendable, Hashable {
    /// What it is called.
    public let name: String
    /// The SHA-256 of the token, 32 bytes.
    public let digest: [UInt8]
    /// What it may do, as whoever decides that wrote it.
    public let role: String
    /// When it was made, in Unix seconds.
    public let created: Int64
    /// When it ends, in Unix seconds; nil when it does not.
    public let expires: Int64?

    /// Names a token.
    public init(name: String, digest: [UInt8], role: String, created: Int64, expires: Int64?) {
        self.name = name
        self.digest = digest
        self.role = role
        self.created = created
        self.expires = expires
    }

    fileprivate init(_ row: Row) {
        name = row["name"]
        digest = Array(row["digest"] as Data)
        role = row["role"]
        created = row["created"]
        expires = row["expires"]
    }
}

extension AccountStore {
    /// All tokens, by name; those that have ended, too.
    public func tokens() throws(AccountStoreError) -> [StoredToken] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM token ORDER BY name").map(StoredToken.init)
        }
    }

    /// The token of this digest; nil when there is none.
    ///
    /// How long the look-up takes tells something of digests at most, and no digest tells the token.
    public func token(digest: [UInt8]) throws(AccountStoreError) -> StoredToken? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM token WHERE digest = ?", arguments: [Data(digest)])
                .map(StoredToken.init)
        }
    }

    /// Adds a token.
    ///
    /// - Throws: `tokenExists`, `tooManyTokens`, or why the file could not be changed.
    public func add(_ token: StoredToken) throws(AccountStoreError) {
        try write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO token (name, digest, role, created, expires) VALUES (?, ?, ?, ?, ?)",
                arguments: [token.name, Data(token.digest), token.role, token.created, token.expires]
            )
            guard database.changesCount > 0 else { throw AccountStoreError.tokenExists(token.name) }
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM token") ?? 0
            guard count <= Self.mostOperators else { throw AccountStoreError.tooManyTokens(Self.mostOperators) }
        }
    }

    /// Removes a token.
    ///
    /// - Throws: `noToken`, or why the file could not be changed.
    public func removeToken(name: String) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM token WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { throw AccountStoreError.noToken(name) }
        }
    }
}
