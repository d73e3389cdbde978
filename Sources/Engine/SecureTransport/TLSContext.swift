// Unsafe: OpenSSL's context is a pointer. It counts its users, is not changed after `init`, and is made for many threads.

internal import CSecureTransport

/// What all sessions of one certificate have in common: certificates, key, versions, ciphers, ALPN.
///
/// It never changes. A new certificate is a new context, and sessions of the old one go on: each holds what it needs.
/// Tickets by which a client resumes are encrypted with a key that the context draws and nobody else has, so the server keeps nothing.
@safe
public final class TLSContext: Sendable {
    /// Streams or datagrams.
    public enum Transport: Sendable {
        /// TLS 1.2 and 1.3.
        case stream
        /// DTLS 1.2 (RFC 6347, RFC 7350).
        case datagram
    }

    /// Which certificates a client accepts.
    public enum Trust: Sendable {
        /// Those that the system trusts, for the name that the session asks for.
        case system
        /// Those that these certificates vouch for, for the name that the session asks for.
        case authorities(pem: [UInt8])
        /// Any, of anybody: for measuring.
        case anything
    }

    nonisolated(unsafe) let pointer: OpaquePointer
    /// What it is for.
    public let transport: Transport
    /// Of the server's own certificate; nil for a client.
    public let facts: CertificateFacts?
    deinit { unsafe SSL_CTX_free(pointer) }

    private init(_ transport: Transport, _ facts: CertificateFacts?, isServer: Bool) throws(TLSContextError) {
        let method =
            switch (transport, isServer) {
            case (.stream, true): unsafe TLS_server_method()
            case (.stream, false): unsafe TLS_client_method()
            case (.datagram, true): unsafe DTLS_server_method()
            case (.datagram, false): unsafe DTLS_client_method()
            }
        guard let pointer = unsafe SSL_CTX_new(method) else { throw TLSContextError(.noMemory) }
        unsafe self.pointer = pointer
        self.transport = transport
        self.facts = facts
    }

    /// A server's.
    ///
    /// - `chain`: PEM text, the server's own certificate first.
    /// - `key`: PEM text of its private key, without a password; may be the same text as `chain`.
    /// - `protocols`: what is chosen of a client's ALPN list, most wanted first. A client that names only others is
    ///   served without: see docs/decisions/0017-tls-by-openssl.md.
    /// - `now`: seconds since 1970, at which an expired certificate is refused; nil takes it all the same.
    public convenience init(
        server transport: Transport,
        chain: [UInt8],
        key: [UInt8],
        protocols: [String] = [],
        now: Int64? = nil
    ) throws(TLSContextError) {
        let certificates = try PEM.certificates(chain)
        let privateKey = try PEM.key(key)
        let facts = CertificateFacts(certificates[0])
        if let now, facts.hasExpired(at: now) { throw TLSContextError(.expired(facts.names.first ?? "")) }
        guard certificates[0].matches(privateKey) else {
            let owner = certificates.firstIndex { $0.matches(privateKey) }
            ERR_clear_error()
            throw TLSContextError(owner.map { .keyOfAnother(number: $0 + 1) } ?? .foreignKey)
        }
        try self.init(transport, facts, isServer: true)
        try setUp()
        try present(certificates, privateKey)
        let list = try Self.wireFormat(protocols)
        unsafe secure_context_set_callbacks(pointer)
        guard !list.isEmpty else { return }
        guard unsafe secure_context_set_protocols(pointer, list, list.count) else { throw TLSContextError(.noMemory) }
    }

    /// A client's.
    ///
    /// - `highest`: no newer version is offered than this; nil offers all.
    public convenience init(
        client transport: Transport,
        trust: Trust,
        protocols: [String] = [],
        highest: TLSVersion? = nil
    ) throws(TLSContextError) {
        let verifies = if case .anything = trust { false } else { true }
        try self.init(transport, nil, isServer: false)
        try setUp(highest)
        unsafe SSL_CTX_set_verify(pointer, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        switch trust {
        case .anything: break
        case .system: try require(unsafe SSL_CTX_set_default_verify_paths(pointer) == 1)
        case .authorities(let pem):
            for certificate in try PEM.certificates(pem) {
                try require(unsafe X509_STORE_add_cert(SSL_CTX_get_cert_store(pointer), certificate.pointer) == 1)
            }
        }
        let list = try Self.wireFormat(protocols)
        guard !list.isEmpty else { return }
        // 0 is success here, unlike everywhere else.
        guard unsafe SSL_CTX_set_alpn_protos(pointer, list, UInt32(list.count)) == 0 else {
            throw TLSContextError(.noMemory)
        }
    }

    /// Versions, ciphers and what both sides never do.
    private func setUp(_ highest: TLSVersion? = nil) throws(TLSContextError) {
        ERR_clear_error()
        switch transport {
        case .stream:
            let top = highest == .v12 ? TLS1_2_VERSION : TLS1_3_VERSION
            try require(unsafe secure_set_versions(pointer, TLS1_2_VERSION, top) == 1)
        case .datagram: try require(unsafe secure_set_versions(pointer, DTLS1_2_VERSION, DTLS1_2_VERSION) == 1)
        }
        unsafe secure_set_limits(pointer)
        unsafe secure_set_options(pointer)
        // Whatever the system's openssl.cnf says: RSA from 2048 bits on, no SHA-1.
        unsafe SSL_CTX_set_security_level(pointer, 2)
        try require(unsafe SSL_CTX_set_cipher_list(pointer, Self.ciphers) == 1)
        try require(unsafe SSL_CTX_set_ciphersuites(pointer, Self.suites) == 1)
        // P-521 and finite fields would cost a stranger nothing and the server much.
        try require(unsafe secure_set_groups(pointer, "X25519:P-256:P-384") == 1)
        // RFC 8446 section 4.6.1: one ticket is enough for a client that comes back.
        try require(unsafe SSL_CTX_set_num_tickets(pointer, 1) == 1)
    }

    /// With forward secrecy and authenticated encryption only.
    ///
    /// The last one is for RFC 7350 section 3 and RFC 8489 section 6.2.3, which ask for it; who can do any other never gets it.
    private static let ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256"
    /// AES with 128 bits first: what is relayed is mostly encrypted already.
    private static let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    private func present(_ certificates: [Certificate], _ key: PrivateKey) throws(TLSContextError) {
        try require(unsafe SSL_CTX_use_certificate(pointer, certificates[0].pointer) == 1)
        for certificate in certificates.dropFirst() {
            try require(unsafe secure_add_chain(pointer, certificate.pointer) == 1)
        }
        try require(unsafe SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1)
    }

    private func require(_ holds: Bool) throws(TLSContextError) {
        guard !holds else { return }
        let code = ERR_peek_last_error()
        ERR_clear_error()
        throw TLSContextError(.refused(SessionFailure.libraryText(code)))
    }

    /// RFC 7301 section 3.1: each name after its length.
    private static func wireFormat(_ protocols: [String]) throws(TLSContextError) -> [UInt8] {
        var list: [UInt8] = []
        for name in protocols {
            guard (1...255).contains(name.utf8.count), list.count + name.utf8.count < 65_535 else {
                throw TLSContextError(.badProtocol(name))
            }
            list.append(UInt8(name.utf8.count))
            list += name.utf8
        }
        return list
    }
}

/// A version of TLS.
public enum TLSVersion: Sendable {
    /// TLS 1.2, and DTLS 1.2.
    case v12
    /// TLS 1.3.
    case v13
}
