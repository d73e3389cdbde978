import SecureTransport

/// What new sessions of TLS and DTLS are begun with, by one certificate.
struct SecureContexts: Sendable {
    /// For TLS, by TCP.
    let stream: TLSContext
    /// For DTLS.
    let datagram: TLSContext
}
