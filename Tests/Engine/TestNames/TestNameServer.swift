// Unsafe: sockets and the signal mask are set through pointers. The threads that tests run on block all signals, which a
// program would inherit.
public import Addresses
import Dispatch
import Foundation

/// Debian's dnsmasq as a name server of a test, on a port of its own of 127.0.0.1.
///
/// It knows what it is told and nothing else: other names below `test` do not exist, and all the rest is refused.
public final class TestNameServer {
    /// Why it does not run.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened.
        public let description: String
    }

    /// Where Debian has the program.
    private static let program = "/usr/sbin/dnsmasq"
    /// Whether it is there.
    public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// Where it answers.
    public private(set) var address: SocketAddress
    private var process: Process?
    /// Signalled when nobody holds the end of its output any more: `timeout` ends before the name server itself.
    private let ended = DispatchSemaphore(value: 0)

    /// Starts with these options of dnsmasq, without their dashes, such as `host-record=a.test,192.0.2.1`.
    public init(_ records: [String]) throws {
        address = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 0)
        // The port was free for UDP when it was looked for; somebody may have it by now, or have it for TCP.
        var failure: (any Error)?
        for _ in 0..<5 {
            address.port = try Self.freePort()
            do {
                try start(records)
                return
            } catch {
                failure = error
            }
        }
        throw failure ?? Failure(description: "dnsmasq did not start")
    }

    deinit { stop() }

    /// Knows other records from now on, at the same place.
    public func change(_ records: [String]) throws {
        stop()
        try start(records)
    }

    /// Ends.
    public func stop() {
        guard let process else { return }
        // `timeout` and the name server, which are a group of their own.
        kill(-process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        ended.wait()
        self.process = nil
    }

    private func start(_ records: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        let fixed = [
            "keep-in-foreground", "conf-file=/dev/null", "port=\(address.port)", "listen-address=127.0.0.1",
            "bind-interfaces", "no-resolv", "no-hosts", "no-poll", "pid-file=", "log-facility=-", "local=/test/",
            "cache-size=0",
        ]
        let user = geteuid() == 0 ? ["user=root"] : []
        process.arguments = ["--signal=KILL", "300", Self.program] + (fixed + user + records).map { "--\($0)" }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardError = pipe
        var mask = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe pthread_sigmask(SIG_SETMASK, &mask, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
        self.process = process
        try? pipe.fileHandleForWriting.close()
        var text = ""
        // It says so when its port is open.
        while !text.contains("started, version") {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else {
                ended.signal()
                stop()
                throw Failure(description: "dnsmasq did not start: \(text)")
            }
            text += String(decoding: data, as: UTF8.self)
        }
        Thread.detachNewThread { [ended] in
            while !pipe.fileHandleForReading.availableData.isEmpty {}
            ended.signal()
        }
    }

    /// A port that nobody has for UDP, and TCP with it most probably.
    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let bound = unsafe bind(descriptor, $0, length)
                return bound == 0 ? unsafe getsockname(descriptor, $0, &length) : bound
            }
        }
        guard result == 0 else { throw Failure(description: "no free port (error \(errno))") }
        return UInt16(bigEndian: name.sin_port)
    }
}
