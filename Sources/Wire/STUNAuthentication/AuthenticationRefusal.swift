public import STUNCodec

/// Why a request was not authenticated: the exact cause, of which the wire carries only the code (RFC 8489 section 9.2.4).
public enum AuthenticationRefusal: Error, Equatable, Sendable {
    /// It has no integrity attribute: the normal first request of every client.
    case noIntegrity
    /// It has one, but not this attribute: USERNAME (or USERHASH), REALM, NONCE, or one of PASSWORD-ALGORITHM and
    /// PASSWORD-ALGORITHMS without the other, which somebody in between may have taken out (attacks row 19).
    case missing(AttributeType)
    /// The value of this attribute is none that the RFC allows.
    case malformed(AttributeType)
    /// The integrity attribute has a forbidden length in bytes (attacks row 18).
    case integrityLength(Int)
    /// It names password algorithms though its nonce says that the server knows none: one of the two was changed on the way
    /// (RFC 8489 section 9.2.1).
    case algorithmsWithoutFeature
    /// Its PASSWORD-ALGORITHMS are not what this server sent.
    case differingAlgorithms
    /// Its PASSWORD-ALGORITHM, this number, is none that this server offers.
    case unsupportedAlgorithm(UInt16)
    /// Its REALM is none of this server.
    case wrongRealm
    /// No such user.
    case unknownUser
    /// No such user, and no username of a timed credential, the only kind that this server knows.
    case notTimestamp
    /// The user or timed credential would do, but the HMAC is not that of its password or of any secret.
    case wrongPassword
    /// It was made from the secret of this index in `CredentialBook.secrets`, which is retired.
    case retiredSecret(Int)
    /// The timed credential ended so many seconds ago.
    case expired(bySeconds: UInt64)
    /// The nonce was valid until so many seconds ago.
    case staleNonce(bySeconds: UInt64)
    /// The nonce was made so many seconds from now: the clocks of two servers differ.
    case futureNonce(bySeconds: UInt64)
    /// The nonce was not given to this address by this server or one with its key (attacks row 20).
    case foreignNonce

    /// The code for the wire.
    public var errorCode: ErrorCode {
        switch self {
        case .missing, .malformed, .integrityLength, .algorithmsWithoutFeature, .differingAlgorithms,
            .unsupportedAlgorithm:
            .badRequest
        case .noIntegrity, .wrongRealm, .unknownUser, .notTimestamp, .wrongPassword, .retiredSecret, .expired:
            .unauthenticated
        case .staleNonce, .futureNonce, .foreignNonce: .staleNonce
        }
    }

    /// Whether the answer carries REALM, NONCE and PASSWORD-ALGORITHMS: with 401 and 438, not with 400.
    public var needsChallenge: Bool { errorCode != .badRequest }
}
