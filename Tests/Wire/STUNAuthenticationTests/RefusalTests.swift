import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("Requests that are refused, each with its cause (RFC 8489 section 9.2.4)")
struct RefusalTests {
    let server = TestServer()

    @Test("without integrity: the normal first 401")
    func noIntegrity() throws {
        #expect(try server.refusal(Wire.message(0x0003, as: .cookie)) == .noIntegrity)
        #expect(try server.refusal(TestRequest().unsigned) == .noIntegrity)
        let classic = Wire.message(0x0001, as: .classic, [.init(0x0008, Array(repeating: 0, count: 20))])
        let message = try Message(parsing: classic.raw, as: .classic)
        let answer = server.authenticator.authenticate(
            message,
            from: TestServer.client,
            at: TestServer.address,
            unixSeconds: TestServer.now
        )
        guard case .refused(.noIntegrity) = answer else {
            Issue.record("\(answer)")
            return
        }
    }

    @Test("with integrity but without USERNAME, REALM or NONCE: 400")
    func missing() throws {
        for (attribute, path) in [
            (.username, \TestRequest.username), (.realm, \TestRequest.realm),
        ] as [(AttributeType, WritableKeyPath<TestRequest, String?>)] {
            var request = TestRequest()
            request[keyPath: path] = nil
            #expect(try server.refusal(request.signed) == .missing(attribute))
        }
        var request = TestRequest()
        request.nonce = nil
        #expect(try server.refusal(request.signed) == .missing(.nonce))
    }

    @Test("row 18: an integrity of forbidden length: 400", arguments: [0, 4, 12, 15, 16, 17, 20, 24, 28, 33])
    func integrityLength(_ length: Int) throws {
        var request = TestRequest.modern()
        request.integrityLength = length
        #expect(try server.refusal(request.signed) == .integrityLength(length))
        var classic = TestRequest()
        classic.integrityLength = length
        #expect(try server.refusal(classic.signed) == (length == 20 ? nil : .integrityLength(length)))
    }

    @Test("row 19: one of PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS without the other, or another list: 400")
    func bidDown() throws {
        var request = TestRequest.modern()
        request.passwordAlgorithms = nil
        #expect(try server.refusal(request.signed) == .missing(.passwordAlgorithms))
        request = .modern()
        request.passwordAlgorithm = nil
        #expect(try server.refusal(request.signed) == .missing(.passwordAlgorithm))
        request = .modern(.md5)
        for list in ["00010000", "00010000 00020000", "00020000", "00020000 00010000 00030000", ""] {
            request.passwordAlgorithms = hex(list)
            #expect(try server.refusal(request.signed) == .differingAlgorithms, "\(list)")
        }
    }

    @Test("row 19: algorithms with a nonce that denies them: 400; a nonce with changed bits alone: 438")
    func changedNonce() throws {
        var denied = TestRequest.nonce()
        denied[9] = UInt8(ascii: "A")
        for nonce in [denied, Array("5f2a7c".utf8)] {
            var request = TestRequest.modern()
            request.nonce = nonce
            #expect(try server.refusal(request.signed) == .algorithmsWithoutFeature)
            // The client was told of no algorithms and does as RFC 5389 says.
            request = TestRequest()
            request.nonce = nonce
            #expect(try server.refusal(request.signed) == .foreignNonce)
        }
    }

    @Test("a PASSWORD-ALGORITHM that is not offered, or is none: 400")
    func unsupportedAlgorithm() throws {
        var request = TestRequest.modern()
        for (value, refusal) in [
            ("00030000", .unsupportedAlgorithm(3)), ("ffff0000", .unsupportedAlgorithm(0xFFFF)),
            ("00020004 00000000", .unsupportedAlgorithm(2)), ("0002", .malformed(.passwordAlgorithm)),
            ("", .malformed(.passwordAlgorithm)),
        ] as [(String, AuthenticationRefusal)] {
            request.passwordAlgorithm = hex(value)
            #expect(try server.refusal(request.signed) == refusal, "\(value)")
        }
    }

    @Test("row 22: an unknown user and a wrong password differ in the cause alone")
    func unknownUser() throws {
        for base in [TestRequest(), .modern(.md5), .modern(.sha256)] {
            var unknown = base
            unknown.username = "alicf"
            var wrong = base
            wrong.password = "mirrors"
            #expect(try server.refusal(unknown.signed) == .unknownUser)
            #expect(try server.refusal(wrong.signed) == .wrongPassword)
            let answers = [AuthenticationRefusal.unknownUser, .wrongPassword].map {
                server.challenge(code: $0.errorCode)
            }
            #expect(answers[0] == answers[1])
        }
        var hashed = TestRequest()
        hashed.username = nil
        hashed.userHash = Array(repeating: 7, count: 32)
        #expect(try server.refusal(hashed.signed) == .unknownUser)
    }

