import Testing

@testable import STUNAuthentication

@Suite("RFC 2202 section 3 and RFC 4231 section 4: known answers of HMAC")
struct KnownAnswerTests {
    /// A key, a text and the HMAC of it.
    struct KnownAnswer: Sendable {
        let digest: String
        let key: [UInt8]
        let text: [UInt8]
        let code: [UInt8]

        init(_ digest: String, key: [UInt8], text: [UInt8], _ code: String) {
            self.digest = digest
            self.key = key
            self.text = text
            self.code = hex(code)
        }
    }

    static let longKeyText = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
    static let answers = [
        KnownAnswer(
            "SHA1",
            key: [UInt8](repeating: 0x0B, count: 20),
            text: Array("Hi There".utf8),
            "b617318655057264e28bc0b6fb378c8ef146be00"
        ),
        KnownAnswer(
            "SHA1",
            key: Array("Jefe".utf8),
            text: Array("what do ya want for nothing?".utf8),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        ),
        KnownAnswer(
            "SHA1",
            key: [UInt8](repeating: 0xAA, count: 80),
            text: longKeyText,
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        ),
        KnownAnswer(
            "SHA256",
            key: [UInt8](repeating: 0x0B, count: 20),
            text: Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        KnownAnswer(
            "SHA256",
            key: Array("Jefe".utf8),
            text: Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        KnownAnswer(
            "SHA256",
            key: [UInt8](repeating: 0xAA, count: 131),
            text: longKeyText,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ]

    @Test("every answer is right, wherever the text is cut in two, and again with the same key", arguments: answers)
    func answer(_ known: KnownAnswer) throws {
        var hmac = try HMAC(digest: known.digest, key: known.key.span)
        for cut in 0...known.text.count {
            let head = Array(known.text[..<cut])
            let tail = Array(known.text[cut...])
            let code = try hmac.code(of: head.span, tail.rawSpan)
            #expect(known.code.indices.allSatisfy { code[$0] == known.code[$0] }, "cut at \(cut)")
        }
    }
}

@Suite("RFC 8489 sections 9.2.2 and 18.5.1: keys of long-term credentials")
struct PasswordAlgorithmTests {
    @Test("user, realm and pass make the MD5 key that section 9.2.2 prints")
    func md5() throws {
        let key = try PasswordAlgorithm.md5.key(username: "user", realm: "realm", password: "pass")
        #expect(key == hex("8493fbc53ba582fb4c044c456bdc40eb"))
    }

    @Test("the SHA-256 key is the hash of the same text")
    func sha256() throws {
        let key = try PasswordAlgorithm.sha256.key(username: "user", realm: "realm", password: "pass")
        #expect(key == hex("07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"))
    }

    @Test("text is hashed byte by byte: two spellings of one letter make two keys")
    func spellings() throws {
        let composed = try PasswordAlgorithm.md5.key(username: "u", realm: "r", password: "\u{E9}")
        let decomposed = try PasswordAlgorithm.md5.key(username: "u", realm: "r", password: "e\u{301}")
        #expect(composed != decomposed)
    }
}

@Suite("What OpenSSL refuses becomes an error with a sentence")
struct CryptographyErrorTests {
    @Test("a key without bytes is refused")
    func emptyKey() {
        for algorithm in IntegrityAlgorithm.allCases {
            #expect(throws: CryptographyError.emptyKey) { _ = try IntegrityKey(algorithm, key: [UInt8]().span) }
        }
    }

    @Test("a hash that OpenSSL does not offer is named, with OpenSSL's reason and what to do")
    func unavailable() {
        let expected = CryptographyError.unavailable(algorithm: "MD17", reason: "unsupported")
        #expect(throws: expected) { try digest("text", named: "MD17") }
        #expect(
            expected.description
                == "OpenSSL on this host does not offer MD17 (unsupported): allow it in the host's openssl.cnf, "
                + "or use credentials that do not need it"
        )
        #expect(throws: CryptographyError.self) { _ = try HMAC(digest: "MD17", key: [1].span) }
    }

}

@Suite("Row 17: HMACs are compared in constant time")
struct ConstantTimeTests {
    @Test("bytes are equal when all are the same and as many")
    func equality() {
        #expect(equals([1, 2], [1, 2]))
        #expect(!equals([1, 2], [1, 3]))
        #expect(!equals([1, 2], [1]))
        #expect(!equals([1], [1, 2]))
    }

    private func equals(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        constantTimeEquals(first.span, second.rawSpan)
    }
}
