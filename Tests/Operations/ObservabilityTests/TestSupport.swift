// Unsafe: pipes and datagram sockets for the tests; the system calls take pointers that live only during the call. And
// an array seen as raw bytes, which are not kept.
import Addresses
import Foundation
import Glibc
import Observability

extension EventRing {
    /// Puts in an event with the bytes of an array.
    @discardableResult
    func append(
        _ code: MessageCode,
        _ level: LogLevel,
        address: SocketAddress? = nil,
        time: Int64,
        pdu: [UInt8]? = nil,
        detail: UInt32 = 0
    ) -> Bool {
        unsafe append(
            code: code,
            level: level,
            address: address,
            time: time,
            pdu: pdu?.span.bytes,
            detail: detail
        )
    }
}

/// A folder of its own that is gone when the test ends.
final class TemporaryFolder {
    private let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "stund-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func path(_ name: String) -> String { root.appending(path: name).path }
    func make(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: false)
    }
    func move(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: path(name), toPath: path(other))
    }
    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }
    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
    }
    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
    }
    func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }
}

struct TestSystemError: Error {
    let number = errno
}

/// A pipe with a name; it takes only as much as its reader leaves room for.
final class NamedPipe {
    private let reader: Int32

    init(_ path: String) throws {
        guard unsafe mkfifo(path, 0o600) == 0 else { throw TestSystemError() }
        reader = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard reader >= 0 else { throw TestSystemError() }
    }

    deinit { close(reader) }

    /// What is in the pipe now.
    func readAll() -> String {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(reader, &part, part.count)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += part.prefix(count)
        }
    }
}

/// Stands for a syslog daemon.
final class DatagramReceiver {
    private let socket: Int32

    init(_ path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw TestSystemError() }
    }

    deinit { close(socket) }

    /// The next datagram; nil when there is none.
    func receive() -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
