import GRDB

/// The tables of the store, and how those of older versions become them.
enum StoreSchema {
    /// A step, once released, is never changed: a new one is added after it.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: users, secrets, usage") { database in
            try database.execute(
                sql: """
                    CREATE TABLE user (
                        name TEXT NOT NULL,
                        realm TEXT NOT NULL,
                        md5_key BLOB NOT NULL,
                        sha256_key BLOB NOT NULL,
                        created INTEGER NOT NULL,
                        comment TEXT NOT NULL,
                        PRIMARY KEY (name, realm)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE secret (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE,
                        secret TEXT NOT NULL,
                        created INTEGER NOT NULL,
                        retired INTEGER
                    ) STRICT;
                    CREATE TABLE usage (
                        account TEXT NOT NULL PRIMARY KEY,
                        month INTEGER NOT NULL,
                        bytes INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        migrator.registerMigration("2: history of settings, operators, tokens") { database in
            try database.execute(
                sql: """
                    CREATE TABLE settings_change (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        time INTEGER NOT NULL,
                        person TEXT,
                        content TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE settings_known (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        content TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE operator (
                        name TEXT NOT NULL PRIMARY KEY,
                        hash TEXT NOT NULL,
                        role TEXT NOT NULL,
                        created INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE token (
                        name TEXT NOT NULL PRIMARY KEY,
                        digest BLOB NOT NULL UNIQUE,
                        role TEXT NOT NULL,
                        created INTEGER NOT NULL,
                        expires INTEGER
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        return migrator
    }
}
