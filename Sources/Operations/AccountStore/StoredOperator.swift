import GRDB

/// Somebody who may use the console.
public struct StoredOperator: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The hash of the password, as whoever checks it wrote that.
    public let hash: String
    /// What they may do, as whoever decides that wrote it.
    public let role: String
    /// When they were added, in Unix seconds.
    public let created: Int64

    /// Names somebody.
    public init(name: String, hash: String, role: String, created: Int64) {
        self.name = name
        self.hash = hash
        self.role = role
        self.created = created
    }

    fileprivate init(_ row: Row) {
        name = row["name"]
        hash = row["hash"]
        role = row["role"]
        created = row["created"]
    }
}

extension AccountStore {
    /// How many operators and how many tokens there may be.
    public static let mostOperators = 100

    /// All operators, by name.
    public func operators() throws(AccountStoreError) -> [StoredOperator] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM operator ORDER BY name").map(StoredOperator.init)
        }
    }

    /// The operator of this name; nil when there is none.
    public func storedOperator(name: String) throws(AccountStoreError) -> StoredOperator? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM operator WHERE name = ?", arguments: [name])
                .map(StoredOperator.init)
        }
    }

    /// Adds somebody, or gives them a new password and role.
    ///
    /// - Throws: `tooManyOperators`, or why the file could not be changed.
    public func set(_ person: StoredOperator) throws(AccountStoreError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO operator (name, hash, role, created) VALUES (?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, role = excluded.role
                    """,
                arguments: [person.name, person.hash, person.role, person.created]
            )
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM operator") ?? 0
            guard count <= Self.mostOperators else { throw AccountStoreError.tooManyOperators(Self.mostOperators) }
        }
    }

    /// Removes somebody.
    ///
    /// - Throws: `noOperator`, or why the file could not be changed.
    public func removeOperator(name: String) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM operator WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { throw AccountStoreError.noOperator(name) }
        }
    }
}
