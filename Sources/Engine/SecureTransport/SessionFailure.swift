// Unsafe: OpenSSL gives its texts as pointers to constants.

internal import CSecureTransport

/// Why a session has failed, in words.
public struct SessionFailure: Error, Equatable, Sendable, CustomStringConvertible {
    enum Cause: Equatable, Sendable {
        /// What OpenSSL said first.
        case library(UInt)
        /// The other side's certificate, by X.509's number.
        case certificate(Int)
        case longHello
        case unreadOutput
        case noMemory
        case badName
        case unprovenHello
    }

    let cause: Cause

    init(_ cause: Cause) { self.cause = cause }

    /// What happened, as the half of a sentence that may follow an address and a colon.
    public var description: String {
        switch cause {
        case .library(let code): Self.text(code)
        case .certificate(let code):
            "the other side's certificate is not accepted: \(unsafe String(cString: X509_verify_cert_error_string(code)))"
        case .longHello: "its TLS hello claims more than \(ClientHello.longest) bytes"
        case .unreadOutput: "more than \(SECURE_SPILL_LIMIT) bytes of the handshake wait to be sent"
        case .noMemory: "there is no memory for a TLS session"
        case .badName: "the name cannot be one of a server"
        case .unprovenHello: "the first datagram is no whole DTLS hello"
        }
    }

    /// Whether the other side refused our certificate.
    public var isOurCertificateRefused: Bool {
        guard case .library(let code) = cause else { return false }
        return Self.refusals.contains(ERR_GET_REASON(code))
    }

    private static let refusals: [Int32] = [
        SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
        SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
        SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
    ]

    private static func text(_ code: UInt) -> String {
        let reason = ERR_GET_REASON(code)
        let library = libraryText(code)
        if refusals.contains(reason) { return "the other side does not accept our certificate (\(library))" }
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG:
            return "it does not speak TLS (\(library))"
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return "no version of TLS from 1.2 on is common to both sides (\(library))"
        case SSL_R_NO_SHARED_CIPHER, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
            SSL_R_NO_SUITABLE_KEY_SHARE:
            return "no cipher or key is common to both sides (\(library))"
        case SSL_R_READ_TIMEOUT_EXPIRED:
            return "the handshake was not answered, however often it was repeated"
        case 0:
            return "the session ended in the middle"
        default:
            return "TLS failed: \(library)"
        }
    }

    static func libraryText(_ code: UInt) -> String {
        guard let reason = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
        return unsafe String(cString: reason)
    }
}
