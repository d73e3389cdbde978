// Unsafe: getpwnam, initgroups, clinux_give_folder and execv work with C strings and structures, none of which outlives its call.
import CLinux
import Foundation
import Glibc
import ServerSettings

/// The user that a server becomes which was started as root (`run-as`).
struct HostUser: Sendable {
    /// The name, as the settings have it.
    let name: String
    private let uid: uid_t
    private let gid: gid_t

    /// Looks a user up, before anything is opened; nil when the server is this user already.
    init?(named name: String) throws(Failure) {
        guard let entry = unsafe getpwnam(name) else {
            throw Failure(
                .configuration,
                "run-as: this host has no user \"\(name)\": make it (`useradd --system \(name)`) or name another one"
            )
        }
        self.name = name
        uid = unsafe entry.pointee.pw_uid
        gid = unsafe entry.pointee.pw_gid
        guard uid != geteuid() else { return nil }
        guard geteuid() == 0 else {
            throw Failure(
                .noPermission,
                "run-as: only root can become \"\(name)\": start stund as root or as \(name), or take run-as out"
            )
        }
    }

    /// Whether this user may do so with a file; true as well when that cannot be asked.
    func may(_ mode: Int32, _ path: String) -> Bool { unsafe clinux_ask_access(path, mode, name, uid, gid) <= 0 }

    /// What would end the start: files that the server needs, and that this user may not have.
    func obstacles(_ settings: Settings, file: String) -> [String] {
        var obstacles: [String] = []
        let files = FileManager.default
        if files.fileExists(atPath: file), !may(R_OK, file) { obstacles.append(unreadableSettings(file)) }
        let certificate = [("tls-certificate", settings.tlsCertificate), ("tls-key", settings.tlsKey)]
        for (key, path) in certificate where settings.tlsCertificate != nil {
            guard let path, files.fileExists(atPath: path), !may(R_OK, path) else { continue }
            obstacles.append("run-as: \(name) may not read \(key) \(path); docs/certificates.md says how to let it")
        }
        if let logFile = settings.logFile, !may(W_OK, Self.written(of: logFile)) {
            obstacles.append(unwritableLog(logFile))
        }
        return obstacles
    }

    private func unreadableSettings(_ file: String) -> String {
        "run-as: \(name) cannot read \(file), so no change of it would ever be seen: `chgrp \(name) \(file)` and "
            + "`chmod 640 \(file)`"
    }

    private func unwritableLog(_ logFile: String) -> String {
        "run-as: \(name) cannot write to log-file \(logFile): name a file in a folder that belongs to \(name), or make it: "
            + "`install -o \(name) -m 640 /dev/null \(logFile)`"
    }

    /// What must be writable: the log file, or the folder where it will be.
    private static func written(of logFile: String) -> String {
        FileManager.default.fileExists(atPath: logFile)
            ? logFile : URL(fileURLWithPath: logFile).deletingLastPathComponent().path
    }

    /// Becomes this user for good, and begins the program anew as it: returns only by an error.
    ///
    /// A thread that has ended keeps its user, and the first one of this process has: so only a new program is the user's
    /// wholly. It keeps the process id, and what it was started with.
    /// - `folders`: those of the state, with what lies in them.
    /// - `settings`: a file that it must be able to read.
    /// - `logFile`: one that it must be able to write.
    func become(owning folders: Set<String>, reading settings: String, logFile: String?) throws(Failure) {
        for folder in folders {
            try? FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
            guard unsafe clinux_give_folder(folder, uid, gid) == 0 else { throw refusal("give it \(folder)") }
        }
        // Groups come first, as only root may change them.
        guard unsafe initgroups(name, gid) == 0, clinux_leave_root(uid, gid) == 0 else { throw refusal("become it") }
        guard !FileManager.default.fileExists(atPath: settings) || FileManager.default.isReadableFile(atPath: settings)
        else {
            throw Failure(.configuration, unreadableSettings(settings))
        }
        if let logFile { try checkWriting(to: logFile) }
        var words = unsafe CommandLine.arguments.map { unsafe strdup($0) } + [nil]
        unsafe execv("/proc/self/exe", &words)
        throw refusal("begin anew")
    }

    /// A log file is never given away: the settings, which the user may be able to change, name it.
    private func checkWriting(to logFile: String) throws(Failure) {
        guard !FileManager.default.isWritableFile(atPath: Self.written(of: logFile)) else { return }
        throw Failure(.configuration, unwritableLog(logFile))
    }

    private func refusal(_ what: String) -> Failure {
        let cause = unsafe String(cString: strerror(errno))
        return Failure(.osError, "run-as: the system does not let the server \(what) for \(name): \(cause)")
    }
}
