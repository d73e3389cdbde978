import AccountStore
import Addresses
import STUNAuthentication
import ServerSettings
import Testing

@Suite("Credentials of settings and store together")
struct CredentialsTests {
    @Test("A user of both is the one of the settings, and that is told")
    func users() throws {
        let stored = [try StoredUser("alice", password: "stored"), try StoredUser("bob")]
        let credentials = Credentials(try settings("turn-users: alice:written carol:written"), users: stored)
        #expect(credentials.users.count == 3 && credentials.book.userCount == 3)
        #expect(credentials.users[0] == StoredCredential(username: "alice", realm: "stund", password: "written"))
        #expect(credentials.users[2] == StoredCredential(username: "bob", realm: "stund", password: "secret"))
        #expect(credentials.warnings.count == 1 && credentials.warnings[0].contains("\"alice\""))
        #expect(Credentials(Settings(), users: stored).warnings.isEmpty)
    }

    @Test("A user of the fleet counts where neither settings nor store have one of the name, and that is told")
    func fleetUsers() throws {
        let fleet = [
            try StoredUser("alice", password: "fleet"), try StoredUser("bob", password: "fleet"),
            try StoredUser("dora"),
            try StoredUser("eve", realm: "elsewhere"),
        ]
        let settings = try settings("turn-users: alice:written")
        let credentials = Credentials(settings, users: [try StoredUser("bob")], fleetUsers: fleet)
        #expect(credentials.users.map(\.username) == ["alice", "bob", "dora"])
        #expect(credentials.users[0] == StoredCredential(username: "alice", realm: "stund", password: "written"))
        #expect(credentials.users[1] == StoredCredential(username: "bob", realm: "stund", password: "secret"))
        #expect(
            credentials.warnings.count == 1 && credentials.warnings[0].contains("\"alice\" and 1 more of the fleet")
        )
    }

    @Test(
        "Secrets of the fleet come after those of this server, at most eight together are in use, and a retired one is"
    )
    func fleetSecrets() throws {
        let settings = try settings("turn-secrets: web=0123456789abcdef")
        let fleet =
            (0..<9).map { StoredSecret(id: "f\($0)", secret: "fleet-\($0)", created: 1) }
            + [
                StoredSecret(id: "web", secret: "another of this id", created: 1),
                StoredSecret(id: "gone", secret: "local", created: 1, retired: 2),
            ]
        let local = [StoredSecret(id: "local", secret: "local", created: 1)]
        let all = Credentials(settings, secrets: local, fleetSecrets: fleet)
        #expect(all.secrets.filter { !$0.isRetired }.map(\.id) == ["web"] + (0..<6).map { "f\($0)" })
        #expect(all.secrets.filter(\.isRetired).map(\.id) == ["gone", "local"])
        #expect(all.secrets.first { $0.id == "f0" }?.origin == .fleet)
        #expect(all.warnings.contains { $0.contains(#""local" of the store is retired too"#) })
    }

    @Test("Keys of the settings are used; a missing one is replaced by a key that nobody has")
    func keys() throws {
        let whole = StoredCredential(username: "user", realm: "realm", password: "pass")
        let md5 = "0x8493fbc53ba582fb4c044c456bdc40eb"
        let loaded = try settings("realm: realm\nturn-users: user:\(md5)")
        let one = Credentials(loaded).users[0]
        #expect(one.userHash == whole.userHash && one.md5 == whole.md5 && one.sha256 != whole.sha256)
        #expect(Credentials(loaded).users[0].sha256 != one.sha256)
    }

    @Test("A realm with several addresses is one realm; the first is the default")
    func realms() throws {
        let loaded = try settings("realm: b a@192.0.2.1 b@192.0.2.2 a@2001:db8::1")
        let realms = Credentials(loaded).realms
        #expect(realms.map(\.name) == ["b", "a"])
        #expect(realms.map { $0.serverAddresses.map(\.description) } == [["192.0.2.2"], ["192.0.2.1", "2001:db8::1"]])
        #expect(Credentials(loaded).book.realm(at: IPAddress(v4: 0xC000_0201)) == 1)
    }

    @Test("New credentials are made of the first secret of the settings, else of the newest in the store")
    func secrets() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        #expect(try Credentials(Settings(), store).secretInUse == nil)
        for id in ["old", "new"] { try store.add(StoredSecret(id: id, created: 1), beside: Settings()) }
        #expect(try Credentials(Settings(), store).secretInUse?.id == "new")
        try store.retireSecret(id: "old", at: 2)
        let loaded = try settings("turn-secrets: web=0123456789abcdef 0123456789abcdeg\nretired-turn-secrets: gone")
        let all = try Credentials(loaded, store)
        #expect(all.secrets.map(\.id) == ["web", "turn-secrets-2", "new", "retired-turn-secrets-1", "old"])
        #expect(all.secrets.map(\.isRetired) == [false, false, false, true, true])
        #expect(all.secrets.map(\.origin) == [.settings, .settings, .store, .settings, .store])
        #expect(all.book.secrets.map(\.name) == all.secrets.map(\.id))
        #expect(all.book.secrets.map { $0.state == .retired } == all.secrets.map(\.isRetired))
        #expect(all.warnings.isEmpty)
    }

    @Test("A secret that is retired in one place is retired in the other too, by its value, and that is told")
    func retiredByValue() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let leaked = "0123456789abcdef"
        try store.add(StoredSecret(id: "here", secret: leaked, created: 1), beside: Settings())
        let bySettings = try Credentials(try settings("retired-turn-secrets: gone=\(leaked)"), store)
        #expect(bySettings.secretInUse == nil && bySettings.book.secrets.allSatisfy { $0.state == .retired })
        #expect(bySettings.warnings.count == 1 && bySettings.warnings[0].contains(#""here" of the store is retired"#))
        try store.retireSecret(id: "here", at: 2)
        let byStore = try Credentials(try settings("turn-secrets: web=\(leaked) 0123456789abcdeg"), store)
        #expect(byStore.secrets.filter { !$0.isRetired }.map(\.secret) == ["0123456789abcdeg"])
        #expect(byStore.warnings.count == 1 && byStore.warnings[0].contains(#""web" of the settings is retired"#))
        #expect(byStore.warnings.allSatisfy { !$0.contains(leaked) })
    }

    @Test("Two secrets of one id are told")
    func equalIDs() throws {
        let stored = [StoredSecret(id: "web", created: 1)]
        let warnings = Credentials(try settings("turn-secrets: web=0123456789abcdef"), secrets: stored).warnings
        #expect(warnings.count == 1 && warnings[0].contains(#"two secrets are called "web""#))
    }

    @Test("A user of the store in a realm that the settings don't have cannot log in, and that is told once a realm")
    func otherRealm() throws {
        let stored = [
            try StoredUser("alice"), try StoredUser("bob", realm: "old"), try StoredUser("carol", realm: "old"),
        ]
        let credentials = Credentials(Settings(), users: stored)
        #expect(credentials.users.count == 1 && credentials.book.userCount == credentials.users.count)
        #expect(credentials.warnings.count == 1)
        let warning = try #require(credentials.warnings.first)
        #expect(warning.hasPrefix(#"the user "bob" and 1 more in the store can't log in"#))
        #expect(warning.contains(#"the realm "old""#))
        #expect(Credentials(try settings("realm: stund old@192.0.2.1"), users: stored).warnings.isEmpty)
    }
}
