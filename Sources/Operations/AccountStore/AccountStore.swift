import GRDB

/// Users, secrets and what users have relayed: one SQLite file that the server and the commands share.
///
/// Each change is one transaction, flushed to disk before it is told done: a crash leaves the old state or the new one.
public final class AccountStore: Sendable {
    /// The path of the file.
    public let path: String
    /// Sentences about the file that are to be told.
    public let warnings: [String]
    private let database: DatabaseQueue

    /// Opens the file; makes it, readable for its owner alone, and its folder when they are not there.
    ///
    /// - Throws: When this user may not write it, it is no database, or a newer version of the program has changed it.
    public init(path: String) throws(AccountStoreError) {
        self.path = path
        // Held until the tables stand: two processes may find the file new at the same time.
        let lock = try StoreFile.prepare(path)
        defer { withExtendedLifetime(lock) {} }
        warnings = StoreFile.tighten(path)
        database = try Self.open(path)
    }

    /// Opens the file; nil when there is none, and then none is made.
    ///
    /// - Throws: As `init(path:)`.
    public static func existing(at path: String) throws(AccountStoreError) -> AccountStore? {
        StoreFile.exists(path) ? try AccountStore(path: path) : nil
    }

    /// Does something with the database and gives errors of GRDB their sentence.
    func write<Result>(_ work: (Database) throws -> Result) throws(AccountStoreError) -> Result {
        do {
            return try database.write(work)
        } catch {
            throw AccountStoreError(error, path: path)
        }
    }

    /// Reads from one state of the database.
    func read<Result>(_ work: (Database) throws -> Result) throws(AccountStoreError) -> Result {
        do {
            return try database.read(work)
        } catch {
            throw AccountStoreError(error, path: path)
        }
    }

    private static func open(_ path: String) throws(AccountStoreError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "stund.accounts"
        // The server reads while a command writes.
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            // In WAL mode the default would lose the last changes in a power cut.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // A server that has entered its sandbox may open no file in /tmp.
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            let migrator = StoreSchema.migrator
            guard try !database.read(migrator.hasBeenSuperseded) else { throw AccountStoreError.newerVersion(path) }
            try migrator.migrate(database)
            return database
        } catch {
            throw AccountStoreError(error, path: path)
        }
    }
}
