/// What carries a client's messages to the server (RFC 8656 section 2, table 1).
public enum ClientTransport: UInt8, Sendable, CaseIterable {
    /// Datagrams, each from wherever its sender says.
    case udp
    /// A TCP connection.
    case tcp
    /// TLS over a TCP connection.
    case tls
    /// DTLS over UDP (RFC 7350): datagrams of a session.
    case dtls

    /// Whether messages come one after another without an end of their own, so that ChannelData is padded (RFC 8656
    /// section 12.5).
    @inlinable
    public var isStream: Bool { self == .tcp || self == .tls }

    /// Whether there is a connection or a session, whose other end has shown that it gets what is sent to its address.
    ///
    /// What a server answers there hits nobody else, and it can answer nowhere else.
    @inlinable
    public var isConnected: Bool { self != .udp }

    /// The name in logs and statistics: `tcp`.
    public var name: String {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        case .dtls: "dtls"
        }
    }
}
