// Unsafe: open, stat, mkdir and flock take C pointers; every pointer stays inside its call. SQLite makes files by the
// umask, so a file with secrets is made here, before SQLite sees it.
import Glibc

/// The file of the store before SQLite opens it.
enum StoreFile {
    /// A lock on the folder, given up with the last reference.
    final class FolderLock: Sendable {
        private let descriptor: Int32

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    /// Makes the folder (mode 0700) and an empty file (mode 0600) where there are none, and locks the folder.
    ///
    /// The lock is on the folder, as closing any descriptor of the file would take SQLite's own locks away (fcntl(2)).
    static func prepare(_ path: String) throws(AccountStoreError) -> FolderLock {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw failure(folder) }
        let descriptor = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        let lock = FolderLock(descriptor)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failure(path) }
        }
        try makeFile(path, in: descriptor)
        return lock
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
