import AccountStore
import Addresses
import Foundation
import Observability
import ServerCore
import ServerSettings
import Testing
import WireFixtures

@testable import STUNAuthentication
@testable import ServerRuntime

@Suite("Users, secrets and quotas of a running server")
final class RelayServiceTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stund-service-\(UUID())")
    private var database: String { folder.path + "/state/stund.sqlite" }

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func settings(_ change: (inout Settings) -> Void = { _ in }) -> Settings {
        var settings = Settings()
        settings.address = [.loopbackV4]
        change(&settings)
        return settings
    }

    private func service(_ settings: Settings) throws -> RelayService {
        try #require(try RelayService(settings, database: database))
    }

    private func book(_ service: RelayService, _ settings: Settings) throws -> CredentialBook {
        let credentials = try service.read(settings)
        service.adopt(credentials)
        return service.policy(settings, credentials, listening: try ListenPlan(settings, host: [])).authenticator.book
    }

    private func user(_ name: String) throws -> StoredUser {
        let text = try (OpaqueString(name), OpaqueString("stund"), OpaqueString("secret"))
        return StoredUser(name: text.0, realm: text.1, password: text.2, created: 0)
    }

    @Test("without TURN nothing is opened or made")
    func off() throws {
        #expect(try RelayService(settings { $0.turn = false }, database: database) == nil)
        #expect(!FileManager.default.fileExists(atPath: database))
    }

    @Test(
        "a nonce of one server is good on the next with the same cluster-key (attacks row 20), unless nonce-key says else"
    )
    func fleetNonces() throws {
        let service = try service(settings())
        let other = try #require(try RelayService(settings(), database: folder.path + "/other/stund.sqlite"))
        let client = SocketAddress(.loopbackV4, port: 5)
        func isTaken(_ one: Settings, _ two: Settings) -> NonceCheck {
            let nonce = service.nonces(one).issue(for: client, at: 1_000_000)
            let bytes = nonce.characters.indices.map { nonce.characters[$0] }
            return other.nonces(two).check(bytes.raw, from: client.address, at: 1_000_001)
        }
        let alone = settings()
        let fleet = settings { $0.clusterKey = Array(0..<32) }
        let strangers = settings { $0.clusterKey = Array(1...32) }
        let keyed = settings {
            $0.clusterKey = Array(0..<32)
            $0.nonceKey = Array(2..<34)
        }
        #expect(isTaken(fleet, fleet) == .valid)
        #expect(isTaken(keyed, keyed) == .valid)
        #expect(isTaken(alone, alone) == .foreign)
        #expect(isTaken(fleet, strangers) == .foreign)
        #expect(isTaken(fleet, keyed) == .foreign)
    }

    @Test("the first start makes one secret, and the next ones keep it")
    func firstSecret() throws {
        let first = try service(settings())
        #expect(first.madeFirstSecret)
        #expect(first.credentials.secrets.map(\.id) == [StoredSecret.firstID])
        let second = try service(settings())
        #expect(!second.madeFirstSecret)
        #expect(second.credentials.secrets == first.credentials.secrets)
        #expect(try book(second, settings()).secrets.count == 1)
    }

    @Test("where the settings have a user or a secret none is made")
    func ownUsers() throws {
        let loaded = try Settings.load(
            from: SettingsSources(file: folder.path + "/none.yaml", flags: ["turn-users": "alice:wonderland"])
        )
        let service = try service(loaded.settings)
        #expect(!service.madeFirstSecret)
        #expect(service.credentials.secrets.isEmpty && service.credentials.users.count == 1)
    }

    @Test("users and secrets that are added or removed meanwhile are there, or gone, with the next policy")
    func reload() throws {
        let service = try service(settings())
        #expect(try book(service, settings()).userCount == 0)
        // Another process, as `stund user add` is.
        let other = try AccountStore(path: database)
        try other.add(try user("alice"))
        try other.add(StoredSecret(id: "second", created: 1), beside: settings())
        // What is read and then refused for another reason is not in force.
        #expect(try service.read(settings()).users.count == 1)
        #expect(service.credentials.users.isEmpty)
        var book = try book(service, settings())
        #expect(book.userCount == 1 && book.secrets.count == 2)
        #expect(service.credentials.users.count == 1)
        try other.removeUser(name: "alice", realm: "stund")
        try other.retireSecret(id: "first", at: 2)
        book = try self.book(service, settings())
        #expect(book.userCount == 0)
        #expect(book.secrets.count { $0.state == .current } == 1)
    }

    @Test("what users have relayed this month outlives a restart, and what they have not relayed is not written")
    func usage() throws {
        let first = try service(settings())
        let month = RelayService.month
        let keys = [AccountKey(high: 0x0123, low: .max), AccountKey(high: .max, low: 7), AccountKey(high: 1, low: 2)]
        let accounts = keys.map { first.ledger.account(for: $0, month: month) }
        accounts[0].add(bytes: 1_000_000, month: month)
        accounts[1].add(bytes: 5, month: month)
        try first.saveUsage()
        let second = try service(settings())
        let restored = second.ledger.snapshot(month: month).sorted { $0.bytes > $1.bytes }
        #expect(
            restored == [
                AccountUsage(key: keys[0], bytes: 1_000_000, allocations: 0),
                AccountUsage(key: keys[1], bytes: 5, allocations: 0),
            ]
        )
        // Further bytes are added to those.
        second.ledger.account(for: keys[1], month: month).add(bytes: 3, month: month)
        try second.saveUsage()
        #expect(try service(settings()).ledger.account(for: keys[1], month: month).bytes(in: month) == 8)
    }

    @Test("only accounts that have relayed more since the last save are written, and all of them in a new month")
    func savedUsage() {
        let (first, second) = (AccountKey(high: 1, low: 1), AccountKey(high: 1, low: 2))
        let (november, december) = (AccountMonth(unixSeconds: 1_795_525_663), AccountMonth(unixSeconds: 1_798_117_663))
        var saved = SavedUsage([AccountUsage(key: first, bytes: 5, allocations: 0)], month: november)
        let now = [
            AccountUsage(key: first, bytes: 5, allocations: 1), AccountUsage(key: second, bytes: 7, allocations: 0),
            AccountUsage(key: AccountKey(high: 1, low: 3), bytes: 0, allocations: 1),
        ]
        #expect(saved.changes(in: now, month: november).map(\.key) == [second])
        saved.take(saved.changes(in: now, month: november), month: november)
        #expect(saved.changes(in: now, month: november).isEmpty)
        #expect(saved.changes(in: now, month: december).map(\.key) == [first, second])
        saved.take([now[1]], month: december)
        #expect(saved.changes(in: now, month: december).map(\.key) == [first])
    }

    @Test(
        "two servers with one nonce-key of any allowed length accept each other's nonces, those with others do not",
        arguments: [16, 20, 32, 64]
    )
    func nonceKey(length: Int) throws {
        let key = [UInt8](repeating: 0xA7, count: length)
        let with = { (key: [UInt8]?) throws in
            let settings = self.settings { $0.nonceKey = key }
            let client = SocketAddress(.loopbackV4, port: 5)
            return try self.service(settings).nonces(settings).issue(for: client, at: 1_700_000_000)
        }
        #expect(try with(key) == with(key))
        #expect(try with(key) != with(key.dropLast() + [0]))
        #expect(try with(key) != with(nil) && with(nil) != with(nil))
    }

    @Test("a store that cannot be opened refuses the start, with its path and what to do")
    func damaged() throws {
        let settings = settings()
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("state"),
            withIntermediateDirectories: true
        )
        try Data("this is no database, though it is long enough to be looked at as one".utf8)
            .write(to: URL(fileURLWithPath: database))
        let error = #expect(throws: StartError.self) { try RelayService(settings, database: database) }
        #expect(error?.code == .settingsRefused)
        #expect(error?.description.hasPrefix("users and secrets: \(database) can't be used (") == true)
        try FileManager.default.removeItem(atPath: database)
        try FileManager.default.createDirectory(atPath: database, withIntermediateDirectories: true)
        #expect(throws: StartError.self) { try RelayService(settings, database: database) }
    }
}
