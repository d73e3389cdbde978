import AccountStore
import Foundation
import ServerSettings

/// A folder that is removed when nobody holds it any more.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "stund-accounts-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Where a store in this folder is, in a folder of its own that is not there yet.
    var database: String { path + "/state/stund.sqlite" }

    func store() throws -> AccountStore { try AccountStore(path: database) }
}

extension StoredUser {
    init(_ name: String, realm: String = "stund", password: String = "secret", created: Int64 = 1) throws {
        self.init(
            name: try OpaqueString(name),
            realm: try OpaqueString(realm),
            password: try OpaqueString(password),
            created: created
        )
    }
}

/// The settings of a file with this text.
func settings(_ text: String) throws -> Settings {
    let folder = try TemporaryFolder()
    let file = folder.path + "/stund.yaml"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    return try withExtendedLifetime(folder) { try Settings.load(from: SettingsSources(file: file)).settings }
}

/// Does `work` on several threads at once, and waits for all.
func onThreads(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<count {
            group.addTask {
                try await withCheckedThrowingContinuation { continuation in
                    Thread { continuation.resume(with: Result { try work(number) }) }.start()
                }
            }
        }
        try await group.waitForAll()
    }
}
