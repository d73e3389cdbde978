// Unsafe: open, stat and read take C pointers. Every pointer stays inside its call.
import Glibc

/// The file that names the process of a running server, locked by it as long as it lives.
///
/// The lock, not the number, tells whether the server runs: a number may belong to another process by now.
public final class PidFile: Sendable {
    /// The path of the file.
    public let path: String
    private let descriptor: Descriptor

    /// Makes, locks and writes the file; makes its folder with mode 0700 when it isn't there.
    public static func take(at path: String) throws(PidFileError) -> PidFile {
        do throws(ControlSocketError) {
            try SocketFile.prepareFolder(of: path)
        } catch {
            // What the system refuses would be told of a control socket.
            guard case .system(_, let reason) = error else { throw .system(path: path, reason: error.description) }
            throw .system(path: path, reason: reason)
        }
        // A server that stops may remove the name between our open and our lock: then the lock is on a file nobody sees.
        for _ in 0..<10 {
            let descriptor = try locked(path)
            guard isSame(descriptor, path) else { continue }
            let text = Array("\(getpid())\n".utf8)
            guard ftruncate(descriptor.number, 0) == 0,
                unsafe pwrite(descriptor.number, text, text.count, 0) == text.count
            else { throw .system(path: path, reason: SystemError().description) }
            return PidFile(path, descriptor)
        }
        throw .system(path: path, reason: "another process makes and removes it all the time")
    }

    /// Removes the file and gives up the lock.
    public func remove() {
        guard Self.isSame(descriptor, path) else { return }
        unsafe unlink(path)
    }

    private init(_ path: String, _ descriptor: Descriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    private static func locked(_ path: String) throws(PidFileError) -> Descriptor {
        // O_NOFOLLOW: a link could lead the number into a file of somebody else.
        let number = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
        guard number >= 0 else { throw .system(path: path, reason: SystemError().description) }
        let descriptor = Descriptor(number)
        if flock(number, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        guard errno == EWOULDBLOCK else { throw .system(path: path, reason: SystemError().description) }
        throw .inUse(path: path, pid: written(descriptor))
    }

    private static func written(_ descriptor: Descriptor) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(descriptor.number, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private static func isSame(_ descriptor: Descriptor, _ path: String) -> Bool {
        var opened = stat()
        var named = stat()
        guard unsafe fstat(descriptor.number, &opened) == 0, unsafe lstat(path, &named) == 0 else { return false }
        return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
    }
}

/// Why a server can't have its pid file.
public enum PidFileError: Error, Hashable {
    /// Another server with the same settings runs.
    case inUse(path: String, pid: Int32?)
    /// The system refused, with the reason.
    case system(path: String, reason: String)
}

extension PidFileError: CustomStringConvertible {
    /// The sentence for a person.
    public var description: String {
        switch self {
        case .inUse(let path, let pid):
            """
            a server with these settings runs already\(pid.map { " as process \($0)" } ?? "") (\(path) is locked): stop \
            it, or give this one another settings file with --config
            """
        case .system(let path, let reason): "the pid file \(path) can't be written: \(reason)"
        }
    }
}
