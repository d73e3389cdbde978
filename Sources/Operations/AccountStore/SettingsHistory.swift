import Foundation
import GRDB

/// A change of settings that was made.
public struct StoredSettingsChange: Sendable, Hashable {
    /// One setting that changed.
    public struct Row: Codable, Hashable, Sendable {
        /// The name.
        public let key: String
        /// The text in the file before; nil when it was not there.
        public let before: String?
        /// The text afterwards; nil when it was taken out.
        public let after: String?

        /// Joins the facts.
        public init(key: String, before: String?, after: String?) {
            self.key = key
            self.before = before
            self.after = after
        }
    }

    /// Its number; later changes have higher ones.
    public let id: Int64
    /// When it was, in Unix seconds.
    public let time: Int64
    /// Who made it, as whoever keeps it wrote that; nil when nobody is known.
    public let person: String?
    /// What changed.
    public let rows: [Row]
}

/// The changes of settings, inside of one transaction of the store.
public struct SettingsHistory {
    /// How many changes are kept, the newest ones.
    public static let capacity = 1000

    fileprivate let database: Database

    /// The texts that the settings file had when it was last looked at, by key; nil before the first time.
    public func known() throws -> [String: String]? {
        let sql = "SELECT content FROM settings_known"
        return try String.fetchOne(database, sql: sql).map { text in
            try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        }
    }

    /// Keeps the texts that the settings file has now.
    public func setKnown(_ texts: [String: String]) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO settings_known (id, content) VALUES (1, ?)",
            arguments: [try Self.json(texts)]
        )
    }

    /// Adds a change, forgets the oldest ones above the capacity, and gives the new one's number.
    public func append(time: Int64, person: String?, rows: [StoredSettingsChange.Row]) throws -> Int64 {
        try database.execute(
            sql: "INSERT INTO settings_change (time, person, content) VALUES (?, ?, ?)",
            arguments: [time, person, try Self.json(rows)]
        )
        let id = database.lastInsertedRowID
        try database.execute(
            sql: """
                DELETE FROM settings_change WHERE id NOT IN
                (SELECT id FROM settings_change ORDER BY id DESC LIMIT ?)
                """,
            arguments: [Self.capacity]
        )
        return id
    }

    /// Forgets a change that was taken back.
    public func remove(id: Int64) throws {
        try database.execute(sql: "DELETE FROM settings_change WHERE id = ?", arguments: [id])
    }

    fileprivate static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    fileprivate static func change(_ row: Row) throws -> StoredSettingsChange {
        StoredSettingsChange(
            id: row["id"],
            time: row["time"],
            person: row["person"],
            rows: try JSONDecoder().decode([StoredSettingsChange.Row].self, from: Data((row["content"] as String).utf8))
        )
    }
}

extension AccountStore {
    /// Changes the history and whatever belongs to it in one transaction: no other process changes the store meanwhile.
    ///
    /// - Throws: What `work` throws, or `AccountStoreError`; then nothing of the store has changed.
    public func changeSettings<Result>(_ work: (SettingsHistory) throws -> Result) throws -> Result {
        var failure: (any Error)?
        do throws(AccountStoreError) {
            return try write { database in
                do {
                    return try work(SettingsHistory(database: database))
                } catch {
                    if !(error is DatabaseError) { failure = error }
                    throw error
                }
            }
        } catch {
            throw failure ?? error
        }
    }

    /// The changes of settings, newest first, at most `limit`.
    public func settingsChanges(limit: Int) throws(AccountStoreError) -> [StoredSettingsChange] {
        try read { database in
            let sql = "SELECT * FROM settings_change ORDER BY id DESC LIMIT ?"
            return try Row.fetchAll(database, sql: sql, arguments: [max(0, limit)]).map(SettingsHistory.change)
        }
    }

    /// The change of this number; nil when there is none.
    public func settingsChange(id: Int64) throws(AccountStoreError) -> StoredSettingsChange? {
        try read { database in
            let sql = "SELECT * FROM settings_change WHERE id = ?"
            return try Row.fetchOne(database, sql: sql, arguments: [id]).map(SettingsHistory.change)
        }
    }
}
