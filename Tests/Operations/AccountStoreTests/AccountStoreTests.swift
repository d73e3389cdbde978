import AccountStore
import Foundation
import GRDB
import STUNAuthentication
import ServerSettings
import Testing

@Suite("Users of the store")
struct UserTests {
    @Test("A user is added once, replaced only when asked to, and removed")
    func users() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let alice = try StoredUser("alice")
        try store.add(alice)
        try store.add(try StoredUser("alice", realm: "other"))
        let changed = try StoredUser("alice", password: "new", created: 2)
        #expect(throws: AccountStoreError.userExists(name: "alice", realm: "stund")) { try store.add(changed) }
        #expect(try store.users().map(\.realm) == ["other", "stund"])
        #expect(try store.users()[1] == alice)
        try store.add(changed, replacing: true)
        #expect(try folder.store().users()[1] == changed)
        try store.removeUser(name: "alice", realm: "stund")
        #expect(throws: AccountStoreError.noUser(name: "alice", realm: "stund")) {
            try store.removeUser(name: "alice", realm: "stund")
        }
        #expect(try store.users().map(\.realm) == ["other"])
    }

    @Test("Only keys are stored: those of RFC 8489 section 9.2.2, and nowhere the password")
    func keys() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        try store.add(try StoredUser("user", realm: "realm", password: "pass-that-is-nowhere"))
        let user = try StoredUser("user", realm: "realm", password: "pass")
        let key = user.md5Key.map { String($0, radix: 16) }.joined(separator: " ")
        #expect(key == "84 93 fb c5 3b a5 82 fb 4c 4 4c 45 6b dc 40 eb")
        #expect(user.sha256Key.count == 32)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state") {
            let data = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/state/" + file))
            #expect(data.range(of: Data("pass-that-is-nowhere".utf8)) == nil, "\(file)")
        }
    }

    @Test("Names that are commands elsewhere are stored and given back as they are (row 26)")
    func names() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let names = ["' ; -- ", "'); DROP TABLE user; --", "%s%n", "<script>", "../../etc/passwd", "\u{1F600}", "\\0"]
        for name in names { try store.add(try StoredUser(name)) }
        #expect(Set(try store.users().map(\.name)) == Set(names))
        for name in names { try store.removeUser(name: name, realm: "stund") }
        #expect(try store.users().isEmpty)
        for name in ["\0", "a\r\nb", "\u{1B}[2J"] { #expect(throws: OpaqueStringError.self) { try StoredUser(name) } }
    }
}

@Suite("Secrets of the store")
struct SecretTests {
    @Test("The newest one in use comes first, retired ones come last")
    func order() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        for id in ["a", "b", "c"] {
            try store.add(StoredSecret(id: id, secret: "secret-of-\(id)", created: 5), beside: Settings())
        }
        #expect(throws: AccountStoreError.secretExists("a")) {
            try store.add(StoredSecret(id: "a", created: 6), beside: Settings())
        }
        #expect(try store.secrets().map(\.id) == ["c", "b", "a"])
        try store.retireSecret(id: "c", at: 7)
        #expect(try store.secrets().map(\.id) == ["b", "a", "c"])
        #expect(try store.secrets().map(\.retired) == [nil, nil, 7])
        #expect(try store.secrets()[0].secret == "secret-of-b")
        #expect(throws: AccountStoreError.alreadyRetired("c")) { try store.retireSecret(id: "c", at: 8) }
        #expect(throws: AccountStoreError.noSecret("d")) { try store.retireSecret(id: "d", at: 8) }
        try store.removeSecret(id: "b")
        #expect(throws: AccountStoreError.noSecret("b")) { try store.removeSecret(id: "b") }
        #expect(try store.secrets().map(\.id) == ["a", "c"])
    }

    @Test("Eight secrets may be in use, those of the settings too: each may be tried for a request")
    func limit() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let written = try settings("turn-secrets: web=0123456789abcdef 0123456789abcdeg\nretired-turn-secrets: gone")
        for number in 3...8 { try store.add(StoredSecret(id: "\(number)", created: 1), beside: written) }
        #expect(throws: AccountStoreError.tooManySecrets(8)) {
            try store.add(StoredSecret(id: "9", created: 1), beside: written)
        }
        #expect(throws: AccountStoreError.secretExists("web")) {
            try store.add(StoredSecret(id: "web", created: 1), beside: written)
        }
        try store.retireSecret(id: "3", at: 2)
        try store.add(StoredSecret(id: "9", created: 3), beside: written)
        #expect(try store.secrets().count == 7)
    }

    @Test("A random secret is 43 letters of base64url, and never the same")
    func random() {
        let secrets = (0..<200).map { _ in StoredSecret.random() }
        #expect(Set(secrets).count == 200)
        #expect(secrets.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9_-]{43}/) != nil })
    }

    @Test("The secret of a first start is made once, however many ask at once, and never beside a user or a secret")
    func first() async throws {
        let folder = try TemporaryFolder()
        let standard = Settings()
        try await onThreads(8) { _ in
            let store = try folder.store()
            _ = try store.makeFirstSecret(for: standard, now: 9)
        }
        let store = try folder.store()
        let secrets = try store.secrets()
        #expect(secrets.map(\.id) == ["first"] && secrets.map(\.created) == [9])
        #expect(try !store.makeFirstSecret(for: standard, now: 10))
        #expect(try store.secrets() == secrets)
        try store.removeSecret(id: "first")
        for text in ["turn-users: a:b", "turn-secrets: a-long-enough-secret"] {
            #expect(try !store.makeFirstSecret(for: settings(text), now: 10), "\(text)")
        }
        try store.add(try StoredUser("alice"))
        #expect(try !store.makeFirstSecret(for: standard, now: 10))
        try store.removeUser(name: "alice", realm: "stund")
        #expect(try store.makeFirstSecret(for: standard, now: 10))
    }

    @Test("Retired secrets alone are no reason not to make the first one, which then has another id than they")
    func firstBesideRetired() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        #expect(try store.makeFirstSecret(for: Settings(), now: 1))
        let old = try #require(try store.secrets().first)
        #expect(try store.makeFirstSecret(for: settings("retired-turn-secrets: \(old.secret)"), now: 2))
        try store.retireSecret(id: "first", at: 3)
        try store.retireSecret(id: "first-2", at: 3)
        #expect(try store.makeFirstSecret(for: settings("retired-turn-secrets: an-old-secret"), now: 4))
        #expect(try store.secrets().map(\.id) == ["first-3", "first-2", "first"])
        #expect(try Credentials(Settings(), store).secretInUse?.id == "first-3")
    }
}

@Suite("Bytes of a month")
struct UsageTests {
    @Test("What accounts have relayed is kept for the running month, and only for it")
    func usage() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let rows = [UserUsage(account: "0a", bytes: .max), UserUsage(account: "0b", bytes: 0)]
        try store.save(rows, month: 682)
        try store.save([UserUsage(account: "0b", bytes: 7)], month: 682)
        #expect(try folder.store().usage(month: 682).map(\.bytes) == [.max, 7])
        #expect(try store.usage(month: 683).isEmpty)
        try store.save([rows[1]], month: 683)
        #expect(try store.usage(month: 683) == [rows[1]])
        #expect(try store.usage(month: 682).isEmpty)
    }

    @Test("The table is named after what it holds: an account, not a user's name")
    func columns() throws {
        let folder = try TemporaryFolder()
        _ = try folder.store()
        let names = try DatabaseQueue(path: folder.database).read { database in
            try database.columns(in: "usage").map(\.name)
        }
        #expect(names == ["account", "month", "bytes"])
    }
}
