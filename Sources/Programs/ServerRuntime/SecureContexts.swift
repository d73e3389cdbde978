import SecureTransport

/// What new sessions of TLS and DTLS are begun with, by one certificate.
struct SecureContexts: Sendable {
    /// The names by which clients ask for STUN and TURN (RFC 7443).
    static let protocols = ["stun.turn", "stun.nat-discovery"]

    /// For TLS, by TCP.
    let stream: TLSContext
    /// For DTLS.
    let datagram: TLSContext
}
