package import AccountStore
import Foundation
import GRDB

/// The store of a fleet in an SQLite file that the servers of one host share.
package final class SQLiteClusterStore: ClusterStore {
    /// The path of the file.
    package let place: String
    private let database: DatabaseQueue

    /// Opens the file; makes it, readable for its owner alone, and its folder when they are not there.
    package init(path: String) throws(ClusterStoreError) {
        place = path
        do {
            let lock = try StoreFile.prepare(path)
            defer { withExtendedLifetime(lock) {} }
            _ = StoreFile.tighten(path)
            var configuration = Configuration()
            configuration.label = "stund.fleet"
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(1)
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.write { try $0.execute(sql: Self.schema) }
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS lease (
            kind TEXT NOT NULL, member TEXT NOT NULL, record BLOB NOT NULL, ends INTEGER NOT NULL,
            PRIMARY KEY (kind, member)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS account (
            kind TEXT NOT NULL, field TEXT NOT NULL, record BLOB NOT NULL, PRIMARY KEY (kind, field)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS single (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS version (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL)
            STRICT;
        INSERT OR IGNORE INTO version (one, number) VALUES (1, 0);
        CREATE TABLE IF NOT EXISTS drain (member TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
        """

    private enum Lease: String {
        case member, counts, totals
    }

    private enum Account: String {
        case user, secret
    }

    /// The wall clock, which all processes of a host share, in milliseconds.
    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    // MARK: Members

    package func publish(_ member: FleetMember, expiresIn lifetime: Duration) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member.name)
        let record = try StoreRecord.write(member, "the record of a server")
        try await lease(.member, of: member.name, record, lifetime)
    }

    package func members() async throws(ClusterStoreError) -> [FleetMember] {
        try await leases(.member).compactMap { StoreRecord.read($0.record, as: FleetMember.self) }
    }

    package func removeMember(named name: String) async throws(ClusterStoreError) {
        try StoreLimits.check(name: name)
        try await write { try $0.execute(sql: "DELETE FROM lease WHERE member = ?", arguments: [name]) }
    }

    private func lease(
        _ kind: Lease,
        of member: String,
        _ record: [UInt8],
        _ lifetime: Duration
    ) async throws(ClusterStoreError) {
        let (record, ends) = (Data(record), Self.now + StoreLimits.milliseconds(lifetime))
        try await write { database in
            try database.execute(sql: "DELETE FROM lease WHERE ends <= ?", arguments: [Self.now])
            try database.execute(
                sql: "INSERT OR REPLACE INTO lease (kind, member, record, ends) VALUES (?, ?, ?, ?)",
                arguments: [kind.rawValue, member, record, ends]
            )
            let sql = "SELECT count(*) FROM lease WHERE kind = ?"
            let count = try Int.fetchOne(database, sql: sql, arguments: [kind.rawValue]) ?? 0
            guard count <= StoreLimits.members else {
                throw ClusterStoreError.tooMany("servers", limit: StoreLimits.members)
            }
        }
    }

    private func leases(_ kind: Lease) async throws(ClusterStoreError) -> [(member: String, record: [UInt8])] {
        try await read { database in
            let sql = """
                SELECT member, record FROM lease WHERE kind = ? AND ends > ? AND length(record) <= ? ORDER BY member LIMIT ?
                """
            let most = CountRecord.size * StoreLimits.accounts
            let arguments: StatementArguments = [kind.rawValue, Self.now, most, StoreLimits.members]
            return try Row.fetchAll(database, sql: sql, arguments: arguments).map { row in
                (row["member"] as String, Array(row["record"] as Data))
            }
        }
    }

    // MARK: Users and secrets

    package func accountsVersion() async throws(ClusterStoreError) -> Int64 { try await read(Self.version) }

    package func accounts() async throws(ClusterStoreError) -> FleetAccounts {
        try await read { database in
            let users = try Self.records(.user, atMost: StoreLimits.users, database)
            let secrets = try Self.records(.secret, atMost: StoreLimits.secrets, database)
            let readUsers = users.compactMap { StoreRecord.read($0, as: UserRecord.self)?.user }
            let readSecrets = secrets.compactMap { StoreRecord.read($0, as: SecretRecord.self)?.stored }
            return FleetAccounts(
                version: try Self.version(database),
                users: readUsers,
                secrets: readSecrets,
                unreadable: users.count + secrets.count - readUsers.count - readSecrets.count
            )
        }
    }

    package func put(_ user: StoredUser) async throws(ClusterStoreError) {
        let record = try StoreRecord.write(UserRecord(user), "the record of a user")
        let field = UserRecord.field(name: user.name, realm: user.realm)
        try await put(.user, field, record, "users", atMost: StoreLimits.users)
    }

    package func removeUser(name: String, realm: String) async throws(ClusterStoreError) -> Bool {
        try await remove(.user, UserRecord.field(name: name, realm: realm))
    }

    package func put(_ secret: StoredSecret) async throws(ClusterStoreError) {
        let record = try StoreRecord.write(SecretRecord(secret), "the record of a secret")
        try await put(.secret, secret.id, record, "secrets", atMost: StoreLimits.secrets)
    }

    package func removeSecret(id: String) async throws(ClusterStoreError) -> Bool { try await remove(.secret, id) }

    private static func version(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT number FROM version") ?? 0
    }

    private static func records(_ kind: Account, atMost limit: Int, _ database: Database) throws -> [[UInt8]] {
        let sql = "SELECT record FROM account WHERE kind = ? AND length(record) <= ? LIMIT ?"
        let arguments: StatementArguments = [kind.rawValue, StoreLimits.recordBytes, limit]
        return try Data.fetchAll(database, sql: sql, arguments: arguments).map(Array.init)
    }

    private func put(
        _ kind: Account,
        _ field: String,
        _ record: [UInt8],
        _ what: String,
        atMost limit: Int
    ) async throws(ClusterStoreError) {
        let record = Data(record)
        try await write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO account (kind, field, record) VALUES (?, ?, ?)",
                arguments: [kind.rawValue, field, record]
            )
            let sql = "SELECT count(*) FROM account WHERE kind = ?"
            let count = try Int.fetchOne(database, sql: sql, arguments: [kind.rawValue]) ?? 0
            guard count <= limit else { throw ClusterStoreError.tooMany(what, limit: limit) }
            try database.execute(sql: "UPDATE version SET number = number + 1")
        }
    }

    private func remove(_ kind: Account, _ field: String) async throws(ClusterStoreError) -> Bool {
        try await write { database in
            let sql = "DELETE FROM account WHERE kind = ? AND field = ?"
            try database.execute(sql: sql, arguments: [kind.rawValue, field])
            guard database.changesCount > 0 else { return false }
            try database.execute(sql: "UPDATE version SET number = number + 1")
            return true
        }
    }

    // MARK: Quotas and statistics

    package func publish(
        _ counts: [AllocationCount],
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        try StoreLimits.check(counts)
        try await lease(.counts, of: member, CountRecord.write(counts), lifetime)
    }

    package func counts(elsewhereThan member: String) async throws(ClusterStoreError) -> [AllocationCount] {
        let members = Set(try await leases(.member).map(\.member))
        let others = try await leases(.counts).filter { $0.member != member && members.contains($0.member) }
        guard others.reduce(0, { $0 + $1.record.count }) <= StoreLimits.countBytes else {
            throw .tooLarge("what the servers count of accounts", limit: StoreLimits.countBytes)
        }
        return .sum(others.lazy.map { CountRecord.read($0.record) })
    }

    package func publish(
        _ totals: FleetTotals,
        of member: String,
        expiresIn lifetime: Duration
    ) async throws(ClusterStoreError) {
        try StoreLimits.check(name: member)
        let record = try StoreRecord.write(totals, "what a server has counted")
        try await lease(.totals, of: member, record, lifetime)
    }

    package func totals() async throws(ClusterStoreError) -> [String: FleetTotals] {
        let members = Set(try await leases(.member).map(\.member))
        let found = try await leases(.totals).compactMap { row in
            StoreRecord.read(row.record, as: FleetTotals.self).map { (row.member, $0) }
        }
        return Dictionary(found) { first, _ in first }.filter { members.contains($0.key) }
    }

    // MARK: The key of nonces, and drain

    package func nonceKey(orElse candidate: [UInt8]) async throws(ClusterStoreError) -> [UInt8] {
        try StoreLimits.check(nonceKey: candidate)
        let key = Data(candidate)
        return try await write { database in
            let sql = "INSERT OR IGNORE INTO single (name, value) VALUES ('nonce-key', ?)"
            try database.execute(sql: sql, arguments: [key])
            return try Data.fetchOne(database, sql: "SELECT value FROM single WHERE name = 'nonce-key'").map(Array.init)
                ?? candidate
        }
    }

    /// What stands for all servers: no server can be called so.
    private static let everybody = "*"

    package func setDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        let name = try Self.name(of: target)
        try await write { database in
            try database.execute(sql: "INSERT OR IGNORE INTO drain (member) VALUES (?)", arguments: [name])
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM drain") ?? 0
            guard count <= StoreLimits.drains + 1 else {
                throw ClusterStoreError.tooMany("servers that are asked to drain", limit: StoreLimits.drains)
            }
        }
    }

    package func clearDrain(_ target: DrainTarget) async throws(ClusterStoreError) {
        let name = try Self.name(of: target)
        try await write { try $0.execute(sql: "DELETE FROM drain WHERE member = ?", arguments: [name]) }
    }

    package func drains() async throws(ClusterStoreError) -> DrainSignals {
        var names = Set(try await read { try String.fetchAll($0, sql: "SELECT member FROM drain") })
        let all = names.remove(Self.everybody) != nil
        return DrainSignals(all: all, members: names)
    }

    private static func name(of target: DrainTarget) throws(ClusterStoreError) -> String {
        guard case .member(let name) = target else { return everybody }
        try StoreLimits.check(name: name)
        return name
    }

    // MARK: The file

    private func write<Result: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Result
    ) async throws(ClusterStoreError) -> Result {
        do {
            return try await database.write(work)
        } catch {
            throw Self.failure(error, place)
        }
    }

    private func read<Result: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Result
    ) async throws(ClusterStoreError) -> Result {
        do {
            return try await database.read(work)
        } catch {
            throw Self.failure(error, place)
        }
    }

    /// SQLite's own words name tables and columns, never what they hold.
    private static func failure(_ error: any Error, _ path: String) -> ClusterStoreError {
        switch error {
        case let error as ClusterStoreError: error
        case let error as DatabaseError: .file(path: path, reason: error.message ?? "\(error.resultCode)")
        case let error as AccountStoreError: .file(path: path, reason: error.description)
        default: .file(path: path, reason: "\(type(of: error))")
        }
    }
}
