public import SecureTransport

/// Contexts of the tests.
public enum TestContext {
    /// What servers choose of.
    public static let protocols = ["stun.turn", "stun.nat-discovery"]

    /// A server's of streams.
    public static func server(
        _ certificate: TestCertificate = .usual,
        protocols: [String] = protocols
    ) throws -> TLSContext {
        try TLSContext(server: .stream, chain: certificate.chain, key: certificate.key, protocols: protocols)
    }

    /// A client's of streams.
    public static func client(_ highest: TLSVersion = .v13, protocols: [String] = []) throws -> TLSContext {
        try TLSContext(client: .stream, trust: .anything, protocols: protocols, highest: highest)
    }

    /// A server's of datagrams.
    public static func datagramServer(_ certificate: TestCertificate = .usual) throws -> TLSContext {
        try TLSContext(server: .datagram, chain: certificate.chain, key: certificate.key, protocols: protocols)
    }

    /// A client's of datagrams.
    public static func datagramClient(protocols: [String] = []) throws -> TLSContext {
        try TLSContext(client: .datagram, trust: .anything, protocols: protocols)
    }
}
