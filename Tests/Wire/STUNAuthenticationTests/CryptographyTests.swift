import Testing
import WireFixtures

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
    func answer(_ known: KnownAnswer) {
        switch known.digest {
        case "SHA1": check(known, HMAC<SHA1>(key: known.key.raw))
        default: check(known, HMAC<SHA256>(key: known.key.raw))
        }
    }

    private func check<Hash>(_ known: KnownAnswer, _ keyed: HMAC<Hash>) {
        #expect(known.code.count == Hash.length)
        for cut in 0...known.text.count {
            var hmac = keyed
            hmac.update(Array(known.text[..<cut]).raw)
            hmac.update(Array(known.text[cut...]).raw)
            let code = hmac.finish()
            #expect(known.code.indices.allSatisfy { code[$0] == known.code[$0] }, "cut at \(cut)")
        }
    }

    @Test("the digests of \"abc\" are those of RFC 1321, RFC 3174 and FIPS 180-4")
    func digests() {
        let text = Array("abc".utf8)
        #expect(bytes(MD5.digest(text.raw), MD5.length) == hex("900150983cd24fb0d6963f7d28e17f72"))
        #expect(bytes(SHA1.digest(text.raw), SHA1.length) == hex("a9993e364706816aba3e25717850c26c9cd0d89d"))
        #expect(
            bytes(SHA256.digest(text.raw), SHA256.length)
                == hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        )
    }

    private func bytes(_ digest: Digest, _ count: Int) -> [UInt8] {
        for index in count..<32 { #expect(digest[index] == 0) }
        return (0..<count).map { digest[$0] }
    }
}

@Suite("RFC 8489 sections 9.2.2 and 18.5.1: keys of long-term credentials")
struct LongTermKeyTests {
    @Test("user, realm and pass make the MD5 key that section 9.2.2 prints")
    func md5() {
        let key = LongTermKey(username: "user", realm: "realm", password: "pass", algorithm: .md5)
        #expect(key.bytes == hex("8493fbc53ba582fb4c044c456bdc40eb"))
    }

    @Test("the SHA-256 key is the hash of the same text")
    func sha256() {
        let key = LongTermKey(username: "user", realm: "realm", password: "pass", algorithm: .sha256)
        #expect(key.bytes == hex("07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"))
    }

    @Test("text is hashed byte by byte: two spellings of one letter make two keys")
    func spellings() {
        let composed = LongTermKey(username: "u", realm: "r", password: "\u{E9}", algorithm: .md5)
        let decomposed = LongTermKey(username: "u", realm: "r", password: "e\u{301}", algorithm: .md5)
        #expect(composed != decomposed)
    }

    @Test("a stored key comes back, and only with its algorithm's length")
    func stored() {
        for algorithm in PasswordAlgorithm.allCases {
            let key = LongTermKey(username: "u", realm: "r", password: "p", algorithm: algorithm)
            #expect(LongTermKey(bytes: key.bytes, algorithm: algorithm) == key)
            for count in 0...64 where count != algorithm.keyLength {
                #expect(LongTermKey(bytes: Array(repeating: 0, count: count), algorithm: algorithm) == nil)
            }
        }
    }

    @Test("keys differ when one bit does, or the algorithm")
    func equality() {
        let bytes = Array(UInt8(0)..<16)
        let key = LongTermKey(bytes: bytes, algorithm: .md5)
        for bit in 0..<128 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(LongTermKey(bytes: other, algorithm: .md5) != key)
        }
        let padded = LongTermKey(bytes: bytes + Array(repeating: 0, count: 16), algorithm: .sha256)
        #expect(padded != key)
    }

    @Test("no description shows a key or a secret")
    func descriptions() {
        let key = LongTermKey(username: "u", realm: "r", password: "p", algorithm: .md5)
        #expect("\(key)" == "LongTermKey(md5)")
        #expect(String(reflecting: key) == "LongTermKey(md5)")
        let secret = SharedSecret(name: "web", secret: Array("north".utf8))
        #expect(secret.map { "\($0)" } == "SharedSecret(web)")
    }
}

@Suite("Row 17: secrets are compared in constant time")
struct ConstantTimeTests {
    @Test("bytes are equal when all are the same and as many")
    func equality() {
        #expect(equals([1, 2], [1, 2]))
        #expect(!equals([1, 2], [1, 3]))
        #expect(!equals([1, 2], [1]))
        #expect(!equals([1], [1, 2]))
        #expect(equals([], []))
    }

    private func equals(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        constantTimeEquals(first.raw, second.raw)
    }
}
