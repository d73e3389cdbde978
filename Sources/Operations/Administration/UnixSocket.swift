// Unsafe: the socket calls of POSIX take C pointers. Every pointer stays inside its call.
import Glibc

/// An open descriptor, closed with the last reference to it.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// A failed system call.
struct SystemError: Error, Hashable, CustomStringConvertible {
    /// The value of errno.
    var code: Int32

    init(_ code: Int32 = errno) { self.code = code }

    var description: String { unsafe String(cString: strerror(code)) }
}

/// How reading or writing on a socket ended when it didn't succeed.
enum TransferError: Error, Hashable {
    /// The deadline passed.
    case timedOut
    /// More bytes came than are allowed.
    case tooLong
    /// The other end is gone.
    case closed
    /// A system call failed.
    case system(SystemError)
}

/// Stream sockets of the unix domain (unix(7)).
enum UnixSocket {
    /// The process at the other end (SO_PEERCRED).
    struct Peer: Hashable, Sendable {
        var pid: Int32
        var user: UInt32
    }

    /// What a try to connect showed.
    enum Probe: Hashable, Sendable {
        /// Somebody listens: the process, when the system tells.
        case answered(pid: Int32?)
        /// The errno: ECONNREFUSED when nobody listens, EAGAIN when too many wait there already.
        case failed(Int32)
    }

    /// The longest path: `sun_path` holds 108 bytes with the zero at its end (`StatePaths` of ServerSettings says it too).
    static let longestPath = 107

    /// A socket that listens at `path`, made with mode 0600.
    ///
    /// On Linux the mode of the socket before bind becomes that of the file, so there is no moment with another one.
    static func listening(at path: String) throws(SystemError) -> Descriptor {
        let descriptor = try make(SOCK_NONBLOCK)
        guard fchmod(descriptor.number, 0o600) == 0 else { throw SystemError() }
        guard unsafe withAddress(path, { unsafe bind(descriptor.number, $0, $1) }) == 0 else { throw SystemError() }
        guard listen(descriptor.number, 64) == 0 else { throw SystemError() }
        return descriptor
    }

    /// A socket connected to the one that listens at `path`; EAGAIN when that has too many waiting.
    static func connected(to path: String, waitsAtMost seconds: Int) throws(SystemError) -> Descriptor {
        let descriptor = try make(SOCK_CLOEXEC)
        // connect waits for a place in the queue as long as SO_SNDTIMEO says; zero would mean forever.
        var limit = timeval(tv_sec: max(seconds, 0), tv_usec: seconds > 0 ? 0 : 1)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor.number, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var result: Int32
        repeat {
            result = unsafe withAddress(path) { unsafe connect(descriptor.number, $0, $1) }
        } while result != 0 && errno == EINTR
        guard result == 0 else { throw SystemError() }
        return descriptor
    }

    /// What answers at `path`, without waiting.
    static func probe(_ path: String) -> Probe {
        do throws(SystemError) {
            let socket = try connected(to: path, waitsAtMost: 0)
            return .answered(pid: try? peer(of: socket).pid)
        } catch {
            return .failed(error.code)
        }
    }

    /// The next client; EAGAIN when there is none now.
    static func accepted(from listener: Descriptor) throws(SystemError) -> Descriptor {
        // Swift's Glibc module has no accept4; nothing is spawned while the socket is served.
        let number = accept(listener.number, nil, nil)
        guard number >= 0 else { throw SystemError() }
        let descriptor = Descriptor(number)
        guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { throw SystemError() }
        return descriptor
    }

    /// Who is at the other end.
    static func peer(of socket: Descriptor) throws(SystemError) -> Peer {
        // `struct ucred` (unix(7)), which Swift's Glibc module doesn't have: process, user and group, 32 bits each.
        var credentials: [UInt32] = [0, 0, 0]
        var size = socklen_t(credentials.count * MemoryLayout<UInt32>.stride)
        guard unsafe getsockopt(socket.number, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else {
            throw SystemError()
        }
        return Peer(pid: Int32(bitPattern: credentials[0]), user: credentials[1])
    }

    /// Reads up to and with the first line end, or up to the end of the stream.
    static func readLine(
        from socket: Descriptor,
        atMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) throws(TransferError) -> [UInt8] {
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 65536) + 1)
        while true {
            let count = unsafe recv(socket.number, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                let end = chunk[..<count].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
                line += chunk[..<(end ?? count)]
                guard line.count <= limit else { throw .tooLong }
                if end != nil { return line }
            } else if count == 0 {
                guard !line.isEmpty else { throw .closed }
                return line
            } else {
                try waitAfterError(socket, for: Int16(POLLIN), until: deadline)
            }
        }
    }

    /// Writes all bytes.
    static func write(
        _ bytes: [UInt8],
        to socket: Descriptor,
        until deadline: ContinuousClock.Instant
    ) throws(TransferError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                // No SIGPIPE: a client may leave at any time.
                unsafe send(
                    socket.number,
                    bytes.baseAddress,
                    bytes.count,
                    Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                )
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else {
                try waitAfterError(socket, for: Int16(POLLOUT), until: deadline)
            }
        }
    }

    /// Waits until one of the descriptors can be read, or for so long; tells which can.
    static func waitToRead(_ descriptors: [Descriptor], milliseconds: Int32 = -1) -> [Bool] {
        var entries = descriptors.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
        guard unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0 else {
            return descriptors.map { _ in false }
        }
        return entries.map { $0.revents != 0 }
    }

    // MARK: - Below

    private static func make(_ flags: __socket_type) throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags.rawValue)
        let number = socket(AF_UNIX, type, 0)
        guard number >= 0 else { throw SystemError() }
        return Descriptor(number)
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        let bytes = Array(path.utf8)
        guard (1...longestPath).contains(bytes.count), !bytes.contains(0) else {
            errno = ENAMETOOLONG
            return -1
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func waitAfterError(
        _ socket: Descriptor,
        for events: Int16,
        until deadline: ContinuousClock.Instant
    ) throws(TransferError) {
        switch errno {
        case EINTR: return
        case EAGAIN: break
        case EPIPE, ECONNRESET: throw .closed
        default: throw .system(SystemError())
        }
        let rest = deadline - .now
        guard rest > .zero else { throw .timedOut }
        var entry = pollfd(fd: socket.number, events: events, revents: 0)
        // Rounded up, so that a rest below a millisecond doesn't spin.
        let milliseconds =
            rest.components.seconds.multipliedReportingOverflow(by: 1000).partialValue
            &+ rest.components.attoseconds / 1_000_000_000_000_000 &+ 1
        _ = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
    }
}
