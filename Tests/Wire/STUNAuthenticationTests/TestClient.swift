import Addresses
import STUNCodec
import WireFixtures

@testable import STUNAuthentication

/// A server's authenticator with two realms, one user in each, and a current and a retired secret.
struct TestServer: Sendable {
    static let now: UInt64 = 1_700_000_000
    static let address = IPAddress(v4: 0xC633_6401)
    static let secondAddress = IPAddress(v4: 0xC633_6402)
    static let client = IPAddress(v4: 0xC000_0201)
    static let issuer = NonceIssuer(key: NonceTests.key(0), lifetime: 600)

    static let realms = [
        CredentialRealm("stund"), CredentialRealm("example.org", serverAddresses: [secondAddress]),
    ]
    static let users = [
        StoredCredential(username: "alice", realm: "stund", password: "wonderland"),
        StoredCredential(username: "bob", realm: "example.org", password: "builder"),
    ]
    static let secrets = [
        SharedSecret(name: "old", secret: Array("logen".utf8), state: .retired),
        SharedSecret(name: "web", secret: Array("north".utf8)),
        SharedSecret(name: "app", secret: Array("south".utf8)),
    ].compactMap { $0 }

    let authenticator: LongTermAuthenticator

    init(
        realms: [CredentialRealm] = realms,
        users: [StoredCredential] = users,
        secrets: [SharedSecret] = secrets,
        issuer: NonceIssuer = issuer
    ) {
        let book = CredentialBook(realms: realms, users: users, secrets: secrets)
        authenticator = LongTermAuthenticator(book: book, issuer: issuer)
    }

    func authenticate(
        _ request: [UInt8],
        from source: IPAddress = client,
        at local: IPAddress = address,
        unixSeconds: UInt64 = now,
        acceptsExpired: Bool = false
    ) throws -> Authentication {
        authenticator.authenticate(
            try Message(parsing: request.raw, as: .cookie),
            from: source,
            at: local,
            unixSeconds: unixSeconds,
            acceptsExpired: acceptsExpired
        )
    }

    func refusal(
        _ request: [UInt8],
        from source: IPAddress = client,
        unixSeconds: UInt64 = now
    ) throws -> AuthenticationRefusal? {
        guard case .refused(let refusal) = try authenticate(request, from: source, unixSeconds: unixSeconds) else {
            return nil
        }
        return refusal
    }

    func accepted(
        _ request: [UInt8],
        from source: IPAddress = client,
        unixSeconds: UInt64 = now,
        acceptsExpired: Bool = false
    ) throws -> AuthenticatedRequest? {
        let answer = try authenticate(
            request,
            from: source,
            unixSeconds: unixSeconds,
            acceptsExpired: acceptsExpired
        )
        guard case .accepted(let request) = answer else { return nil }
        return request
    }

    /// The 401 that a client gets, or another error.
    func challenge(
        _ request: [UInt8] = Wire.message(0x0003, as: .cookie),
        code: ErrorCode = .unauthenticated,
        realm: Int = 0,
        for source: IPAddress = client,
        limit: Int = 1500
    ) -> [UInt8]? {
        let (fits, datagram) = withPacket(request) { packet in
            let id = TransactionID(high: 0x2112_A442_B4B5_B6B7, low: 0xB8B9_BABB_BCBD_BEBF)
            var writer = MessageWriter(
                MessageType(.allocate, .error),
                in: .cookie,
                context: AttributeContext(transactionID: id, addressLayout: .standard),
                limit: limit,
                over: &packet
            )
            let fits =
                writer.append(code, to: &packet)
                && authenticator.appendChallenge(
                    realm: realm,
                    for: SocketAddress(source, port: 4000),
                    unixSeconds: Self.now,
                    to: &writer,
                    over: &packet
                )
            writer.finish(&packet)
            return fits
        }
        return fits ? datagram : nil
    }
}

/// A client's request, put together from bytes; every part can be left out or falsified.
struct TestRequest {
    var username: String? = "alice"
    var userHash: [UInt8]?
    var realm: String? = "stund"
    var password = "wonderland"
    /// The algorithm of the key.
    var algorithm = PasswordAlgorithm.md5
    var integrity = IntegrityAlgorithm.hmacSHA1
    var integrityLength: Int?
    var nonce: [UInt8]? = nonce()
    var passwordAlgorithm: [UInt8]?
    var passwordAlgorithms: [UInt8]?

    /// What a client of RFC 8489 does that got PASSWORD-ALGORITHMS.
    static func modern(_ algorithm: PasswordAlgorithm = .sha256) -> TestRequest {
        var request = TestRequest()
        request.algorithm = algorithm
        request.integrity = .hmacSHA256
        request.passwordAlgorithm = hex(algorithm == .sha256 ? "00020000" : "00010000")
        request.passwordAlgorithms = hex("00020000 00010000")
        return request
    }

    /// A request with a timed credential.
    static func timed(_ username: String, secret: String = "north", _ base: TestRequest = TestRequest()) -> TestRequest
    {
        var request = base
        request.username = username
        let code = Secret(.hmacSHA1, Array(secret.utf8)).hmac(Array(username.utf8))
        request.password = base64(code)
        return request
    }

    static func nonce(_ issuer: NonceIssuer = TestServer.issuer, for address: IPAddress = TestServer.client) -> [UInt8]
    {
        let nonce = issuer.issue(for: SocketAddress(address, port: 4000), at: TestServer.now)
        return (0..<32).map { nonce.characters[$0] }
    }

    /// The key that the client's password makes.
    var key: [UInt8] {
        let text = [username ?? "alice", realm ?? "stund", password].joined(separator: ":")
        let bytes = Array(text.utf8)
        let digest = algorithm == .md5 ? MD5.digest(bytes.raw) : SHA256.digest(bytes.raw)
        return (0..<algorithm.keyLength).map { digest[$0] }
    }

    /// The request without integrity.
    var unsigned: [UInt8] {
        var attributes: [Wire.Attribute] = []
        if let username { attributes.append(.init(0x0006, Array(username.utf8))) }
        if let userHash { attributes.append(.init(0x001E, userHash)) }
        if let realm { attributes.append(.init(0x0014, Array(realm.utf8))) }
        if let nonce { attributes.append(.init(0x0015, nonce)) }
        if let passwordAlgorithm { attributes.append(.init(0x001D, passwordAlgorithm)) }
        if let passwordAlgorithms { attributes.append(.init(0x8002, passwordAlgorithms)) }
        return Wire.message(0x0003, as: .cookie, attributes)
    }

    /// The whole request.
    var signed: [UInt8] { Secret(integrity, key).sign(unsigned, length: integrityLength) }
}

/// Base64 with `=`, without the code under test.
private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bits = bytes.flatMap { byte in (0..<8).map { Int(byte >> UInt8(7 - $0) & 1) } }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) {
        text.append(alphabet[(start..<(start + 6)).reduce(0) { $0 * 2 + ($1 < bits.count ? bits[$1] : 0) }])
    }
    while text.count % 4 != 0 { text.append("=") }
    return text
}
