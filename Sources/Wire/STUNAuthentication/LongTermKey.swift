/// The key of a long-term credential (RFC 8489 section 9.2.2): who has it can sign, so it is as good as the password.
///
/// Names, realms and passwords are taken as they are: the caller has processed them with OpaqueString of RFC 8265 and
/// removed quotes and trailing nulls.
public struct LongTermKey: Sendable, Equatable {
    /// How the key was made.
    public let algorithm: PasswordAlgorithm
    /// The key, then zeros.
    private let digest: Digest

    /// Hashes `username:realm:password`.
    public init(username: RawSpan, realm: RawSpan, password: RawSpan, algorithm: PasswordAlgorithm) {
        self.algorithm = algorithm
        digest =
            switch algorithm {
            case .md5: Self.digest(MD5(), username, realm, password)
            case .sha256: Self.digest(SHA256(), username, realm, password)
            }
    }

    /// Hashes the UTF-8 of `username:realm:password`.
    public init(username: String, realm: String, password: String, algorithm: PasswordAlgorithm) {
        let (username, realm, password) = (Array(username.utf8), Array(realm.utf8), Array(password.utf8))
        self.init(username: username.rawBytes, realm: realm.rawBytes, password: password.rawBytes, algorithm: algorithm)
    }

    /// Takes a stored key; nil when its length is not the algorithm's.
    public init?(bytes: [UInt8], algorithm: PasswordAlgorithm) {
        guard bytes.count == algorithm.keyLength else { return nil }
        self.algorithm = algorithm
        var digest = Digest(repeating: 0)
        for index in bytes.indices { digest[index] = bytes[index] }
        self.digest = digest
    }

    /// The bytes of the key, 16 or 32, to be stored.
    public var bytes: [UInt8] { (0..<algorithm.keyLength).map { digest[$0] } }

    /// The bytes of the key, where they are.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { digest.rawBytes.extracting(first: algorithm.keyLength) }
    }

    /// Compares in a time that tells nothing of where keys differ (attacks row 17).
    public static func == (left: Self, right: Self) -> Bool {
        left.algorithm == right.algorithm && constantTimeEquals(left.digest.rawBytes, right.digest.rawBytes)
    }

    private static func digest(
        _ empty: some HashFunction,
        _ username: RawSpan,
        _ realm: RawSpan,
        _ password: RawSpan
    ) -> Digest {
        var hash = empty
        hash.update(username)
        hash.updateWithColon()
        hash.update(realm)
        hash.updateWithColon()
        hash.update(password)
        return hash.finish()
    }
}

extension LongTermKey: CustomStringConvertible {
    /// Names the algorithm and hides the key, so that no log shows it.
    public var description: String { "LongTermKey(\(algorithm))" }
}
