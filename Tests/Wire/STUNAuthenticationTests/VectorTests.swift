import STUNCodec
import Testing
import WireFixtures

@testable import STUNAuthentication

/// A message of a standard with the key that its text names.
struct Vector: CustomTestStringConvertible, Sendable {
    let path: String
    let secret: Secret
    /// Where the HMAC ends.
    let end: Int

    var testDescription: String { path }

    static func all() throws -> [Vector] {
        let user = "マトリックス"
        let md5 = LongTermKey(username: user, realm: "example.org", password: "TheMatrIX", algorithm: .md5).bytes
        let sha256 = LongTermKey(username: user, realm: "example.org", password: "TheMatrIX", algorithm: .sha256).bytes
        return [
            Vector(path: "rfc5769/rfc5769-2.1-request.bin", secret: .rfc5769, end: 100),
            Vector(path: "rfc5769/rfc5769-2.2-response-ipv4.bin", secret: .rfc5769, end: 72),
            Vector(path: "rfc5769/rfc5769-2.3-response-ipv6.bin", secret: .rfc5769, end: 84),
            Vector(path: "rfc5769/rfc5769-2.4-request-long-term.bin", secret: Secret(.hmacSHA1, md5), end: 116),
            Vector(path: "rfc8489/rfc8489-B.1-corrected.bin", secret: Secret(.hmacSHA256, sha256), end: 156),
        ]
    }
}

@Suite("RFC 5769 section 2 and RFC 8489 appendix B.1: test vectors")
struct VectorTests {
    @Test("the HMAC of every vector is right", arguments: try Vector.all())
    func verifies(_ vector: Vector) throws {
        #expect(try vector.secret.check(Fixtures.bytes(vector.path)) == .valid(end: vector.end))
    }

    @Test("another key of the same length makes every vector invalid", arguments: try Vector.all())
    func otherKey(_ vector: Vector) throws {
        var bytes = vector.secret.bytes
        bytes[bytes.count - 1] ^= 1
        #expect(try Secret(vector.secret.algorithm, bytes).check(Fixtures.bytes(vector.path)) == .invalid)
    }

    /// A flip in an attribute's header may have the parser refuse the message, or hide the integrity attribute.
    ///
    /// One in the length field must be refused there, since the HMAC is not taken over that field as it stands.
    @Test("one flipped bit in what the HMAC covers, or in the HMAC, is never valid", arguments: try Vector.all())
    func flippedBit(_ vector: Vector) throws {
        let message = try Fixtures.bytes(vector.path)
        let headers = try attributeHeaders(message)
        for bit in 0..<(vector.end * 8) {
            var changed = message
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            let check = try? vector.secret.check(changed)
            if bit / 8 == 2 || bit / 8 == 3 {
                #expect(check == nil, "bit \(bit)")
            } else if headers.contains(where: { $0.contains(bit / 8) }) {
                #expect(check != .valid(end: vector.end), "bit \(bit)")
            } else {
                #expect(check == .invalid, "bit \(bit)")
            }
        }
    }

    @Test("the value of USERHASH in B.1 is the hash of its name and realm")
    func userHash() throws {
        let bytes = try Fixtures.bytes("rfc8489/rfc8489-B.1-corrected.bin")
        let hash = UserHash(username: "マトリックス", realm: "example.org")
        #expect(hash.bytes == Array(bytes[24..<56]))
    }

    @Test("a key of the other algorithm finds no attribute of its own", arguments: try Vector.all())
    func otherAlgorithm(_ vector: Vector) throws {
        let other: IntegrityAlgorithm = vector.secret.algorithm == .hmacSHA1 ? .hmacSHA256 : .hmacSHA1
        #expect(try Secret(other, vector.secret.bytes).check(Fixtures.bytes(vector.path)) == .absent)
    }

    /// Where the attributes' types and lengths stand.
    private func attributeHeaders(_ bytes: [UInt8]) throws -> [Range<Int>] {
        let message = try Message(parsing: bytes.raw, as: .cookie)
        var headers: [Range<Int>] = []
        var offset = 20
        while let location = message.nextAttribute(&offset) { headers.append((location.start - 4)..<location.start) }
        return headers
    }
}

/// The length field of B.1 says 156, which is the whole message with its header; it should say 136.
///
/// The printed HMAC was taken over that wrong field, so neither the printed message nor one with only the length mended can
/// verify.
@Suite("RFC 8489 appendix B.1 as printed")
struct PrintedVectorTests {
    let printed: [UInt8]
    let secret: Secret

    init() throws {
        printed = try Fixtures.bytes("rfc8489/rfc8489-B.1-request-sha256-userhash.bin")
        secret = try #require(try Vector.all().last).secret
    }

    @Test("is refused for its length field")
    func length() {
        #expect(throws: MalformedMessage.wrongLength) { try secret.check(printed) }
    }

    @Test("has an HMAC that is wrong once the length field is mended")
    func mendedLength() throws {
        #expect(try secret.check(settingLength(136, in: printed)) == .invalid)
    }

    @Test("has an HMAC that was taken over the wrong length field")
    func origin() throws {
        #expect(secret.hmac(Array(printed[..<120])) == Array(printed[124...]))
    }
}

@Suite("A TURN session of another implementation: user1, localhost, test")
struct SessionTests {
    @Test(
        "every message with MESSAGE-INTEGRITY verifies with one key",
        arguments: [
            "AllocateRequest", "AllocateResponse", "ChannelBindRequest", "ChannelBindResponse",
            "CreatePermissionRequest", "CreatePermissionResponse", "RefreshRequest", "RefreshResponse",
        ]
    )
    func verifies(_ name: String) throws {
        guard case .valid = try key().check(Fixtures.bytes("turn-rs-samples/\(name).bin")) else {
            Issue.record("\(name) does not verify")
            return
        }
    }

    @Test("the request before the challenge has none")
    func unauthenticated() throws {
        #expect(try key().check(Fixtures.bytes("turn-rs-samples/UnauthorizedAllocateRequest.bin")) == .absent)
    }

    private func key() throws -> Secret {
        Secret(.hmacSHA1, LongTermKey(username: "user1", realm: "localhost", password: "test", algorithm: .md5).bytes)
    }
}
