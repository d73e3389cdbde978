/// How the key of a long-term credential is made (RFC 8489 section 18.5.1).
///
/// Names, realms and passwords are taken as they are: the caller has processed them with OpaqueString of RFC 8265 and
/// removed quotes and trailing nulls (RFC 8489 section 9.2.2).
public enum PasswordAlgorithm: Sendable, CaseIterable {
    /// MD5, 16 bytes: the only one of RFC 5389, and the default where PASSWORD-ALGORITHM is missing.
    case md5
    /// SHA-256, 32 bytes.
    case sha256

    /// The bytes of the key, a hash of `username:realm:password`; throws when OpenSSL does not offer the hash.
    public func key(username: String, realm: String, password: String) throws(CryptographyError) -> [UInt8] {
        try digest("\(username):\(realm):\(password)", named: self == .md5 ? "MD5" : "SHA256")
    }
}

/// The value of USERHASH, which names a user to those who know the name already (RFC 8489 section 14.4).
public struct UserHash: Equatable, Sendable {
    /// The 32 bytes of the attribute's value.
    public let bytes: [UInt8]

    /// Hashes a name and a realm that the caller has processed with OpaqueString; throws when OpenSSL fails.
    public init(username: String, realm: String) throws(CryptographyError) {
        bytes = try digest("\(username):\(realm)", named: "SHA256")
    }
}
