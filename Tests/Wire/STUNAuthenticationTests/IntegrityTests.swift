import STUNCodec
import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("RFC 8489 sections 14.5 and 14.6: what an integrity attribute covers")
struct IntegrityTests {
    /// A Binding request without attributes.
    let request = hex("00 01 00 00 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae")
    let sha1 = Secret.rfc5769
    let sha256 = Secret(.hmacSHA256, Secret.rfc5769.bytes)

    @Test("row 15: attributes after it change nothing, and the check says from where on they stand")
    func trailingAttributes() throws {
        for secret in [sha1, sha256] {
            let signed = secret.sign(appending(0x000D, [0, 0, 2, 88], to: request))
            #expect(try secret.check(signed) == .valid(end: signed.count))
            // LIFETIME 0 from a stranger, then a FINGERPRINT.
            let longer = appending(0x8028, [1, 2, 3, 4], to: appending(0x000D, [0, 0, 0, 0], to: signed))
            #expect(try secret.check(longer) == .valid(end: signed.count))
        }
    }

    @Test("MESSAGE-INTEGRITY-SHA256 covers the MESSAGE-INTEGRITY before it, and both verify")
    func both() throws {
        let once = sha1.sign(request)
        let twice = sha256.sign(once)
        #expect(try sha1.check(twice) == .valid(end: once.count))
        #expect(try sha256.check(twice) == .valid(end: twice.count))
        var changed = twice
        changed[once.count - 1] ^= 1
        #expect(try sha1.check(changed) == .invalid)
        #expect(try sha256.check(changed) == .invalid)
    }

    @Test("only the first attribute of a number counts")
    func duplicate() throws {
        let forged = appending(0x0008, [UInt8](repeating: 0, count: 20), to: request)
        #expect(try sha1.check(sha1.sign(forged)) == .invalid)
        #expect(
            try sha1.check(appending(0x0008, [UInt8](repeating: 0, count: 20), to: sha1.sign(request)))
                == .valid(end: 44)
        )
    }

    @Test(
        "row 18: MESSAGE-INTEGRITY-SHA256 has 32 bytes, and no cut one counts",
        arguments: [0, 4, 12, 15, 16, 17, 20, 24, 28, 31, 33, 36]
    )
    func lengthOfSHA256(_ length: Int) throws {
        #expect(try sha256.check(sha256.sign(request)) == .valid(end: 56))
        #expect(try sha256.check(sha256.sign(request, length: length)) == .malformed)
    }

    @Test("row 18: MESSAGE-INTEGRITY has 20 bytes, never fewer or more", arguments: [0, 4, 16, 19, 21, 24, 32])
    func lengthOfSHA1(_ length: Int) throws {
        #expect(try sha1.check(sha1.sign(request, length: length)) == .malformed)
    }

    @Test("a message older than RFC 5389 has no integrity that these RFCs define")
    func olderDialect() throws {
        var classic = request
        classic[4] = 0
        #expect(try sha1.check(sha1.sign(classic), as: .classic) == .absent)
    }

    @Test("the longest message that fits a length field verifies")
    func longest() throws {
        let padding = [UInt8](repeating: 7, count: 65532 - 4 - 24)
        let signed = sha1.sign(appending(0x0026, padding, to: request))
        #expect(signed.count == 20 + 65532)
        #expect(try sha1.check(signed) == .valid(end: signed.count))
    }
}
