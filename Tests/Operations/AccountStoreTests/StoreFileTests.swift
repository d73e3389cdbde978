import Foundation
import GRDB
import Testing

@testable import AccountStore

@Suite("The file of the store")
struct StoreFileTests {
    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    private func set(_ path: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("The file and what SQLite puts beside it are for the owner alone, whatever the umask")
    func modes() throws {
        let before = umask(0)
        defer { umask(before) }
        let folder = try TemporaryFolder()
        let store = try folder.store()
        try store.add(try StoredUser("alice"))
        #expect(try mode(folder.path + "/state") == 0o700)
        for suffix in ["", "-wal", "-shm"] { #expect(try mode(folder.database + suffix) == 0o600, "\(suffix)") }
    }

    @Test("A file that others may read is for the owner alone from the next opening on, while another holds it open")
    func wideModes() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        try store.add(try StoredUser("alice"))
        let files = ["", "-wal", "-shm"].map { folder.database + $0 }
        for file in files { try set(file, 0o666) }
        #expect(try folder.store().warnings.isEmpty)
        for file in files { #expect(try mode(file) == 0o600, "\(file)") }
        try store.add(try StoredUser("bob"))
        #expect(try folder.store().users().count == 2)
    }

    @Test("A link in the place of a file beside it is not followed")
    func link() throws {
        let folder = try TemporaryFolder()
        _ = try folder.store()
        let other = folder.path + "/other"
        try Data().write(to: URL(fileURLWithPath: other))
        try set(other, 0o644)
        try? FileManager.default.removeItem(atPath: folder.database + "-wal")
        try FileManager.default.createSymbolicLink(atPath: folder.database + "-wal", withDestinationPath: other)
        #expect(StoreFile.tighten(folder.database).isEmpty)
        #expect(try mode(other) == 0o644)
    }

    @Test("Whoever finds the folder locked waits for a while, and is then told that it is in use")
    func locked() throws {
        let folder = try TemporaryFolder()
        let lock = try StoreFile.prepare(folder.database)
        #expect(throws: AccountStoreError.busy(folder.database)) {
            try StoreFile.prepare(folder.database, patience: .milliseconds(50))
        }
        withExtendedLifetime(lock) {}
    }

    @Test("A file that is empty becomes a store; one that is no database is refused and left as it was")
    func otherFiles() throws {
        let folder = try TemporaryFolder()
        let empty = folder.path + "/empty"
        try Data().write(to: URL(fileURLWithPath: empty))
        #expect(try AccountStore(path: empty).users().isEmpty)
        let text = folder.path + "/text"
        let content = Data(String(repeating: "no database ", count: 1000).utf8)
        try content.write(to: URL(fileURLWithPath: text))
        let error = #expect(throws: AccountStoreError.self) { try AccountStore(path: text) }
        guard case .damaged(text, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: text)) == content)
        #expect(error?.description.contains("move it away to begin anew") == true)
    }

    @Test("A file of a newer version is refused and left as it was")
    func newerVersion() throws {
        let folder = try TemporaryFolder()
        try folder.store().add(try StoredUser("alice"))
        let database = try DatabaseQueue(path: folder.database)
        try database.write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('2: something to come')")
        }
        #expect(throws: AccountStoreError.newerVersion(folder.database)) { try folder.store() }
        #expect(try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM user") } == 1)
    }

    @Test("A folder that cannot be made, and a file that is a folder, are told with their path")
    func noPlace() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: AccountStoreError.self) { try AccountStore(path: folder.path + "/a/b/c.sqlite") }
        #expect(error?.description.contains(folder.path + "/a/b") == true, "\(String(describing: error))")
        #expect(throws: AccountStoreError.self) { try AccountStore(path: folder.path) }
    }

    @Test("Changes of several connections at once all stand")
    func together() async throws {
        let folder = try TemporaryFolder()
        try await onThreads(4) { number in
            let store = try folder.store()
            for index in 0..<10 { try store.add(try StoredUser("user-\(number)-\(index)")) }
        }
        #expect(try folder.store().users().count == 40)
    }

    @Test("A reader sees whole changes while another connection writes")
    func readerBesideWriter() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.store()
        try await onThreads(2) { number in
            let store = try folder.store()
            for round in 0..<30 {
                if number == 0 {
                    let rows = (0..<20).map { UserUsage(account: "\($0)", bytes: Int64(round)) }
                    try store.save(rows, month: 1)
                } else {
                    #expect(Set(try store.usage(month: 1).map(\.bytes)).count <= 1)
                }
            }
        }
    }

    @Test("Wherever a crash cuts a change off, the next start finds the old state or the new one")
    func crash() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        try store.add(try StoredUser("old"))
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.database + "-wal")).count
        try store.add(try StoredUser("new"))
        let log = try Data(contentsOf: URL(fileURLWithPath: folder.database + "-wal"))
        try #require(log.count > before)
        let database = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        var seen: Set<[String]> = []
        for length in stride(from: before, through: log.count, by: 512) + [log.count] {
            let copy = try TemporaryFolder()
            let path = copy.path + "/stund.sqlite"
            try database.write(to: URL(fileURLWithPath: path))
            try log.prefix(length).write(to: URL(fileURLWithPath: path + "-wal"))
            let names = try AccountStore(path: path).users().map(\.name)
            #expect(names == ["old"] || names == ["new", "old"], "cut at \(length): \(names)")
            seen.insert(names)
        }
        #expect(seen == [["old"], ["new", "old"]])
    }
}
