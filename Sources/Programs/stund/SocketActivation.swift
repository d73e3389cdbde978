// Unsafe: unsetenv takes C pointers.
import Foundation
import Glibc
import ServerRuntime

/// Sockets that systemd opened before it started the server (sd_listen_fds(3)).
enum SocketActivation {
    /// The first descriptor; the others follow it.
    private static let first: Int32 = 3
    /// More descriptors than a .socket unit has lines.
    private static let most = 4096
    private static let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"]

    /// Whether sockets came for this process, and not for one that has left it its environment.
    static func isMeant(_ environment: [String: String], pid: Int32) -> Bool {
        environment["LISTEN_PID"] == "\(pid)" && environment["LISTEN_FDS"] != nil
    }

    /// Takes them over, so that neither a program that this one starts nor a second call gets them.
    static func take(_ environment: [String: String], pid: Int32) throws(Failure) -> PassedSockets {
        for variable in variables { unsafe unsetenv(variable) }
        guard isMeant(environment, pid: pid) else { return PassedSockets() }
        let text = environment["LISTEN_FDS"] ?? ""
        guard let count = Int(text), (0...most).contains(count) else {
            throw Failure(.usage, "LISTEN_FDS is \"\(text)\": systemd puts the number of its sockets there; unset it")
        }
        let descriptors = first..<first + Int32(count)
        if let closed = descriptors.first(where: { fcntl($0, F_GETFD) < 0 }) {
            throw Failure(.usage, "LISTEN_FDS is \(count), but descriptor \(closed) is not open: unset it")
        }
        return PassedSockets(adopting: descriptors)
    }
}
