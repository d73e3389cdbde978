import PacketEngine
import STUNCodec

/// What a connection that is not for this server's clients goes on to.
enum WebTarget {
    /// The web server for HTTP without TLS.
    case site
    /// The web server for TLS, which ends there.
    case tlsSite
    /// The console, for which TLS ends here.
    case console
}

/// What a client's connection is joined with.
enum StreamPartner: Hashable {
    /// A peer's (RFC 6062).
    case peer(ConnectionID)
    /// One with a web server, by a number of its own.
    case web(UInt32)

    /// The number by which the core knows it; nil for one that it knows nothing of.
    var connection: ConnectionID? { if case .peer(let id) = self { id } else { nil } }
}
