import Addresses
import Glibc

/// A system call on a socket that failed: what was tried, where, and what the system said.
public struct SocketError: Error, CustomStringConvertible, Sendable {
    /// What was tried: "bind", "socket", ...
    public let operation: String
    /// The address that it was tried for, as text.
    public let target: String
    /// The system's error number.
    public let code: Int32

    init(_ operation: String, _ target: String, code: Int32) {
        self.operation = operation
        self.target = target
        self.code = code
    }

    /// Whether another socket holds the address.
    public var isAddressInUse: Bool { code == EADDRINUSE }
    /// Whether this host has no such address family.
    public var isFamilyMissing: Bool { code == EAFNOSUPPORT || code == EPROTONOSUPPORT }

    /// Whether this process or the host has no room for another open file, or for another socket's memory: later there may be.
    public var isOutOfFiles: Bool { code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM }

    /// Whether this host does not have the address.
    public var isAddressMissing: Bool { code == EADDRNOTAVAIL }

    /// What happened and, where it is known, what to do.
    public var description: String {
        "\(target): \(operation): \(SystemError.text(code))\(hint)"
    }

    private var hint: String {
        switch code {
        case EADDRNOTAVAIL: " (this host has no such address; see `ip address`)"
        case EACCES: " (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
        case EMFILE, ENFILE: " (raise the limit of open files: `ulimit -n`)"
        default: ""
        }
    }
}
