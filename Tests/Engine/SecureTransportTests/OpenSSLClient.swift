// Unsafe: plain system calls, independent of the code under test.

import Foundation
import Glibc

/// `openssl s_client`, started by a test.
final class OpenSSLClient {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// Connects to a port of the loopback.
    init(port: UInt16, _ arguments: [String]) throws {
        // Ends with the test at the latest, even when that crashes.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments =
            ["--signal=KILL", "20", "/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:\(port)"] + arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    /// Types a line.
    func type(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

    /// Ends its input and waits for all that it has printed.
    func finish() -> String {
        try? input.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

/// A socket on the loopback that waits for at most five seconds.
final class LoopbackSocket {
    let descriptor: Int32
    let port: UInt16
    private var peer = sockaddr_in()

    /// Bound to a port of the system's choice.
    init(stream: Bool) throws {
        descriptor = socket(AF_INET, Int32(stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        var length = size
        let descriptor = descriptor
        let result = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let isBound = unsafe bind(descriptor, $0, size) == 0
                return unsafe isBound && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard result, !stream || listen(descriptor, 5) == 0 else { throw Failure(code: errno) }
        port = UInt16(bigEndian: name.sin_port)
        Self.limit(descriptor)
    }

    private init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        port = 0
        Self.limit(descriptor)
    }

    deinit { close(descriptor) }

    struct Failure: Error { let code: Int32 }

    private static func limit(_ descriptor: Int32) {
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next connection.
    func acceptNext() throws -> LoopbackSocket {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw Failure(code: errno) }
        return LoopbackSocket(accepted: accepted)
    }

    /// What comes next; nil at the end of a stream and after five seconds.
    func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    func write(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let rest = Array(bytes[offset...])
            let count = unsafe Glibc.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { return }
            offset += count
        }
    }

    /// Ends the stream in this direction.
    func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next datagram, whose sender is remembered.
    func readDatagram() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let count = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length)
            }
        }
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    /// The sender's port and address, as bytes for a cookie.
    var sender: [UInt8] { unsafe withUnsafeBytes(of: peer) { unsafe Array($0.prefix(8)) } }

    /// Sends to whoever sent last.
    func answer(_ datagram: [UInt8]) {
        let descriptor = descriptor
        _ = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(descriptor, datagram, datagram.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
