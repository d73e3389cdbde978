import Foundation
import Glibc
import ServerSettings

/// Which files a server needs after its start.
struct SandboxPlan: Equatable, Sendable {
    /// What is read of any system: folders, as most of these files are replaced whole.
    ///
    /// Libraries, time zones, name service, certificates of OpenSSL, what the kernel tells, where `resolv.conf` may really lie.
    private static let system = [
        "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/run/systemd/resolve", "/run/resolvconf",
        "/run/NetworkManager", "/run/netconfig", "/run/credentials", "/dev/zero", "/dev/random", "/dev/urandom",
    ]
    /// Files that are read again and again, and may be links to anywhere.
    private static let systemFiles = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime"]

    /// What is read.
    let reading: [String]
    /// What is written, and read too.
    let writing: [String]
    /// Devices that are written: nothing is kept there.
    let devices: [String]
    /// What the server may write that is not its own, and what to do about it, a sentence each.
    let warnings: [String]

    init(_ settings: Settings, settingsFile: String, paths: StatePaths) {
        let own = [paths.stateFolder, paths.runtimeFolder].map(Self.real)
        let (file, log) = (Self.folders(of: settingsFile), settings.logFile.map(Self.places(ofLog:)) ?? [])
        writing = Self.unique(own + file + log)
        devices = ["/dev/null"] + Self.terminal
        warnings =
            file.filter { !own.contains($0) }.compactMap {
                Self.warning(of: $0, where: "the settings file", "/etc/stund")
            }
            + log.filter { !(own + file).contains($0) }
            .compactMap { Self.warning(of: $0, where: "log-file", "/var/log/stund") }
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
            !Self.places(ofLog: file).allSatisfy({ Self.lies($0, within: writing + devices) })
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

    /// Why a file cannot be read that the user may read, and what to do.
    func wall(before file: String) -> String {
        if let folder = Self.folders(of: file).first(where: { !Self.lies($0, within: reading + writing) }) {
            return
                "the sandbox keeps the server from \(folder), which was not a folder of its files when it started: start it "
                + "again, or put the file into the folder that it had then"
        }
        return
            "its folder has been replaced since the server started, and the sandbox keeps it from the new one: start the "
            + "server again, and from now on replace the files in the folder"
    }

    /// Folders of the system, where other programs have their files.
    private static let ofAll: Set<String> = [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
        "/run",
        "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin",
        "/usr/local/etc",
        "/usr/sbin", "/var", "/var/lib", "/var/tmp",
    ]

    /// Why it is unwise to have a file there: the kernel lets the server write in a folder, or not, as files there are replaced.
    ///
    /// nil for a folder that may be its own, and for one that its user may not write anyway. /var/log is where logs belong.
    private static func warning(of folder: String, where file: String, _ better: String) -> String? {
        let above = (folder as NSString).deletingLastPathComponent
        let isHome = folder == "/root" || ["/home", "/var/home", "/export/home", "/usr/home"].contains(above)
        guard isHome || ofAll.contains(folder), FileManager.default.isWritableFile(atPath: folder) else { return nil }
        return
            "the sandbox leaves all of \(folder) to the server, as \(file) is there; give it a folder of its own, such as "
            + "\(isHome ? folder + "/stund" : better)"
    }

    /// The terminal that the log is written to, which is opened anew each time so as not to wait (Ctrl-S); none in the background.
    private static var terminal: [String] { isatty(STDERR_FILENO) == 1 ? ["/proc/self/fd/\(STDERR_FILENO)"] : [] }

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
