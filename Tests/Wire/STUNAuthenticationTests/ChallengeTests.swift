import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("Challenges (RFC 8489 section 9.2.4)")
struct ChallengeTests {
    let server = TestServer()

    @Test("row 27: a 401 carries realm, nonce and algorithms in at most 88 bytes for a realm of up to 8")
    func size() throws {
        for length in 1...16 {
            let server = TestServer(realms: [CredentialRealm(String(repeating: "r", count: length))])
            let answer = try #require(server.challenge())
            #expect(answer.count == 80 + (length + 3) / 4 * 4)
            #expect((answer.count <= 88) == (length <= 8))
            #expect(server.challenge(limit: answer.count - 1) == nil)
            #expect(server.challenge(limit: answer.count) == answer)
            let read = try #require(TakenApart(answer, as: .cookie))
            #expect(read.type == 0x0113)
            #expect(read.types == [0x0009, 0x0014, 0x0015, 0x8002])
            #expect(read.padding.allSatisfy { $0 == 0 })
            #expect(read[0x0014] == Array(repeating: UInt8(ascii: "r"), count: length))
            #expect(read[0x0015] == TestRequest.nonce())
            #expect(read[0x8002] == hex("00020000 00010000"))
        }
    }

    @Test("a client that does what the challenge says is accepted", arguments: PasswordAlgorithm.allCases)
    func answered(_ algorithm: PasswordAlgorithm) throws {
        for secrets in [TestServer.secrets, []] {
            let server = TestServer(secrets: secrets)
            let challenge = try #require(server.challenge().flatMap { TakenApart($0, as: .cookie) })
            var request = TestRequest.modern(algorithm)
            request.realm = challenge[0x0014].map { String(decoding: $0, as: UTF8.self) }
            request.nonce = challenge[0x0015]
            request.passwordAlgorithms = challenge[0x8002]
            #expect(try server.accepted(request.signed) != nil)
        }
    }

    @Test("clients must hide names only where no name is needed to check a timed credential (section 9.2.5)")
    func anonymity() throws {
        for (secrets, features) in [
            (TestServer.secrets, .passwordAlgorithms), ([], [.passwordAlgorithms, .usernameAnonymity]),
        ] as [([SharedSecret], SecurityFeatures)] {
            let challenge = TestServer(secrets: secrets).challenge().flatMap { TakenApart($0, as: .cookie) }
            let nonce = try #require(challenge?[0x0015])
            #expect(Nonce.features(of: nonce.raw) == features)
        }
    }

    @Test("the realm is the request's own where it is ours, else the address's, else the first")
    func realm() throws {
        func realm(_ name: String?, at local: IPAddress) throws -> Int {
            let attributes = name.map { [Wire.Attribute(0x0014, Array($0.utf8))] } ?? []
            let bytes = Wire.message(0x0003, as: .cookie, attributes)
            return server.authenticator.realm(for: try Message(parsing: bytes.raw, as: .cookie), at: local)
        }
        #expect(try realm(nil, at: TestServer.address) == 0)
        #expect(try realm(nil, at: TestServer.secondAddress) == 1)
        #expect(try realm("stund", at: TestServer.secondAddress) == 0)
        #expect(try realm("example.org", at: TestServer.address) == 1)
        #expect(try realm("other", at: TestServer.secondAddress) == 1)
        #expect(server.challenge(realm: 2) == nil)
        #expect(server.challenge(realm: -1) == nil)
    }
}

@Suite("Writing integrity (RFC 8489 sections 14.5 and 14.6)")
struct WritingTests {
    @Test("what is written verifies, alone and before FINGERPRINT, and is what another hand makes")
    func verifies() throws {
        for algorithm in PasswordAlgorithm.allCases {
            for integrity in IntegrityAlgorithm.allCases {
                let key = LongTermKey(username: "u", realm: "r", password: "p", algorithm: algorithm)
                let secret = Secret(integrity, key.bytes)
                let plain = Wire.message(0x0103, as: .cookie, [.init(0x000D, [0, 0, 2, 0x58])])
                let signed = try #require(answer(integrity, key, hasFingerprint: false))
                #expect(signed == secret.sign(plain))
                let whole = try #require(answer(integrity, key, hasFingerprint: true))
                #expect(try secret.check(whole) == .valid(end: whole.count - 8))
                let message = try Message(parsing: whole.raw, as: .cookie)
                let check = message.checkIntegrity(integrity, key: key)
                #expect(check == .valid(end: whole.count - 8))
                // Its CRC, bit by bit.
                #expect(whole == Wire.fingerprinted(0x0103, Array(attributes(of: whole).dropLast())))
            }
        }
    }

