import GRDB

/// How much a user has relayed in a month.
public struct UserUsage: Sendable, Hashable {
    /// The hash of the user's name and realm that quotas go by.
    ///
    /// Not the name: those of time-limited credentials are not known beforehand, and nobody need read them here.
    public let account: String
    /// Bytes in the month, both ways together.
    public let bytes: Int64

    /// Names an amount.
    public init(account: String, bytes: Int64) {
        self.account = account
        self.bytes = bytes
    }
}

// A month is a plain number here: the type that counts months is the core's, which this wing may not use.
extension AccountStore {
    /// What users have relayed in `month`, a number that no other month has.
    public func usage(month: Int64) throws(AccountStoreError) -> [UserUsage] {
        try read { database in
            let sql = "SELECT account, bytes FROM usage WHERE month = ? ORDER BY account"
            return try Row.fetchAll(database, sql: sql, arguments: [month]).map { row in
                UserUsage(account: row["account"], bytes: row["bytes"])
            }
        }
    }

    /// Keeps what these users have relayed in `month` so far, and forgets all other months, in one transaction.
    ///
    /// Users that are not named keep what they have in this month. Names of time-limited credentials may be new every
    /// day: only the running month is of use, and the file stays small.
    public func save(_ usage: [UserUsage], month: Int64) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM usage WHERE month <> ?", arguments: [month])
            let statement = try database.makeStatement(
                sql: "INSERT OR REPLACE INTO usage (account, month, bytes) VALUES (?, ?, ?)"
            )
            for row in usage { try statement.execute(arguments: [row.account, month, row.bytes]) }
        }
    }
}
