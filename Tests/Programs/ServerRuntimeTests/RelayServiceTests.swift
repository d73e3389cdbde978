import Addresses
import Foundation
import PacketEngine
import STUNAuthentication
import ServerCore
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("What servers of a fleet share and what a server remembers")
struct RelayServiceTests {
    @Test(
        "two servers with one nonce-key of any allowed length accept each other's nonces, those with others do not",
        arguments: [16, 20, 32, 64]
    )
    func nonceKey(length: Int) throws {
        let key = String(repeating: "a7", count: length)
        let (one, other) = (try service("nonce-key: \(key)"), try service("nonce-key: \(key)"))
        let client = SocketAddress(IPAddress(v4: 0xC000_0201), port: 5)
        let nonce = one.issue(for: client, at: 1_700_000_000)
        #expect(other.issue(for: client, at: 1_700_000_000) == nonce)
        #expect(try service("nonce-key: b8\(key.dropFirst(2))").issue(for: client, at: 1_700_000_000) != nonce)
        #expect(try service("turn: on").issue(for: client, at: 1_700_000_000) != nonce)
    }

    private func service(_ text: String) throws -> NonceIssuer {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stund-relay-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("stund.yaml")
        try Data("address: 127.0.0.1\n\(text)\n".utf8).write(to: file)
        let settings = try Settings.load(from: SettingsSources(file: file.path)).settings
        return try #require(try RelayService(settings, database: folder.path + "/stund.sqlite")).nonces(settings)
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
}
