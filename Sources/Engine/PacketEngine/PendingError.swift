import Glibc

/// Errors by which a call on a socket tells an ICMP message that an *earlier* datagram led to: the datagram of the
/// call itself was neither sent nor received, and the next call does its work (ip(7), IP_RECVERR).
enum PendingError {
    /// How often any call is made again at most.
    static let most = 3

    /// How often a call that failed is made again: not at all unless the kernel turns some ICMP message into this error.
    ///
    /// More than once, because on a busy socket the next ICMP message may come in between.
    static func retries(_ code: Int32) -> Int {
        switch code {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO, EACCES, EOPNOTSUPP: most
        // Far more often it is the datagram itself that is too long, which every further call would find again.
        case EMSGSIZE: 1
        default: 0
        }
    }
}
