import Foundation
import GRDB

/// A secret of the store that time-limited credentials are made of.
public struct StoredSecret: Sendable, Hashable {
    /// What it is called: see `SecretSetting.isID`.
    public let id: String
    /// The secret; the bytes of this text are the key.
    public let secret: String
    /// When it was added, in Unix seconds.
    public let created: Int64
    /// When it was retired, in Unix seconds; nil while its credentials are accepted.
    public let retired: Int64?

    /// Names a secret.
    public init(id: String, secret: String = StoredSecret.random(), created: Int64, retired: Int64? = nil) {
        self.id = id
        self.secret = secret
        self.created = created
        self.retired = retired
    }

    fileprivate init(_ row: Row) {
        id = row["id"]
        secret = row["secret"]
        created = row["created"]
        retired = row["retired"]
    }

    /// What the secret is called that the server makes at its first start.
    public static let firstID = "first"

    /// Random bytes of the system as base64url without padding: 32 bytes, as long as the longest key that helps.
    public static func random(bytes count: Int = 32) -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let characters: [Character] = Data(bytes).base64EncodedString().compactMap { character in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        }
        return String(characters)
    }
}

extension AccountStore {
    /// All secrets: those in use before the retired ones, the newest first.
    public func secrets() throws(AccountStoreError) -> [StoredSecret] {
        try read(Self.secrets)
    }

    static func secrets(_ database: Database) throws -> [StoredSecret] {
        let sql = "SELECT * FROM secret ORDER BY retired IS NOT NULL, number DESC"
        return try Row.fetchAll(database, sql: sql).map(StoredSecret.init)
    }

    static func insert(_ secret: StoredSecret, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO secret (id, secret, created) VALUES (?, ?, ?)",
            arguments: [secret.id, secret.secret, secret.created]
        )
    }

    /// Retires a secret: its credentials are refused, and the refusal tells whose they were.
    ///
    /// - Throws: `noSecret`, `alreadyRetired`, or why the file could not be changed.
    public func retireSecret(id: String, at time: Int64) throws(AccountStoreError) {
        try write { database in
            let sql = "UPDATE secret SET retired = ? WHERE id = ? AND retired IS NULL"
            try database.execute(sql: sql, arguments: [time, id])
            guard database.changesCount == 0 else { return }
            let sought = "SELECT count(*) FROM secret WHERE id = ?"
            let count = try Int.fetchOne(database, sql: sought, arguments: [id]) ?? 0
            throw count > 0 ? AccountStoreError.alreadyRetired(id) : .noSecret(id)
        }
    }

    /// Removes a secret: its credentials are wrong from now on.
    ///
    /// - Throws: `noSecret`, or why the file could not be changed.
    public func removeSecret(id: String) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM secret WHERE id = ?", arguments: [id])
            guard database.changesCount > 0 else { throw AccountStoreError.noSecret(id) }
        }
    }
}
