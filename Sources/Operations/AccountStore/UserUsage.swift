import Foundation
import GRDB

/// How much a user has relayed in a month.
public struct UserUsage: Sendable, Hashable {
    /// The user's name.
    public let name: String
    /// The user's realm.
    public let realm: String
    /// Bytes in the month, both ways together.
    public let bytes: Int64

    /// Names an amount.
    public init(name: String, realm: String, bytes: Int64) {
        self.name = name
        self.realm = realm
        self.bytes = bytes
    }
}

/// A calendar month in UTC.
public struct CalendarMonth: Sendable, Hashable, CustomStringConvertible {
    /// The year and the month as one number: 202611.
    public let number: Int

    /// The month of a time in Unix seconds.
    public init(unixTime: Int64) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let date = calendar.dateComponents([.year, .month], from: Date(timeIntervalSince1970: Double(unixTime)))
        number = (date.year ?? 0) * 100 + (date.month ?? 0)
    }

    /// `2026-11`.
    public var description: String {
        let month = number % 100
        return "\(number / 100)-\(month < 10 ? "0" : "")\(month)"
    }
}

extension AccountStore {
    /// What users have relayed in `month`, by name and realm.
    public func usage(in month: CalendarMonth) throws(AccountStoreError) -> [UserUsage] {
        try read { database in
            let sql = "SELECT name, realm, bytes FROM usage WHERE month = ? ORDER BY name, realm"
            return try Row.fetchAll(database, sql: sql, arguments: [month.number]).map { row in
                UserUsage(name: row["name"], realm: row["realm"], bytes: row["bytes"])
            }
        }
    }

    /// Keeps what these users have relayed in `month` so far, and forgets all other months, in one transaction.
    ///
    /// Names of time-limited credentials may be new every day: only the running month is of use, and the file stays small.
    public func save(_ usage: [UserUsage], in month: CalendarMonth) throws(AccountStoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM usage WHERE month <> ?", arguments: [month.number])
            let statement = try database.makeStatement(
                sql: "INSERT OR REPLACE INTO usage (name, realm, month, bytes) VALUES (?, ?, ?, ?)"
            )
            for row in usage { try statement.execute(arguments: [row.name, row.realm, month.number, row.bytes]) }
        }
    }
}
