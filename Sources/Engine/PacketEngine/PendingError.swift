import Glibc

/// Errors by which a call on a socket tells an ICMP message that an *earlier* datagram led to: the datagram of the
/// call itself was neither sent nor received, and the next call does its work (ip(7), IP_RECVERR).
enum PendingError {
    /// How often a call is made again: on a busy socket the next ICMP message may come in between.
    static let retries = 3

    /// Whether the kernel turns some ICMP message into this error.
    static func isOne(_ code: Int32) -> Bool {
        switch code {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO, EMSGSIZE, EACCES,
            EOPNOTSUPP:
            true
        default:
            false
        }
    }
}
