// Unsafe: mkfifo and mknod take C strings, and Foundation makes no pipes and devices with a name.
import Foundation
import ServerSettings

/// A folder that is removed when nobody holds it any more.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "stund-settings-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in this folder, which is written when `content` is given.
    func file(_ name: String = "stund.yaml", _ content: String? = nil) throws -> String {
        let file = path + "/" + name
        if let content { try Data(content.utf8).write(to: URL(fileURLWithPath: file)) }
        return file
    }

    /// The path of a new named pipe in this folder.
    func pipe(_ name: String) throws -> String {
        let path = self.path + "/" + name
        guard unsafe mkfifo(path, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
        return path
    }

    /// The path of a device like /dev/null in this folder; nil where none can be made.
    ///
    /// Root gets one of its own: a test that went wrong must not replace the machine's.
    func nullDevice(_ name: String) -> String? {
        let path = self.path + "/" + name
        guard geteuid() == 0 else {
            let linked: Void? = try? FileManager.default.createSymbolicLink(
                atPath: path,
                withDestinationPath: "/dev/null"
            )
            return linked.map { path }
        }
        let majorOneMinorThree: dev_t = 0x103
        guard unsafe mknod(path, S_IFCHR | 0o600, majorOneMinorThree) == 0 else { return nil }
        return FileHandle(forReadingAtPath: path) == nil ? nil : path
    }
}

/// What loading came to.
struct Outcome {
    var loaded: LoadedSettings?
    var error: SettingsError?
    /// The printed error, without the name of the temporary folder; empty when there was none.
    var complaint = ""

    var settings: Settings? { loaded?.settings }
}

/// Loads settings; the file at `path` may be missing.
func load(path: String, environment: [String: String] = [:], flags: [String: String] = [:]) -> Outcome {
    do throws(SettingsError) {
        let sources = SettingsSources(file: path, environment: environment, flags: flags)
        return Outcome(loaded: try Settings.load(from: sources))
    } catch {
        let folder = (path as NSString).deletingLastPathComponent + "/"
        return Outcome(error: error, complaint: error.description.replacingOccurrences(of: folder, with: ""))
    }
}

/// Loads a settings file called `stund.yaml` with these bytes.
func load(_ content: Data, environment: [String: String] = [:], flags: [String: String] = [:]) throws -> Outcome {
    let folder = try TemporaryFolder()
    return try withExtendedLifetime(folder) {
        let path = try folder.file()
        try content.write(to: URL(fileURLWithPath: path))
        return load(path: path, environment: environment, flags: flags)
    }
}

/// Loads a settings file called `stund.yaml` with this text.
func load(_ content: String, environment: [String: String] = [:], flags: [String: String] = [:]) throws -> Outcome {
    try load(Data(content.utf8), environment: environment, flags: flags)
}
