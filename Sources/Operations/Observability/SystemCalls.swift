// Unsafe: the system calls that the log needs take pointers. Every pointer here lives only during its call, and every
// length comes from the array or structure that the pointer belongs to.
import Glibc

/// An error of the operating system.
package struct SystemError: Error, Equatable {
    let number: Int32

    /// Takes an error number.
    package init(number: Int32) { self.number = number }

    /// The error of the call that has just failed.
    static var last: SystemError { SystemError(number: errno) }

    /// The operating system's sentence for it: `No space left on device`.
    package var text: String {
        // Not strerror: its text may change under the reader when two threads ask.
        var text = [CChar](repeating: 0, count: 128)
        let length = text.count
        _ = unsafe strerror_r(number, &text, length)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// An open file or socket, closed when nobody holds it any more.
final class Descriptor: Sendable {
    let number: Int32
    private let isOwned: Bool

    private init(_ number: Int32, isOwned: Bool) {
        self.number = number
        self.isOwned = isOwned
    }

    deinit {
        if isOwned { _ = close(number) }
    }

    static let standardError = Descriptor(borrowing: STDERR_FILENO)

    /// Takes a descriptor that somebody else closes.
    convenience init(borrowing number: Int32) {
        self.init(number, isOwned: false)
    }

    /// Opens a file to write at its end; a new file gets mode 0640, because a log tells who talked to the server.
    static func appending(to path: String) throws(SystemError) -> Descriptor {
        // Not blocking, so that a pipe without a reader is an error instead of a server that hangs.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        return try owned(unsafe path.withCString { unsafe open($0, flags, 0o640) })
    }

    /// Connects a datagram socket to the one at `path`, as syslog daemons offer it.
    static func datagrams(to path: String) throws(SystemError) -> Descriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            // The structure was all zeros: one byte must stay so, as the end of the path.
            guard bytes.count < room.count else { return false }
            unsafe room.copyBytes(from: bytes)
            return true
        }
        guard fits else { throw SystemError(number: ENAMETOOLONG) }
        let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = try owned(socket(AF_UNIX, type, 0))
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor.number, $0, length)
            }
        }
        guard result == 0 else { throw .last }
        return descriptor
    }

    private static func owned(_ number: Int32) throws(SystemError) -> Descriptor {
        guard number >= 0 else { throw .last }
        return Descriptor(number, isOwned: true)
    }

    /// Writes as much as the file takes and says how many bytes that was; `error` is nil when it was all.
    func write(_ bytes: [UInt8]) -> (written: Int, error: SystemError?) {
        unsafe bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                let count = unsafe Glibc.write(number, rest.baseAddress, rest.count)
                if count >= 0 {
                    written += count
                } else if errno != EINTR {
                    return (written, .last)
                }
            }
            return (written, nil)
        }
    }

    /// Writes as much as a stream takes without blocking, and says how many bytes that was; `error` is nil when it was
    /// all, EAGAIN when there was no room, for which it waits at most `patience` milliseconds at a time.
    ///
    /// The stream itself stays as it is: O_NONBLOCK would hold for everybody who shares it, the shell for one.
    func writeWithoutBlocking(_ bytes: [UInt8], patience: Int32) -> (written: Int, error: SystemError?) {
        let stream = terminal() ?? self
        var written = 0
        while written < bytes.count {
            var room = pollfd(fd: stream.number, events: Int16(POLLOUT), revents: 0)
            let ready = unsafe poll(&room, 1, patience)
            if ready < 0, errno == EINTR { continue }
            guard ready >= 0 else { return (written, .last) }
            guard ready > 0 else { return (written, SystemError(number: EAGAIN)) }
            // A pipe that has room takes that much as a whole (pipe(7)).
            let piece = stream.write(Array(bytes[written..<min(written + Int(PIPE_BUF), bytes.count)]))
            written += piece.written
            if let error = piece.error, error.number != EAGAIN || piece.written == 0 { return (written, error) }
        }
        return (written, nil)
    }

    /// The terminal that this is, opened anew so as not to block; nil when it is none, or another user's.
    ///
    /// A terminal may have room for one byte only, and a stop key may come after the question whether it has room.
    private func terminal() -> Descriptor? {
        guard isatty(number) == 1 else { return nil }
        let flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        return try? Self.owned(unsafe "/proc/self/fd/\(number)".withCString { unsafe open($0, flags) })
    }

    /// Sends one datagram without waiting.
    func send(_ bytes: [UInt8]) throws(SystemError) {
        let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(number, $0.baseAddress, $0.count, flags) }
        guard count >= 0 else { throw .last }
    }
}

/// The offset of local time from UTC at a time in seconds since 1970, in seconds.
func localTimeOffset(at seconds: Int) -> Int {
    var time = time_t(seconds)
    var local = unsafe tm()
    guard unsafe localtime_r(&time, &local) != nil else { return 0 }
    return unsafe local.tm_gmtoff
}
