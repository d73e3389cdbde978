import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("Requests that are accepted (RFC 8489 section 9.2.4)")
struct AuthenticatorTests {
    let server = TestServer()

    @Test("a client of RFC 5389 is answered with MESSAGE-INTEGRITY")
    func classic() throws {
        let request = TestRequest()
        let accepted = try #require(try server.accepted(request.signed))
        #expect(accepted.user == UserHash(username: "alice", realm: "stund").user)
        #expect(accepted.account == accepted.user)
        #expect(accepted.realm == 0)
        #expect(accepted.key.bytes == request.key)
        #expect(accepted.integrity == .hmacSHA1)
        #expect(accepted.end == request.signed.count)
        #expect(accepted.expiry == nil)
        #expect(!accepted.isTimed)
        #expect(accepted.username?.start == 24)
        #expect(accepted.username?.count == 5)
    }

    @Test("a client that names a password algorithm is answered with MESSAGE-INTEGRITY-SHA256")
    func modern() throws {
        for algorithm in PasswordAlgorithm.allCases {
            for integrity in IntegrityAlgorithm.allCases {
                var request = TestRequest.modern(algorithm)
                request.integrity = integrity
                let accepted = try #require(try server.accepted(request.signed))
                #expect(accepted.key.bytes == request.key)
                #expect(accepted.key.algorithm == algorithm)
                #expect(accepted.integrity == .hmacSHA256)
            }
        }
        // Nothing named, so MD5; the letter of the RFC then answers with MESSAGE-INTEGRITY.
        var unnamed = TestRequest()
        unnamed.integrity = .hmacSHA256
        #expect(try server.accepted(unnamed.signed)?.integrity == .hmacSHA1)
    }

    @Test("USERHASH is as good as USERNAME, and the same user")
    func userHash() throws {
        for base in [TestRequest(), .modern(.md5), .modern(.sha256)] {
            let named = try #require(try server.accepted(base.signed))
            var request = base
            request.username = nil
            request.userHash = UserHash(username: "alice", realm: "stund").bytes
            let accepted = try #require(try server.accepted(request.signed))
            #expect(accepted.user == named.user)
            #expect(accepted.key == named.key)
            #expect(accepted.username == nil)
        }
    }

    @Test("the requests of RFC 5769 2.4 and RFC 8489 B.1 are judged by their integrity, then by their nonce")
    func vectors() throws {
        let user = StoredCredential(username: "マトリックス", realm: "example.org", password: "TheMatrIX")
        let server = TestServer(users: TestServer.users + [user])
        let sample = try Fixtures.bytes("rfc5769/rfc5769-2.4-request-long-term.bin")
        #expect(try server.refusal(sample) == .foreignNonce)
        // B.1 uses the key by SHA-256 without a PASSWORD-ALGORITHM, which section 9.2.4 reads as MD5.
        let hashed = try Fixtures.bytes("rfc8489/rfc8489-B.1-corrected.bin")
        #expect(try server.refusal(hashed) == .wrongPassword)
    }

    @Test("every message of another server's session is right but for the nonce")
    func session() throws {
        let user = StoredCredential(username: "user1", realm: "localhost", password: "test")
        let server = TestServer(realms: [CredentialRealm("localhost")], users: [user])
        for name in ["AllocateRequest", "ChannelBindRequest", "CreatePermissionRequest", "RefreshRequest"] {
            #expect(try server.refusal(Fixtures.bytes("turn-rs-samples/\(name).bin")) == .foreignNonce, "\(name)")
        }
        let first = try Fixtures.bytes("turn-rs-samples/UnauthorizedAllocateRequest.bin")
        #expect(try server.refusal(first) == .noIntegrity)
    }

    @Test("a realm of ours is honoured, whatever address the request came to")
    func realms() throws {
        var request = TestRequest()
        request.username = "bob"
        request.realm = "example.org"
        request.password = "builder"
        for local in [TestServer.address, TestServer.secondAddress] {
            guard case .accepted(let accepted) = try server.authenticate(request.signed, at: local) else {
                Issue.record("refused at \(local)")
                continue
            }
            #expect(accepted.realm == 1)
        }
        // Alice is nobody there, and Bob nobody in the default realm.
        request.username = "alice"
        request.password = "wonderland"
        #expect(try server.refusal(request.signed) == .unknownUser)
    }

    @Test("nulls at the end of USERNAME and REALM are no part of them (section 9.2.2)")
    func trailingNulls() throws {
        var request = TestRequest()
        let key = request.key
        request.username = "alice\0\0\0"
        request.realm = "stund\0"
        let accepted = try #require(try server.accepted(Secret(.hmacSHA1, key).sign(request.unsigned)))
        #expect(accepted.user == UserHash(username: "alice", realm: "stund").user)
    }

    @Test("row 15: what stands behind the integrity does not count, and `end` says where that begins")
    func trailingAttributes() throws {
        let signed = TestRequest().signed
        // Another user, realm and nonce, and algorithms, from a stranger without the key.
        var longer = appending(0x0006, Array("bob".utf8), to: signed)
        longer = appending(0x0014, Array("example.org".utf8), to: longer)
        longer = appending(0x0015, Array("nonsense".utf8), to: longer)
        longer = appending(0x001D, hex("00020000"), to: longer)
        longer = appending(0x000D, [0, 0, 0, 0], to: longer)
        let accepted = try #require(try server.accepted(longer))
        #expect(accepted.end == signed.count)
        #expect(accepted.user == UserHash(username: "alice", realm: "stund").user)
        #expect(accepted.integrity == .hmacSHA1)
        // Nor can they stand in for what is missing.
        var request = TestRequest()
        request.nonce = nil
        #expect(try server.refusal(appending(0x0015, TestRequest.nonce(), to: request.signed)) == .missing(.nonce))
    }

