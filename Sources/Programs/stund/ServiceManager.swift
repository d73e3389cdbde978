// Unsafe: sendto takes a C pointer to its address, which stays inside the call.
import Foundation
import Glibc

/// Tells the service manager that started this process how it does: systemd, or who speaks as it does (sd_notify(3)).
struct ServiceManager: Sendable {
    /// How often it is told that the server lives, in nanoseconds; nil when it does not ask for that.
    let pulse: UInt64?
    /// A path, or a name that begins with `@`.
    private let address: String

    /// Nil when no service manager waits for anything.
    init?(environment: [String: String], pid: Int32) {
        guard let address = environment["NOTIFY_SOCKET"], address.hasPrefix("/") || address.hasPrefix("@"),
            (2...107).contains(address.utf8.count)
        else { return nil }
        self.address = address
        // Twice in the time after which it gives up. Another process may be meant that has left us its environment.
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(pid)" } ?? true
        let limit = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
        pulse = isOurs && limit > 0 && limit < 1 << 53 ? limit * 500 : nil
    }

    /// Tells something; whoever does not listen any more misses it.
    func tell(_ lines: String...) {
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        let text = Array(lines.joined(separator: "\n").utf8)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let path = Array(address.utf8)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { place in
            unsafe place.copyBytes(from: path)
            // A name that is in no file system begins with a zero (unix(7)).
            if path[0] == UInt8(ascii: "@") { unsafe place[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        unsafe withUnsafePointer(to: name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = unsafe sendto(socket, text, text.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }

    /// The server answers now.
    func ready(_ sentence: String) { tell("READY=1", "STATUS=\(Self.line(sentence))") }

    /// The settings are being read again; `ready` says that it is over.
    func reloading() {
        // By the clock that systemd wants, CLOCK_MONOTONIC.
        tell("RELOADING=1", "MONOTONIC_USEC=\(Int64(ProcessInfo.processInfo.systemUptime * 1e6))")
    }

    /// The server is about to end.
    func stopping() { tell("STOPPING=1", "STATUS=stopping") }

    /// The server still drains: whoever waits for its end waits longer.
    func draining(_ sentence: String, every pause: Duration) {
        tell("STATUS=\(Self.line(sentence))", "EXTEND_TIMEOUT_USEC=\(pause.components.seconds * 3_000_000)")
    }

    /// Tells that the server lives for as long as `isAlive` says so; ends when its task is cancelled.
    func watch(_ isAlive: () async -> Bool) async {
        guard let pulse else { return }
        while !Task.isCancelled {
            if await isAlive() { tell("WATCHDOG=1") }
            try? await Task.sleep(for: .nanoseconds(pulse))
        }
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
