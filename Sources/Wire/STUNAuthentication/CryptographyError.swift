/// Why a key, a digest or an HMAC could not be had.
public enum CryptographyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A key without bytes, with which everybody could sign.
    case emptyKey
    /// OpenSSL does not offer an algorithm, as where its FIPS provider knows no MD5; `reason` is OpenSSL's own text.
    case unavailable(algorithm: String, reason: String)
    /// OpenSSL offers the algorithm but failed to compute it, as when memory ran out; `reason` is OpenSSL's own text.
    case failed(algorithm: String, reason: String)

    /// One sentence for the operator: what happened and what to do.
    public var description: String {
        switch self {
        case .emptyKey:
            "an integrity key must have at least one byte: set a password that is not empty"
        case .unavailable(let algorithm, let reason):
            "OpenSSL on this host does not offer \(algorithm) (\(reason)): allow it in the host's openssl.cnf, "
                + "or use credentials that do not need it"
        case .failed(let algorithm, let reason):
            "OpenSSL failed to compute \(algorithm) (\(reason)): see whether the host is short of memory"
        }
    }
}
