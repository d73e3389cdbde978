import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("Timed credentials (draft-uberti-behave-turn-rest-00)")
struct TimedCredentialTests {
    @Test(
        "passwords and keys are those that another implementation makes",
        arguments: [
            ("north", 1_433_895_918, "ninefingers", "jy8hTxmOO7UtEKXqSkSlvakPVYA=", "6bed1a284b6a5442faf93e90f2b4365d"),
            ("logen", 1_599_491_771, nil, "2h2oQfgpYhDSfzpXIWkKVsC23Ps=", "60f03119bfdb5dba9e5600fd2c701fc1"),
            ("logen", 2_000_000_000, "alice", "V0y53F5HwlAjnmi/cq2jRLKYKjY=", "97923a04f1ad2bdd2ce165da6b100909"),
        ] as [(String, UInt64, String?, String, String)]
    )
    func knownAnswers(_ text: String, _ expiry: UInt64, _ user: String?, _ password: String, _ key: String) throws {
        let secret = try #require(SharedSecret(name: "s", secret: Array(text.utf8)))
        let credential = TimedCredential(expiry: expiry, user: user, secret: secret)
        #expect(credential.username == (user.map { "\(expiry):\($0)" } ?? "\(expiry)"))
        #expect(credential.password == password)
        let made = secret.key(
            username: Array(credential.username.utf8).raw,
            realm: Array("example.org".utf8).raw,
            algorithm: .md5
        )
        #expect(made.bytes == hex(key))
    }

    @Test("an expiry is one to ten digits, alone or before the first colon")
    func accepted() {
        for (text, expiry, user) in [
            ("0", 0, nil), ("1700000000", 1_700_000_000, nil), ("9999999999", 9_999_999_999, nil),
            ("1700000000:", 1_700_000_000, nil), ("1700000000:alice", 1_700_000_000, "alice"),
            ("1700000000:a:b", 1_700_000_000, "a:b"), ("1700000000::", 1_700_000_000, ":"),
            ("0000000001:x", 1, "x"),
        ] as [(String, UInt64, String?)] {
            let bytes = Array(text.utf8)
            let read = TimedUsername(bytes.raw)
            #expect(read?.expiry == expiry, "\(text)")
            #expect(read?.userStart.map { String(decoding: bytes[$0...], as: UTF8.self) } == user, "\(text)")
        }
    }

    @Test(
        "row 25: nothing else is one, and nothing traps",
        arguments: [
            "", ":", ":alice", "alice", "-1", "-1:alice", "+1700000000", " 1700000000", "1700000000 ", "1e9",
            "1e9:alice",
            "0x6553f100", "1700000000.5", "9223372036854775808", "9223372036854775808:alice", "18446744073709551616",
            "99999999999", "00000000001", "1700000000000:milliseconds", "١٧٠٠٠٠٠٠٠٠", "1700000000\0:alice", "\0",
            String(repeating: ":", count: 500), String(repeating: "9", count: 500),
        ]
    )
    func refused(_ username: String) {
        #expect(TimedUsername(Array(username.utf8).raw) == nil)
    }

    @Test("an empty secret is refused, since everybody has it")
    func emptySecret() {
        #expect(SharedSecret(name: "none", secret: []) == nil)
    }
}

@Suite("Base64 (RFC 4648 section 10)")
struct Base64Tests {
    @Test("the RFC's vectors, filled and not filled")
    func vectors() {
        for (text, expected) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(encode(Array(text.utf8), .standard) == expected)
            #expect(encode(Array(text.utf8), .url) == expected.filter { $0 != "=" })
        }
    }

    @Test("62 and 63 are the alphabet's own, and the URL alphabet is read back")
    func alphabet() {
        let all = (0..<16).map { index -> [UInt8] in
            let six = UInt32(4 * index)
            let bits = six << 18 | (six + 1) << 12 | (six + 2) << 6 | (six + 3)
            return [UInt8(bits >> 16), UInt8(bits >> 8 & 0xFF), UInt8(bits & 0xFF)]
        }
        let url = all.map { encode($0, .url) }.joined()
        #expect(url == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        #expect(all.map { encode($0, .standard) }.joined() == url.dropLast(2) + "+/")
        #expect(Array(url.utf8).map(Base64.bits) == (0..<64).map(UInt64.init))
        #expect((UInt8.min...UInt8.max).count { Base64.bits(ofURL: $0) != nil } == 64)
    }

    private func encode(_ bytes: [UInt8], _ alphabet: Base64.Alphabet) -> String {
        let (characters, count) = Base64.encode(bytes.raw, alphabet)
        return String(decoding: (0..<count).map { characters[$0] }, as: UTF8.self)
    }
}
