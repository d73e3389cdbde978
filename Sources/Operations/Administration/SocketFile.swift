// Unsafe: stat, lstat and socketpair take C pointers. Every pointer stays inside its call.
import Glibc

/// The file of a listening socket: whose it is, and whether it may be replaced or removed.
struct SocketFile: Sendable {
    private let path: String
    private let device: UInt
    private let inode: UInt

    /// Remembers the file at `path`.
    init(at path: String) throws(SystemError) {
        let info = try Self.info(path)
        self.path = path
        device = info.st_dev
        inode = info.st_ino
    }

    /// Removes the file, unless another server has put its own in the place.
    func remove() {
        guard let info = try? Self.info(path), info.st_dev == device, info.st_ino == inode else { return }
        unsafe unlink(path)
    }

    /// Makes the folder with mode 0700 when it isn't there, and refuses one that everybody may write to.
    static func prepareFolder(of path: String) throws(ControlSocketError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw .system(path: path, reason: "its folder can't be made: \(SystemError())")
        }
        var info = stat()
        guard unsafe stat(folder, &info) == 0 else { throw .system(path: path, reason: SystemError().description) }
        guard info.st_mode & 0o002 == 0 else { throw .openFolder(folder) }
    }

    /// Removes what a server left that is gone; throws when one still answers there.
    static func removeStale(_ path: String) throws(ControlSocketError) {
        guard let info = try? info(path) else { return }
        guard info.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        switch UnixSocket.probe(path) {
        case .answered(let pid): throw .inUse(path: path, pid: pid)
        case .failed(EAGAIN): throw .inUse(path: path, pid: nil)
        case .failed(ECONNREFUSED):
            guard unsafe unlink(path) == 0 || errno == ENOENT else {
                throw .system(path: path, reason: "a stale one can't be removed: \(SystemError())")
            }
        case .failed(let code): throw .system(path: path, reason: SystemError(code).description)
        }
    }

    private static func info(_ path: String) throws(SystemError) -> stat {
        var info = stat()
        guard unsafe lstat(path, &info) == 0 else { throw SystemError() }
        return info
    }
}

/// A pair of sockets of which the read end becomes readable, once and for all, when somebody sends.
final class StopSignal: Sendable {
    let readEnd: Descriptor
    private let writeEnd: Descriptor

    init() throws(SystemError) {
        // Not a pipe, because Swift's Glibc module has no pipe2 to make one that is closed on exec.
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError() }
        readEnd = Descriptor(ends[0])
        writeEnd = Descriptor(ends[1])
    }

    /// Makes the read end readable: the end of the stream is.
    func send() { shutdown(writeEnd.number, Int32(SHUT_WR)) }
}
