import Foundation
import ServerSettings

/// Which files a server needs after its start.
struct SandboxPlan: Equatable, Sendable {
    /// What is read of any system: folders, as most of these files are replaced whole.
    ///
    /// Libraries, time zones, name service, certificates of OpenSSL, what the kernel tells, where `resolv.conf` may really lie.
    private static let system = [
        "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/run/systemd/resolve", "/run/resolvconf",
        "/run/NetworkManager", "/run/netconfig", "/run/credentials",
    ]
    /// Files that are read again and again, and may be links to anywhere.
    private static let systemFiles = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime"]

    /// What is read.
    let reading: [String]
    /// What is written, and read too.
    let writing: [String]

    init(_ settings: Settings, settingsFile: String, paths: StatePaths) {
        let log = settings.logFile.map(Self.places(ofLog:)) ?? []
        writing = Self.unique(
            [paths.stateFolder, paths.runtimeFolder].map(Self.real) + Self.folders(of: settingsFile) + log
                + ["/dev/null"]
        )
        let files = Self.systemFiles + Self.certificates(settings).map(\.path)
        reading = Self.unique(Self.system + files.flatMap(Self.folders(of:)))
    }

    /// Why these settings cannot be taken over by a server that is held to this plan; nil when they can.
    ///
    /// The kernel never gives back what was taken, so this waits for the next start. What is as it was is not looked at: a link may
    /// lead elsewhere by now, which the certificate's own messages tell.
    func refusal(of settings: Settings, insteadOf running: Settings) -> String? {
        func sentence(_ key: String, _ path: String, _ what: String) -> String {
            "\(key): the server may no longer \(what) in the folder of \(path), since it gave that up after its start "
                + "(sandbox): change it in the settings file and start the server again"
        }
        if let file = settings.logFile, file != running.logFile,
            !Self.places(ofLog: file).allSatisfy({ Self.lies($0, within: writing) })
        {
            return sentence("log-file", file, "write")
        }
        let before = Self.certificates(running).map(\.path)
        for (key, path) in Self.certificates(settings)
        where !before.contains(path) && !Self.folders(of: path).allSatisfy({ Self.lies($0, within: reading + writing) })
        {
            return sentence(key, path, "read")
        }
        return nil
    }

    private static func certificates(_ settings: Settings) -> [(key: String, path: String)] {
        [("tls-certificate", settings.tlsCertificate), ("tls-key", settings.tlsKey)].compactMap { key, path in
            path.map { (key, $0) }
        }
    }

    /// The folders in which a file, and what it is a link to, are replaced.
    private static func folders(of file: String) -> [String] {
        var folders: [String] = []
        var path = URL(fileURLWithPath: file).path
        // As many links as the system follows (path_resolution(7)).
        for _ in 0..<40 {
            let folder = (path as NSString).deletingLastPathComponent
            folders.append(real(folder))
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { break }
            path = target.hasPrefix("/") ? target : folder + "/" + target
        }
        return unique(folders)
    }

    /// A log is a file in a folder, where it may be renamed, perhaps by way of links; or a device or pipe, which is all that is
    /// needed.
    private static func places(ofLog file: String) -> [String] {
        let path = URL(fileURLWithPath: file).path
        let kind = try? FileManager.default.attributesOfItem(atPath: real(path))[.type] as? FileAttributeType
        // What stays a link leads to a file that is not there yet, or to a pipe.
        if let kind, kind != .typeRegular, kind != .typeSymbolicLink { return [real(path)] }
        // /dev/stdout leads through /proc to the file, in whose folder it is.
        return folders(of: path).filter { folder in !["/dev", "/proc"].contains { lies(folder, within: [$0]) } }
    }

    private static func lies(_ path: String, within folders: [String]) -> Bool {
        folders.contains { path == $0 || $0 == "/" || path.hasPrefix($0 + "/") }
    }

    private static func real(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    private static func unique(_ paths: [String]) -> [String] {
        var found: [String] = []
        for path in paths where !found.contains(path) { found.append(path) }
        return found
    }
}
