import Foundation
import ServerSettings

/// What of the settings' user and files would end the start, found without starting.
struct StartObstacles {
    /// What was looked at, and what is wrong.
    private(set) var found: [(check: String, sentence: String)] = []

    /// Looks as whoever runs this program may.
    init(_ loaded: LoadedSettings) {
        let settings = loaded.settings
        if let fault = Self.faultOfLogFile(settings.logFile) { found.append(("log", fault)) }
        guard let name = settings.runAs else { return }
        do throws(Failure) {
            guard let user = try HostUser(named: name) else { return }
            let obstacles = user.obstacles(settings, file: loaded.file)
            // The log file has been told of already when its folder is not there.
            found += obstacles.filter { found.isEmpty || !$0.contains("log-file") }.map { ("run-as", $0) }
        } catch {
            // Whoever looks need not be the root who starts the server.
            if error.status != .noPermission { found.append(("run-as", error.description)) }
        }
    }

    private static func faultOfLogFile(_ path: String?) -> String? {
        guard let path else { return nil }
        let files = FileManager.default
        if files.fileExists(atPath: path + "/.") { return "log-file \(path) is a folder; name a file in it" }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard files.fileExists(atPath: path) || files.fileExists(atPath: folder) else {
            return "log-file \(path): there is no folder \(folder); make it, or name a file elsewhere"
        }
        return nil
    }
}
