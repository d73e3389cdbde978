import Foundation

/// A password as it is stored: only its scrypt hash, as a PHC string `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`.
public struct PasswordHash: Hashable, Sendable {
    private let cost: Scrypt.Cost
    private let salt: [UInt8]
    private let hash: [UInt8]

    /// Hashes a password with a fresh salt.
    ///
    /// Takes about a tenth of a second and 32 MiB. Throws when the password is empty or has control characters, or
    /// when the system has no random bytes or no memory for it.
    public init(password: String) throws(PasswordHashError) {
        guard !password.isEmpty else { throw .emptyPassword }
        guard !Self.hasControlCharacters(password) else { throw .controlCharacter }
        guard let salt = Scrypt.randomBytes(Self.saltLength) else { throw .noRandomness }
        let cost = Scrypt.Cost.standard
        let prepared = Self.prepared(password)
        guard let hash = Scrypt.derive(password: prepared, salt: salt, cost: cost, length: Self.hashLength) else {
            throw .noMemory
        }
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    /// Whether this is the password that was hashed; takes the same time whether it is or not.
    public func matches(_ password: String) -> Bool {
        guard !Self.hasControlCharacters(password) else { return false }
        let prepared = Self.prepared(password)
        guard var candidate = Scrypt.derive(password: prepared, salt: salt, cost: cost, length: hash.count) else {
            return false
        }
        defer { Scrypt.wipe(&candidate) }
        return Scrypt.isEqual(candidate, hash)
    }

    /// RFC 8265 section 4.2.2: composed characters, because a terminal and a browser may send either form.
    ///
    /// ASCII stays as it is: that leaves no second copy of the secret in memory.
    private static func prepared(_ password: String) -> String {
        password.utf8.allSatisfy { $0 < 0x80 } ? password : password.precomposedStringWithCanonicalMapping
    }

    /// RFC 8265 section 4.2 and RFC 7617 section 2 allow none; besides, HMAC (RFC 2104) pads a key with zero bytes, so
    /// that "x" and "x\0" have the same hash.
    private static func hasControlCharacters(_ password: String) -> Bool {
        password.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// The hash of no password: whoever checks a name that nobody has takes as long as for any other.
    static let nobody = PasswordHash(
        cost: .standard,
        salt: [UInt8](repeating: 0, count: saltLength),
        hash: [UInt8](repeating: 0, count: hashLength)
    )

    private init(cost: Scrypt.Cost, salt: [UInt8], hash: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    private static let saltLength = 16
    private static let hashLength = 32
}

// MARK: - Text form

extension PasswordHash: CustomStringConvertible {
    /// Reads a PHC string; throws when it isn't one of scrypt or when its cost is out of bounds.
    public init(parsing text: String) throws(PasswordHashError) {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].isEmpty, fields[1] == "scrypt" else { throw .notScrypt }
        guard let cost = Self.cost(fields[2]) else { throw .malformedCost(String(fields[2].prefix(40))) }
        guard cost.isAcceptable else { throw .unacceptableCost(String(fields[2].prefix(40))) }
        guard let salt = Self.bytes(base64: fields[3]), (8...64).contains(salt.count) else { throw .malformedSalt }
        guard let hash = Self.bytes(base64: fields[4]), (16...64).contains(hash.count) else { throw .malformedHash }
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    /// The PHC string.
    public var description: String {
        "$scrypt$ln=\(cost.logN),r=\(cost.blockSize),p=\(cost.parallelization)"
            + "$\(Self.base64(salt))$\(Self.base64(hash))"
    }

    private static func cost(_ text: Substring) -> Scrypt.Cost? {
        let names = ["ln=", "r=", "p="]
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == names.count else { return nil }
        var numbers: [Int] = []
        for (name, part) in zip(names, parts) {
            let digits = part.dropFirst(name.count)
            guard part.hasPrefix(name), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(digits)
            else { return nil }
            numbers.append(number)
        }
        return Scrypt.Cost(logN: numbers[0], blockSize: numbers[1], parallelization: numbers[2])
    }

    /// PHC strings carry base64 without padding.
    private static func base64(_ bytes: [UInt8]) -> String {
        var text = Data(bytes).base64EncodedString()
        while text.last == "=" { text.removeLast() }
        return text
    }

    private static func bytes(base64 text: Substring) -> [UInt8]? {
        guard !text.isEmpty, !text.contains("="), text.utf8.count <= 128 else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: text + padding) else { return nil }
        return [UInt8](data)
    }
}

/// Why a password can't be hashed or a stored hash can't be used.
public enum PasswordHashError: Error, Hashable {
    /// The password has no characters.
    case emptyPassword
    /// The password has a tab, a line end or another control character.
    case controlCharacter
    /// The system gave no random bytes for the salt.
    case noRandomness
    /// The system gave no memory for the computation.
    case noMemory
    /// The text is no PHC string of scrypt.
    case notScrypt
    /// The cost isn't written as `ln=15,r=8,p=1`.
    case malformedCost(String)
    /// The cost is outside of what this program computes.
    case unacceptableCost(String)
    /// The salt is no base64 of 8 to 64 bytes.
    case malformedSalt
    /// The hash is no base64 of 16 to 64 bytes.
    case malformedHash
}

extension PasswordHashError: CustomStringConvertible {
    /// The sentence for a person.
    public var description: String {
        switch self {
        case .emptyPassword: "the password is empty"
        case .controlCharacter: "the password has a control character (a tab or a line end, say)"
        case .noRandomness: "the system gave no random bytes for the salt of the password hash"
        case .noMemory: "the system gave no memory for the password hash (it takes 32 MiB)"
        case .notScrypt: "this is no scrypt hash as `stund password` writes it ($scrypt$ln=15,r=8,p=1$salt$hash)"
        case .malformedCost(let text): "the password hash has the cost \"\(text)\", not one like ln=15,r=8,p=1"
        case .unacceptableCost(let text):
            "the password hash asks for the cost \(text), which is more than 128 MiB or outside of scrypt's limits"
        case .malformedSalt: "the salt of the password hash is no base64 of 8 to 64 bytes"
        case .malformedHash: "the password hash is no base64 of 16 to 64 bytes"
        }
    }
}