    @Test("what does not fit is not written")
    func limit() {
        let key = LongTermKey(username: "u", realm: "r", password: "p", algorithm: .md5)
        for limit in 28...70 {
            #expect((answer(.hmacSHA1, key, hasFingerprint: false, limit: limit) != nil) == (limit >= 52))
            #expect((answer(.hmacSHA256, key, hasFingerprint: false, limit: limit) != nil) == (limit >= 64))
        }
    }

    private func attributes(of message: [UInt8]) -> [Wire.Attribute] {
        TakenApart(message, as: .cookie)?.attributes ?? []
    }

    /// A success with LIFETIME 600, over a longer and over a shorter request.
    private func answer(
        _ integrity: IntegrityAlgorithm,
        _ key: LongTermKey,
        hasFingerprint: Bool,
        limit: Int = 1500
    ) -> [UInt8]? {
        let long = Wire.message(0x0003, as: .cookie, [.init(0x0026, Array(repeating: 0xFF, count: 100))])
        let answers = [long, Wire.message(0x0003, as: .cookie)].map { request in
            withPacket(request) { packet in
                let id = TransactionID(high: 0x2112_A442_B4B5_B6B7, low: 0xB8B9_BABB_BCBD_BEBF)
                var writer = MessageWriter(
                    MessageType(.allocate, .success),
                    in: .cookie,
                    context: AttributeContext(transactionID: id, addressLayout: .standard),
                    limit: limit,
                    over: &packet
                )
                let fits =
                    writer.append(Lifetime(seconds: 600), to: &packet)
                    && writer.appendIntegrity(integrity, key: key, to: &packet)
                if hasFingerprint { return fits && writer.finishWithFingerprint(&packet) }
                writer.finish(&packet)
                return fits
            }
        }
        #expect(answers[0].datagram == answers[1].datagram)
        return answers[0].result && answers[1].result ? answers[0].datagram : nil
    }
}

@Suite("The credential book")
struct CredentialBookTests {
    @Test("every one of 1000 users is found by the hash, in the own realm only, and nobody else is")
    func lookups() throws {
        let users = (0..<1000).map { number in
            StoredCredential(username: "user\(number)", realm: number % 2 == 0 ? "stund" : "example.org", password: "p")
        }
        let book = CredentialBook(realms: TestServer.realms, users: users.shuffled())
        #expect(book.userCount == 1000)
        for (number, user) in users.enumerated() {
            let index = try #require(book.user(user.userHash, realm: number % 2))
            #expect(book.key(ofUser: index, .md5) == user.md5)
            #expect(book.key(ofUser: index, .sha256) == user.sha256)
            #expect(book.user(user.userHash, realm: 1 - number % 2) == nil)
            #expect(book.user(UserHash(username: "other\(number)", realm: "stund"), realm: 0) == nil)
        }
        var bytes = users[0].userHash.bytes
        bytes[31] ^= 1
        #expect(book.user(try #require(UserHash(bytes: bytes)), realm: 0) == nil)
    }

    @Test("an empty book has the standard realm, no user, and keys of nobody that differ from book to book")
    func empty() {
        let books = [CredentialBook(), CredentialBook()]
        #expect(books[0].realms == [.standard])
        #expect(books[0].userCount == 0)
        #expect(books[0].user(UserHash(username: "", realm: ""), realm: 0) == nil)
        #expect(books[0].key(ofUser: nil, .md5) != books[1].key(ofUser: nil, .md5))
    }

    @Test("users of a realm that is not listed are left out, and of two of one name the first counts")
    func duplicates() {
        let users = [
            StoredCredential(username: "a", realm: "stund", password: "first"),
            StoredCredential(username: "a", realm: "stund", password: "second"),
            StoredCredential(username: "a", realm: "gone", password: "third"),
        ]
        let book = CredentialBook(users: users)
        #expect(book.userCount == 1)
        #expect(book.key(ofUser: book.user(users[0].userHash, realm: 0), .md5) == users[0].md5)
    }

    @Test("a user is found by name or hash, and the hash leads back to the name")
    func names() {
        let users = (0..<20).map { StoredCredential(username: "user\($0)", realm: "stund", password: "p") }
        let book = CredentialBook(users: users)
        for user in users { #expect(book.username(of: user.userHash.user) == user.username) }
        #expect(book.username(of: UserHash(username: "user20", realm: "stund").user) == nil)
        #expect(CredentialBook().username(of: users[0].userHash.user) == nil)
    }

    @Test("what is stored of a user comes back; wrong lengths do not")
    func stored() {
        let user = StoredCredential(username: "a", realm: "r", password: "p")
        let (md5, sha256) = (user.md5.bytes, user.sha256.bytes)
        #expect(StoredCredential(username: "a", realm: "r", md5: md5, sha256: sha256) == user)
        #expect(StoredCredential(username: "a", realm: "r", md5: sha256, sha256: sha256) == nil)
        #expect(StoredCredential(username: "a", realm: "r", md5: md5, sha256: md5) == nil)
    }
}