    @Test("USERHASH of another length, or USERNAME beyond what RFC 5389 allowed: 400")
    func malformedNames() throws {
        var request = TestRequest()
        request.username = nil
        for count in [0, 16, 31, 33] {
            request.userHash = Array(repeating: 7, count: count)
            #expect(try server.refusal(request.signed) == .malformed(.userHash))
        }
        request = TestRequest()
        request.username = String(repeating: "a", count: 763)
        #expect(try server.refusal(request.signed) == .unknownUser)
        request.username = String(repeating: "a", count: 764)
        #expect(try server.refusal(request.signed) == .malformed(.username))
    }

    @Test("a REALM that is none of ours: 401 with ours")
    func wrongRealm() throws {
        for realm in ["other", "Stund", "", "stun", "stundd"] {
            var request = TestRequest()
            request.realm = realm
            #expect(try server.refusal(request.signed) == .wrongRealm)
        }
    }

    @Test("row 20: a nonce of another address, another server, or another time: 438")
    func nonces() throws {
        let request = TestRequest().signed
        #expect(try server.refusal(request, from: IPAddress(v4: 1)) == .foreignNonce)
        #expect(try server.refusal(request, unixSeconds: TestServer.now + 660) == .staleNonce(bySeconds: 60))
        #expect(try server.refusal(request, unixSeconds: TestServer.now - 60) == .futureNonce(bySeconds: 60))
        var other = TestRequest()
        other.nonce = TestRequest.nonce(NonceIssuer(key: NonceTests.key(9), lifetime: 600))
        #expect(try server.refusal(other.signed) == .foreignNonce)
        let fleet = TestServer(secrets: [], issuer: NonceIssuer(key: NonceTests.key(0), lifetime: 100))
        #expect(try fleet.accepted(request) != nil)
    }

    @Test("the integrity is checked before the nonce: a guess at a password learns nothing from an old nonce")
    func order() throws {
        var request = TestRequest()
        request.password = "mirrors"
        #expect(try server.refusal(request.signed, unixSeconds: TestServer.now + 6000) == .wrongPassword)
    }

    @Test("codes are those of the RFC, and a challenge goes with 401 and 438")
    func codes() {
        let all: [(AuthenticationRefusal, ErrorCode)] = [
            (.noIntegrity, .unauthenticated), (.missing(.realm), .badRequest), (.malformed(.userHash), .badRequest),
            (.integrityLength(4), .badRequest), (.algorithmsWithoutFeature, .badRequest),
            (.differingAlgorithms, .badRequest), (.unsupportedAlgorithm(3), .badRequest),
            (.wrongRealm, .unauthenticated), (.unknownUser, .unauthenticated), (.notTimestamp, .unauthenticated),
            (.wrongPassword, .unauthenticated), (.retiredSecret(0), .unauthenticated),
            (.expired(bySeconds: 1), .unauthenticated), (.staleNonce(bySeconds: 1), .staleNonce),
            (.futureNonce(bySeconds: 1), .staleNonce), (.foreignNonce, .staleNonce),
        ]
        for (refusal, code) in all {
            #expect(refusal.errorCode == code)
            #expect(refusal.needsChallenge == (code != .badRequest))
        }
    }

    @Test("no flipped bit of a request is accepted for another request, and none traps")
    func everyBit() throws {
        for request in [TestRequest(), .modern()] {
            let signed = request.signed
            for bit in 0..<(signed.count * 8) {
                var changed = signed
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let answer = try? server.authenticate(changed) else { continue }
                if case .accepted = answer { Issue.record("bit \(bit)") }
            }
        }
    }

    @Test("100,000 random messages with the mechanism's attributes are refused, and none traps")
    func noise() throws {
        var generator = SeededGenerator.announced("authentication noise")
        let numbers: [UInt16] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x8002, 0x8028]
        for _ in 0..<100_000 {
            let attributes = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                let number = numbers.randomElement(using: &generator) ?? 0x0006
                let lengths = [0, 1, 4, 5, 8, 20, 32, 40]
                let length = lengths.randomElement(using: &generator) ?? 0
                let names = [Array("alice".utf8), Array("stund".utf8), TestRequest.nonce(), generator.bytes(length)]
                return Wire.Attribute(number, names.randomElement(using: &generator) ?? [])
            }
            if case .accepted = try server.authenticate(Wire.message(0x0003, as: .cookie, attributes)) {
                Issue.record("\(attributes)")
            }
        }
    }
}
