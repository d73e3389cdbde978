extension ServerStatus {
    /// What TLS and DTLS are served with.
    public struct Certificate: Codable, Hashable, Sendable {
        /// The path of the file that it was read from.
        public var file: String
        /// The DNS names and IP addresses that it is for.
        public var names: [String]
        /// From when it is valid, in Unix seconds.
        public var notBefore: Int64
        /// The last second in which it is valid.
        public var notAfter: Int64
        /// The same as text.
        public var expires: String
        /// The SHA-256 digest of all of it.
        public var fingerprint: String
        /// Whether it has begun and not ended.
        public var isValid: Bool
        /// What is wrong with the files, which are not used now; nil when all is well.
        public var trouble: String?

        /// Makes the facts.
        public init(
            file: String,
            names: [String],
            notBefore: Int64,
            notAfter: Int64,
            expires: String,
            fingerprint: String,
            isValid: Bool,
            trouble: String? = nil
        ) {
            self.file = file
            self.names = names
            self.notBefore = notBefore
            self.notAfter = notAfter
            self.expires = expires
            self.fingerprint = fingerprint
            self.isValid = isValid
            self.trouble = trouble
        }
    }
}
