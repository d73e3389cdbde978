import Testing

@testable import Administration

@Suite("A password is stored only as its scrypt hash (RFC 7914)")
struct PasswordHashTests {
    @Test("scrypt gives the keys of RFC 7914 section 12", arguments: Vector.rfc7914)
    func knownAnswer(vector: Vector) throws {
        let key = Scrypt.derive(
            password: vector.password,
            salt: Array(vector.salt.utf8),
            cost: vector.cost,
            length: 64
        )
        #expect(key.map(hex) == vector.key)
    }

    @Test("a password matches its own hash and no other does")
    func roundTrip() throws {
        let hash = try PasswordHash(password: "correct horse")
        #expect(hash.matches("correct horse"))
        for wrong in ["correct horsE", "correct horse ", "", "correct horse\0"] {
            #expect(!hash.matches(wrong))
        }
    }

    @Test("the stored text is read back and still matches")
    func textForm() throws {
        let text = try PasswordHash(password: "caf\u{e9}").description
        #expect(text.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        #expect(!text.contains("=$"))
        let hash = try PasswordHash(parsing: text)
        #expect(hash.description == text)
        #expect(hash.matches("caf\u{e9}"))
        #expect(hash.matches("cafe\u{301}"), "composed and decomposed characters are one password (RFC 8265 4.2.2)")
        #expect(!hash.matches("cafe"))
    }

    @Test("two hashes of one password differ by their salt")
    func salted() throws {
        #expect(try PasswordHash(password: "x").description != PasswordHash(password: "x").description)
    }

    @Test("a hash made by another program of RFC 7914 is accepted")
    func foreignHash() throws {
        // Password "password", salt "NaClNaCl", 32 bytes;
        // computed with Python's hashlib.scrypt.
        let hash = try PasswordHash(parsing: "$scrypt$ln=10,r=8,p=2$TmFDbE5hQ2w$" + foreignKey)
        #expect(hash.matches("password"))
        #expect(!hash.matches("Password"))
    }

    @Test("an empty password and one with control characters are refused")
    func refused() {
        #expect(throws: PasswordHashError.emptyPassword) { try PasswordHash(password: "") }
        for password in ["a\0", "a\tb", "a\n", "\u{85}"] {
            #expect(throws: PasswordHashError.controlCharacter) { try PasswordHash(password: password) }
        }
    }

    @Test("a stored text that is malformed or asks too much is refused with its reason", arguments: malformed)
    func malformedText(text: String, reason: PasswordHashError) {
        #expect(throws: reason) { try PasswordHash(parsing: text) }
        #expect(!reason.description.isEmpty)
    }
}

struct Vector: Sendable {
    var password: String
    var salt: String
    var cost: Scrypt.Cost
    var key: String

    static let rfc7914 = [
        Vector(
            password: "",
            salt: "",
            cost: Scrypt.Cost(logN: 4, blockSize: 1, parallelization: 1),
            key: "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
        Vector(
            password: "password",
            salt: "NaCl",
            cost: Scrypt.Cost(logN: 10, blockSize: 8, parallelization: 16),
            key: "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
        Vector(
            password: "pleaseletmein",
            salt: "SodiumChloride",
            cost: Scrypt.Cost(logN: 14, blockSize: 8, parallelization: 1),
            key: "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        ),
    ]
}

private let salt = "c2FsdHNhbHRzYWx0c2FsdA"
private let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
private let foreignKey = "PsoMB4+9tYZCW99sQ9LD9gF5YOVH5CZAuB67Dh+al5U"

private let malformed: [(String, PasswordHashError)] = [
    ("", .notScrypt),
    ("secret", .notScrypt),
    ("$argon2id$ln=15,r=8,p=1$\(salt)$\(key)", .notScrypt),
    ("$scrypt$ln=15,r=8,p=1$\(salt)", .notScrypt),
    ("$scrypt$ln=15,r=8,p=1$\(salt)$\(key)$", .notScrypt),
    ("$scrypt$ln=15,r=8$\(salt)$\(key)", .malformedCost("ln=15,r=8")),
    ("$scrypt$r=8,ln=15,p=1$\(salt)$\(key)", .malformedCost("r=8,ln=15,p=1")),
    ("$scrypt$ln=,r=8,p=1$\(salt)$\(key)", .malformedCost("ln=,r=8,p=1")),
    ("$scrypt$ln=-1,r=8,p=1$\(salt)$\(key)", .malformedCost("ln=-1,r=8,p=1")),
    ("$scrypt$ln=99999999999999999999,r=8,p=1$\(salt)$\(key)", .malformedCost("ln=99999999999999999999,r=8,p=1")),
    ("$scrypt$ln=0,r=8,p=1$\(salt)$\(key)", .unacceptableCost("ln=0,r=8,p=1")),
    ("$scrypt$ln=63,r=8,p=1$\(salt)$\(key)", .unacceptableCost("ln=63,r=8,p=1")),
    ("$scrypt$ln=9223372036854775807,r=8,p=1$\(salt)$\(key)", .unacceptableCost("ln=9223372036854775807,r=8,p=1")),
    ("$scrypt$ln=15,r=9223372036854775807,p=1$\(salt)$\(key)", .unacceptableCost("ln=15,r=9223372036854775807,p=1")),
    ("$scrypt$ln=20,r=8,p=1$\(salt)$\(key)", .unacceptableCost("ln=20,r=8,p=1")),
    ("$scrypt$ln=16,r=1,p=1$\(salt)$\(key)", .unacceptableCost("ln=16,r=1,p=1")),
    ("$scrypt$ln=15,r=8,p=17$\(salt)$\(key)", .unacceptableCost("ln=15,r=8,p=17")),
    ("$scrypt$ln=15,r=8,p=1$$\(key)", .malformedSalt),
    ("$scrypt$ln=15,r=8,p=1$c2FsdA$\(key)", .malformedSalt),
    ("$scrypt$ln=15,r=8,p=1$c2Fsd\u{e9}$\(key)", .malformedSalt),
    ("$scrypt$ln=15,r=8,p=1$\(salt)==$\(key)", .malformedSalt),
    ("$scrypt$ln=15,r=8,p=1$\(salt)$", .malformedHash),
    ("$scrypt$ln=15,r=8,p=1$\(salt)$AAAA", .malformedHash),
    ("$scrypt$ln=15,r=8,p=1$\(salt)$\(String(repeating: "A", count: 4096))", .malformedHash),
]

private func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