    @Test("with both integrities MESSAGE-INTEGRITY-SHA256 decides, and what stands between them does not count")
    func both() throws {
        let request = TestRequest()
        let once = request.signed
        let between = appending(0x000D, [0, 0, 0, 0], to: once)
        let twice = Secret(.hmacSHA256, request.key).sign(between)
        #expect(try server.accepted(twice)?.end == once.count)
        var forged = twice
        forged[forged.count - 1] ^= 1
        #expect(try server.refusal(forged) == .wrongPassword)
        // A wrong MESSAGE-INTEGRITY before a right MESSAGE-INTEGRITY-SHA256 is only what that one covers.
        let odd = Secret(.hmacSHA256, request.key).sign(
            appending(0x0008, Array(repeating: 0, count: 20), to: request.unsigned)
        )
        #expect(try server.accepted(odd) != nil)
        // Behind MESSAGE-INTEGRITY-SHA256 no other integrity counts.
        let modern = TestRequest.modern().signed
        for (number, count) in [(0x0008, 20), (0x0008, 4), (0x001C, 32), (0x001C, 4)] as [(UInt16, Int)] {
            let behind = appending(number, Array(repeating: 0, count: count), to: modern)
            #expect(try server.accepted(behind)?.end == modern.count)
        }
    }
}

@Suite("Timed credentials at the server (attacks row 25)")
struct TimedAuthenticationTests {
    let server = TestServer()

    @Test("every current secret is accepted, with every algorithm, and the expiry is told")
    func accepted() throws {
        for secret in ["north", "south"] {
            for base in [TestRequest(), .modern(.md5), .modern(.sha256)] {
                let request = TestRequest.timed("1700000600:alice", secret: secret, base)
                let accepted = try #require(try server.accepted(request.signed))
                #expect(accepted.expiry == 1_700_000_600)
                #expect(accepted.isTimed)
                #expect(accepted.key.bytes == request.key)
                #expect(accepted.user == UserHash(username: "1700000600:alice", realm: "stund").user)
                #expect(accepted.account == UserHash(username: "alice", realm: "stund").user)
            }
        }
        let bare = try #require(try server.accepted(TestRequest.timed("1700000600").signed))
        #expect(bare.account == bare.user)
    }

    @Test("a retired secret is refused, and the refusal says which it is")
    func retired() throws {
        let request = TestRequest.timed("1700000600:alice", secret: "logen")
        #expect(try server.refusal(request.signed) == .retiredSecret(0))
        #expect(try server.refusal(TestRequest.timed("1700000600:alice", secret: "west").signed) == .wrongPassword)
    }

    @Test("an expired credential is refused, and the refusal says since when; an allocation that exists may go on")
    func expired() throws {
        let request = TestRequest.timed("1699999000:alice").signed
        #expect(try server.refusal(request) == .expired(bySeconds: 1000))
        #expect(try server.refusal(TestRequest.timed("1700000000").signed) == .expired(bySeconds: 0))
        #expect(try server.accepted(TestRequest.timed("1700000001").signed) != nil)
        #expect(try server.accepted(request, acceptsExpired: true)?.expiry == 1_699_999_000)
        // Only for who has the secret.
        #expect(
            try server.accepted(TestRequest.timed("1699999000:alice", secret: "west").signed, acceptsExpired: true)
                == nil
        )
    }

    @Test(
        "row 25: no other username is a timed one, though its password was made from the secret",
        arguments: [
            "-1:alice", "9223372036854775808:alice", "1e9", "", ":", "1700000600000:alice",
            String(repeating: ":", count: 500),
        ]
    )
    func malformed(_ username: String) throws {
        let request = TestRequest.timed(username).signed
        #expect(try server.refusal(request) == .unknownUser)
        let onlySecrets = TestServer(users: [])
        #expect(try onlySecrets.refusal(request) == .notTimestamp)
    }

    @Test("a user of the book comes before a timed credential of the same name")
    func precedence() throws {
        let user = StoredCredential(username: "1700000600:alice", realm: "stund", password: "wonderland")
        let server = TestServer(users: [user])
        var request = TestRequest()
        request.username = "1700000600:alice"
        let accepted = try server.accepted(request.signed)
        #expect(accepted != nil)
        #expect(accepted?.isTimed == false)
        #expect(try server.refusal(TestRequest.timed("1700000600:alice").signed) == .wrongPassword)
    }

    @Test("a credential of the maker is accepted")
    func maker() throws {
        let secret = TestServer.secrets[1]
        let credential = TimedCredential(expiry: 1_700_000_600, user: "carol", secret: secret)
        var request = TestRequest()
        request.username = credential.username
        request.password = credential.password
        #expect(try server.accepted(request.signed) != nil)
    }

    @Test("without secrets a timestamp is a name like any other")
    func noSecrets() throws {
        let server = TestServer(secrets: [])
        #expect(try server.refusal(TestRequest.timed("1700000600:alice").signed) == .unknownUser)
    }
}
