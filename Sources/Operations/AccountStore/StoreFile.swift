// Unsafe: open, stat, mkdir, fchmodat and flock take C pointers; every pointer stays inside its call. SQLite makes files by the
// umask, so a file with secrets is made here, before SQLite sees it.
import Glibc

/// The file of the store before SQLite opens it.
package enum StoreFile {
    /// A lock on the folder, given up with the last reference.
    package final class FolderLock: Sendable {
        private let descriptor: Int32

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    /// Makes the folder (mode 0700) and an empty file (mode 0600) where there are none, and locks the folder.
    ///
    /// The lock is on the folder, as closing any descriptor of the file would take SQLite's own locks away (fcntl(2)).
    /// Throws `busy` when another process holds it for as long as `patience`.
    package static func prepare(
        _ path: String,
        patience: Duration = .seconds(5)
    ) throws(AccountStoreError) -> FolderLock {
        let folder = folder(of: path)
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw failure(folder) }
        let descriptor = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        let lock = FolderLock(descriptor)
        try take(descriptor, path, until: .now + patience)
        try makeFile(path, in: descriptor)
        return lock
    }

    /// Whether there is a file, or something that keeps one from being seen.
    static func exists(_ path: String) -> Bool {
        var info = stat()
        return unsafe stat(path, &info) == 0 || errno != ENOENT && errno != ENOTDIR
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    /// A wait without an end would leave a command hanging that somebody else's stopped one has locked out.
    private static func take(
        _ descriptor: Int32,
        _ path: String,
        until deadline: ContinuousClock.Instant
    ) throws(AccountStoreError) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK:
                guard .now < deadline else { throw .busy(path) }
                usleep(20_000)
            default: throw failure(path)
            }
        }
    }

    /// Takes everybody but the owner the right to read or write the file and what SQLite keeps beside it, which hold
    /// secrets; a sentence for each that this user may not change.
    ///
    /// By path: closing a descriptor of the file would take away the locks of another connection (fcntl(2)). No link is
    /// followed, as root may do this in a folder of somebody else.
    package static func tighten(_ path: String) -> [String] {
        ["", "-wal", "-shm"].compactMap { suffix in
            let file = path + suffix
            var info = stat()
            guard unsafe lstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_mode & 0o177 != 0 else {
                return nil
            }
            guard unsafe fchmodat(AT_FDCWD, file, 0o600, AT_SYMLINK_NOFOLLOW) != 0 else { return nil }
            let mode = String(info.st_mode & 0o777, radix: 8)
            return "\(file) holds secrets and others may read it (mode 0\(mode)): `chmod 600` it as its owner"
        }
    }

    private static func makeFile(_ path: String, in folder: Int32) throws(AccountStoreError) {
        let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            guard errno == EEXIST else { throw failure(path) }
            return
        }
        defer { close(file) }
        // Root may run a command for a service that has not started yet: the file belongs to whom the folder does.
        var info = stat()
        guard unsafe fstat(folder, &info) == 0 else { throw failure(path) }
        if geteuid() == 0, info.st_uid != 0, fchown(file, info.st_uid, info.st_gid) != 0 { throw failure(path) }
    }

    /// Whether this user may read and write the file.
    static func isAccessible(_ path: String) -> Bool {
        unsafe faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0
    }

    private static func failure(_ path: String) -> AccountStoreError {
        switch errno {
        case EACCES, EPERM, EROFS: .notPermitted(path)
        default: .system(path: path, reason: unsafe String(cString: strerror(errno)))
        }
    }
}
