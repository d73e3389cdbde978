// Unsafe: the calls of POSIX take C pointers. They stand here because Foundation has no fsync of a folder, no open that
// does not wait for a pipe, and no temporary file that keeps an owner.
import Glibc

/// A file's bytes, and what a replacement must keep.
struct FileContent: Equatable {
    let bytes: [UInt8]
    /// False for a device such as /dev/null.
    let isRegular: Bool
    /// Permission bits.
    let mode: UInt32
    let owner: UInt32
    let group: UInt32
}

/// Reads and replaces small files.
enum FileAccess {
    /// The largest settings file, in bytes.
    static let largest = 1 << 20

    /// The file at `path`; nil when there is none.
    static func read(_ path: String) throws(SettingsError) -> FileContent? {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw error(path, "is no path of a file") }
        // O_NONBLOCK: opening a pipe must not wait for its other end.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(path, "cannot be read")
        }
        defer { close(descriptor) }
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw failure(path, "cannot be read") }
        switch info.st_mode & S_IFMT {
        case S_IFREG, S_IFCHR: break
        case S_IFDIR: throw error(path, "is a folder: name the settings file in it")
        default: throw error(path, "is not a regular file")
        }
        let bytes = try readAll(descriptor, path)
        return FileContent(
            bytes: bytes,
            isRegular: info.st_mode & S_IFMT == S_IFREG,
            mode: info.st_mode & 0o7777,
            owner: info.st_uid,
            group: info.st_gid
        )
    }

    private static func readAll(_ descriptor: Int32, _ path: String) throws(SettingsError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, "cannot be read") }
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= largest else { throw error(path, "is larger than 1 MiB: this is no settings file") }
        }
    }

    /// The path with all symbolic links followed; `path` itself when nothing is there.
    static func followingLinks(_ path: String) throws(SettingsError) -> String {
        if let resolved = unsafe realpath(path, nil) {
            defer { unsafe free(resolved) }
            return unsafe String(cString: resolved)
        }
        var info = stat()
        guard errno == ENOENT, unsafe lstat(path, &info) != 0 else {
            throw error(path, "is a symbolic link to a file that is not there: make that file, or remove the link")
        }
        return path
    }

    /// A file that was replaced, as long as that may be undone.
    struct Replacement {
        let path: String
        /// A copy of the old file; nil when there was none.
        let backup: String?

        /// The new file stays.
        func keep() {
            if let backup { unsafe unlink(backup) }
        }

        /// Puts the old file back, which takes no room on the disk.
        func undo() throws(SettingsError) {
            let result = if let backup { unsafe rename(backup, path) } else { unsafe unlink(path) }
            guard result == 0 else { throw failure(path, "cannot be put back as it was") }
            flushFolder(of: path)
        }
    }

    /// Puts `bytes` in the place of the file at `path`, which is no link, in one step: old or new, never a part.
    ///
    /// Keeps owner and mode of `old`; a file that is new gets mode 0600.
    static func replace(_ path: String, with bytes: [UInt8], old: FileContent?) throws(SettingsError) -> Replacement {
        removeLeftovers(in: folder(of: path))
        // Made first: undoing must not need room that the disk may no longer have.
        let backup: String? = if let old { try make(old.bytes, like: old, beside: path) } else { nil }
        do throws(SettingsError) {
            let new = try make(bytes, like: old, beside: path)
            do throws(SettingsError) {
                // Somebody may have saved the file from an editor meanwhile: their work is not overwritten.
                guard try read(path)?.bytes == old?.bytes else { throw error(path, "was changed meanwhile: try again") }
                guard unsafe rename(new, path) == 0 else {
                    if errno == EBUSY { throw error(path, "is mounted as a single file: mount its folder instead") }
                    throw failure(path, "cannot be replaced")
                }
            } catch {
                unsafe unlink(new)
                throw error
            }
        } catch {
            if let backup { unsafe unlink(backup) }
            throw error
        }
        flushFolder(of: path)
        return Replacement(path: path, backup: backup)
    }

    /// A new file beside `path` with these bytes, on the disk, owned as `old` is; the path of it.
    private static func make(
        _ bytes: [UInt8],
        like old: FileContent?,
        beside path: String
    ) throws(SettingsError) -> String {
        let name = leftoverPrefix + String(UInt64.random(in: .min ... .max), radix: 16) + leftoverSuffix
        let temporary = folder(of: path) + name
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path, "cannot be changed, as no file can be made in its folder") }
        do throws(SettingsError) {
            defer { close(descriptor) }
            try write(bytes, to: descriptor, path)
            if let old { try keep(old, descriptor, path) }
            guard fsync(descriptor) == 0 else { throw failure(path, "cannot be written") }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        return temporary
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
    }

    /// The new file is in place by now; this only decides whether a power cut may undo that.
    private static func flushFolder(of path: String) {
        let descriptor = unsafe open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static let leftoverPrefix = ".stund-"
    private static let leftoverSuffix = ".tmp"

    /// Removes what a process that was killed in the middle of a change has left: it may hold secrets.
    ///
    /// Only what is older than a change can take, as another process may be at work.
    private static func removeLeftovers(in folder: String) {
        guard let stream = unsafe opendir(folder) else { return }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(leftoverPrefix), name.hasSuffix(leftoverSuffix) else { continue }
            var info = stat()
            guard unsafe lstat(folder + name, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
                time(nil) - info.st_mtim.tv_sec > 60
            else { continue }
            unsafe unlink(folder + name)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(SettingsError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path, "cannot be written") }
            rest = rest.dropFirst(count)
        }
    }

    private static func keep(_ old: FileContent, _ descriptor: Int32, _ path: String) throws(SettingsError) {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw failure(path, "cannot be written") }
        if info.st_uid != old.owner || info.st_gid != old.group {
            guard fchown(descriptor, old.owner, old.group) == 0 else {
                throw failure(path, "belongs to another user or group, and a new version cannot be given to them")
            }
        }
        // After fchown, which clears set-id bits.
        guard fchmod(descriptor, old.mode) == 0 else { throw failure(path, "cannot be written") }
    }

    private static func failure(_ path: String, _ what: String) -> SettingsError {
        error(path, "\(what): \(unsafe String(cString: strerror(errno)))")
    }

    private static func error(_ path: String, _ message: String) -> SettingsError {
        SettingsError(.init(.file(path, line: nil), message))
    }
}
