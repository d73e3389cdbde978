import Foundation
import GRDB
import STUNAuthentication
public import ServerSettings

/// A user of the store; the password itself is never kept.
public struct StoredUser: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The realm.
    public let realm: String
    /// The key by MD5, 16 bytes (RFC 8489 section 18.5.1).
    public let md5Key: [UInt8]
    /// The key by SHA-256, 32 bytes.
    public let sha256Key: [UInt8]
    /// When the user was added, in Unix seconds.
    public let created: Int64
    /// What the administrator noted.
    public let comment: String

    /// Makes the keys of a user.
    public init(
        name: OpaqueString,
        realm: OpaqueString,
        password: OpaqueString,
        created: Int64,
        comment: String = ""
    ) {
        self.name = name.text
        self.realm = realm.text
        let keys = StoredCredential(username: name.text, realm: realm.text, password: password.text)
        md5Key = keys.md5.bytes
        sha256Key = keys.sha256.bytes
        self.created = created
        self.comment = comment
    }

    /// Takes keys that were kept elsewhere; one of another length than its algorithm's stands for no key.
    public init(
        name: String,
        realm: String,
        md5Key: [UInt8],
        sha256Key: [UInt8],
        created: Int64,
        comment: String = ""
    ) {
        self.name = name
        self.realm = realm
        self.md5Key = md5Key
        self.sha256Key = sha256Key
        self.created = created
        self.comment = comment
    }

    fileprivate init(_ row: Row) {
        name = row["name"]
        realm = row["realm"]
        md5Key = Array(row["md5_key"] as Data)
        sha256Key = Array(row["sha256_key"] as Data)
        created = row["created"]
        comment = row["comment"]
    }
}

extension AccountStore {
    /// All users, by name and realm.
    public func users() throws(AccountStoreError) -> [StoredUser] {
        try read(Self.users)
    }

    static func users(_ database: Database) throws -> [StoredUser] {
        try Row.fetchAll(database, sql: "SELECT * FROM user ORDER BY name, realm").map(StoredUser.init)
    }

    /// Adds a user; with `replacing`, in the place of one with the same name and realm.
    ///
    /// - Throws: `userExists`, or why the file could not be changed.
    public func add(_ user: StoredUser, replacing: Bool = false) throws(AccountStoreError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT OR \(replacing ? "REPLACE" : "IGNORE") INTO user
                    (name, realm, md5_key, sha256_key, created, comment) VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    user.name, user.realm, Data(user.md5Key), Data(user.sha256Key), user.created,
                    user.comment,
                ]
            )
            guard database.changesCount > 0 else {
                throw AccountStoreError.userExists(name: user.name, realm: user.realm)
            }
        }
    }

    /// Removes a user.
    ///
    /// - Throws: `noUser`, or why the file could not be changed.
    public func removeUser(name: String, realm: String) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM user WHERE name = ? AND realm = ?", arguments: [name, realm])
            guard database.changesCount > 0 else { throw AccountStoreError.noUser(name: name, realm: realm) }
        }
    }
}
