internal import STUNCodec

/// A credential that ends by itself, made from a secret that a web service shares with the server.
///
/// The form of draft-uberti-behave-turn-rest-00: the username is `expiry:user` or a bare `expiry`, Unix time in seconds; the
/// password is the base64 of the HMAC-SHA1 of the username under the secret.
public struct TimedCredential: Equatable, Sendable {
    /// The username.
    public let username: String
    /// The password, 28 characters.
    public let password: String

    /// Makes a credential for a user, or for nobody in particular, that ends at `expiry`, Unix time in seconds.
    ///
    /// Servers refuse an expiry of more than ten digits (see `TimedUsername`).
    public init(expiry: UInt64, user: String? = nil, secret: SharedSecret) {
        username = user.map { "\(expiry):\($0)" } ?? "\(expiry)"
        let bytes = Array(username.utf8)
        let (characters, count) = secret.password(of: bytes.rawBytes)
        password = String(decoding: (0..<count).map { characters[$0] }, as: UTF8.self)
    }
}

/// The parts of a timed credential's username (attacks row 25).
public struct TimedUsername: Equatable, Sendable {
    /// The most digits that an expiry has: enough until the year 2286, and too few for milliseconds, with which a
    /// credential would hardly ever end.
    public static var maximumDigits: Int { 10 }
    /// When the credential ends, Unix time in seconds.
    public let expiry: UInt64
    /// Where the user's own name begins; nil when there is none.
    public let userStart: Int?

    /// Reads `expiry:user` or `expiry`; nil when that is not one to ten digits.
    public init?(_ username: RawSpan) {
        var expiry: UInt64 = 0
        var count = 0
        while count < username.byteCount, username.uint8(at: count) != UInt8(ascii: ":") {
            let digit = username.uint8(at: count) &- UInt8(ascii: "0")
            guard digit <= 9, count < Self.maximumDigits else { return nil }
            expiry = expiry &* 10 &+ UInt64(digit)
            count &+= 1
        }
        guard count > 0 else { return nil }
        self.expiry = expiry
        userStart = count &+ 1 < username.byteCount ? count &+ 1 : nil
    }
}

/// A secret from which timed credentials are made.
public struct SharedSecret: Sendable {
    /// Whether credentials made from a secret are accepted.
    public enum State: Sendable {
        /// They are.
        case current
        /// They are not, but a refusal tells that they were made from it.
        case retired
    }

    /// The name by which people speak of it.
    public let name: String
    /// Whether its credentials are accepted.
    public let state: State
    private let hmac: HMAC<SHA1>

    /// Takes a secret; nil when it is empty, since then everybody could make credentials.
    public init?(name: String, secret: [UInt8], state: State = .current) {
        guard !secret.isEmpty else { return nil }
        self.name = name
        self.state = state
        hmac = HMAC(key: secret.rawBytes)
    }

    /// The password that goes with a username, and its length.
    fileprivate func password(of username: RawSpan) -> (characters: [32 of UInt8], count: Int) {
        let code = hmac.code(of: username)
        return Base64.encode(code.rawBytes.extracting(first: SHA1.length), .standard)
    }

    /// The long-term key of a timed credential (RFC 8489 section 9.2.2).
    func key(username: RawSpan, realm: RawSpan, algorithm: PasswordAlgorithm) -> LongTermKey {
        let password = password(of: username)
        return LongTermKey(
            username: username,
            realm: realm,
            password: password.characters.rawBytes.extracting(first: password.count),
            algorithm: algorithm
        )
    }
}

extension SharedSecret: CustomStringConvertible {
    /// Its name; the secret itself is shown nowhere.
    public var description: String { "SharedSecret(\(name))" }
}
