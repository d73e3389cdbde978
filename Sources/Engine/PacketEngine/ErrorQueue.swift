// Unsafe: the C helper fills a structure through a pointer.

public import Addresses
import CLinux
import Glibc

/// What a relay socket was told about datagrams that it sent: ICMP errors, and refusals of this host.
///
/// ```
/// for report in ErrorQueue(of: socket) { ... }
/// ```
/// One system call a report, and one or two to find that no more waits. Bounded: what is left shows at the next
/// `EventLoop.wait`, but for a socket of `receive` on io_uring, which is told of once.
public struct ErrorQueue: Sequence, IteratorProtocol {
    /// An ICMP error.
    public struct ICMPError: Sendable, Equatable {
        /// Where the datagram was sent to that led to it.
        public let peer: SocketAddress
        /// The type field, of ICMPv4 or ICMPv6 by the family of `peer`.
        public let type: UInt8
        /// The code field.
        public let code: UInt8
        /// The next hop's MTU in bytes when the datagram was too big for it, else 0 (RFC 8656 section 18.13).
        public let data: UInt32
    }

    /// One entry of the queue.
    public enum Report: Sendable, Equatable {
        /// A host on the way told an error.
        case icmp(ICMPError)
        /// This host refused to send a datagram that was too big for the interface and must not be fragmented.
        case tooBig(peer: SocketAddress, mtu: UInt32)
    }

    private let descriptor: Int32
    private var left: Int
    private var isFirst = true

    /// Reads the errors of a socket, at most `limit` of them.
    public init(of socket: SocketHandle, limit: Int = 16) {
        descriptor = socket.descriptor
        left = limit
    }

    /// Takes the next error; nil when none waits or the limit is reached.
    public mutating func next() -> Report? {
        while left > 0 {
            left &-= 1
            var entry = clinux_queued_error()
            guard unsafe clinux_next_error(descriptor, &entry) == 1 else {
                // An error for whose details the socket had no memory: it must be taken all the same, or it would show
                // for ever.
                if isFirst { clearPending() }
                left = 0
                return nil
            }
            isFirst = false
            if let report = Self.report(entry) { return report }
        }
        return nil
    }

    private func clearPending() {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    }

    private static func report(_ entry: clinux_queued_error) -> Report? {
        let peer = unsafe withUnsafePointer(to: entry.destination) { unsafe SystemAddress.load($0) }
        let (type, code, info) = (entry.icmp_type, entry.icmp_code, entry.info)
        switch Int(entry.origin) {
        case CLINUX_ORIGIN_ICMP:
            let isTooBig = type == 3 && code == 4  // destination unreachable, fragmentation needed and DF set
            return .icmp(ICMPError(peer: peer, type: type, code: code, data: isTooBig ? info : 0))
        case CLINUX_ORIGIN_ICMP6:
            let isTooBig = type == 2  // packet too big
            return .icmp(ICMPError(peer: peer, type: type, code: code, data: isTooBig ? info : 0))
        case CLINUX_ORIGIN_LOCAL:
            return entry.code == EMSGSIZE ? .tooBig(peer: peer, mtu: info) : nil
        default:
            return nil
        }
    }
}
