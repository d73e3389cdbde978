import AccountStore
import Foundation
import ServerSettings
import Synchronization
import Testing

@testable import Administration

@Suite("A write that fails leaves the old settings and says so", .enabled(if: Mounts.arePossible))
struct FailingWriteTests {
    private let admin = AdministeredServer.admin

    @Test("The disk of the settings file is full")
    func fullDisk() async throws {
        try await withFileSystem("size=8k") { folder in
            // The file takes one page of two; a copy of it and the new one do not fit.
            let text = "log-level: 5\n# " + String(repeating: "x", count: 3000) + "\n"
            try await expectRefusal("No space left on device", file: folder + "/stund.yaml", text)
        }
    }

    @Test("The folder of the settings file is read-only")
    func readOnly() async throws {
        try await withFileSystem("size=64k") { folder in
            let file = folder + "/stund.yaml"
            try "log-level: 5\n".write(toFile: file, atomically: false, encoding: .utf8)
            try run("mount", "-o", "remount,ro", folder)
            try await expectRefusal("Read-only file system", file: file, nil)
        }
    }

    @Test("The file is mounted by itself, so that nothing can take its place")
    func mountedFile() async throws {
        try await withFileSystem("size=64k") { folder in
            for name in ["real", "stund.yaml"] {
                try "log-level: 5\n".write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
            }
            try run("mount", "--bind", folder + "/real", folder + "/stund.yaml")
            defer { try? run("umount", folder + "/stund.yaml") }
            try await expectRefusal("is mounted as a single file", file: folder + "/stund.yaml", nil)
        }
    }

    @Test("The disk of the store is full: the file that was changed already is put back")
    func fullStore() async throws {
        try await withFileSystem("size=512k") { disk in
            let folder = try TemporaryFolder()
            let file = folder.path + "/stund.yaml"
            try "log-level: 5\n".write(toFile: file, atomically: false, encoding: .utf8)
            let server = try RunningDouble(SettingsSources(file: file))
            let database = disk + "/state/stund.sqlite"
            let administrator = try Administrator(server, settingsFrom: server.sources, database: database)
            // Whatever room there is goes, down to the last page.
            for size in [65536, 4096, 1] {
                let path = disk + "/filler-\(size)"
                _ = FileManager.default.createFile(atPath: path, contents: nil)
                let handle = try #require(FileHandle(forWritingAtPath: path))
                while (try? handle.write(contentsOf: Data(count: size))) != nil {}
            }
            // SQLite reuses what it has of its log; at last there is no room.
            var refusal: SettingsRefusal?
            for number in 1...2000 where refusal == nil {
                let value = "http-user: " + String(repeating: "u", count: 200) + "\(number)"
                do {
                    _ = try await administrator.apply(
                        SettingsChange(["http-user": String(value.dropFirst(11))]),
                        by: admin
                    )
                } catch let error as SettingsRefusal {
                    refusal = error
                }
            }
            #expect(refusal?.description.contains("full") == true, "\(String(describing: refusal))")
            let inFile = try Settings.load(from: server.sources).settings
            #expect(inFile == server.settings.settings)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stund.yaml"])
        }
    }

    /// Changes the file, which must be refused with these words and stay.
    private func expectRefusal(_ words: String, file: String, _ text: String?) async throws {
        if let text { try text.write(toFile: file, atomically: false, encoding: .utf8) }
        let before = try String(contentsOfFile: file, encoding: .utf8)
        let state = try TemporaryFolder()
        let server = try RunningDouble(SettingsSources(file: file))
        let database = state.path + "/state/stund.sqlite"
        let administrator = try Administrator(server, settingsFrom: server.sources, database: database)
        let refusal = try await #require(throws: SettingsRefusal.self) {
            try await administrator.apply(SettingsChange(["log-level": "8"]), by: admin)
        }
        #expect(refusal.description.contains(words), "\(refusal)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
        #expect(server.settings.settings.logLevel == 5 && server.told.withLock { $0.isEmpty })
        #expect(try await administrator.settingsHistory(limit: 9).isEmpty)
        let folder = (file as NSString).deletingLastPathComponent
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { !$0.hasPrefix(".") })
    }

    /// A small file system of its own, as long as `work` takes.
    private func withFileSystem(_ options: String, _ work: (String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        try run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.path)
        do {
            try await work(folder.path)
        } catch {
            try? run("umount", "-l", folder.path)
            throw error
        }
        try run("umount", "-l", folder.path)
    }
}

private struct CommandFailed: Error {
    let words: [String]
}

private func run(_ words: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CommandFailed(words: words) }
}

private enum Mounts {
    /// Whether the tests may mount file systems: as root outside of most containers.
    static let arePossible: Bool = {
        guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
        guard (try? run("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder.path)) != nil else { return false }
        return (try? run("umount", folder.path)) != nil
    }()
}
