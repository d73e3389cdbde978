import SecureTransport

/// What new sessions of TLS and DTLS are begun with, by one certificate.
struct SecureContexts: Sendable {
    /// For TLS, by TCP.
    let stream: TLSContext
    /// For DTLS.
    let datagram: TLSContext
}

extension SecureContexts {
    /// What is chosen of a client's ALPN list, most wanted first (RFC 7443 section 3).
    static let protocols = ["stun.turn", "stun.nat-discovery"]
    /// The name by which browsers ask for the console (RFC 7301).
    static let web = "http/1.1"

    /// Makes both of PEM text; an expired certificate is taken too.
    init(chain: [UInt8], key: [UInt8]) throws(TLSContextError) {
        stream = try TLSContext(server: .stream, chain: chain, key: key, protocols: Self.protocols + [Self.web])
        datagram = try TLSContext(server: .datagram, chain: chain, key: key, protocols: Self.protocols)
    }
}
