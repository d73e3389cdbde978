import Addresses
import Foundation

extension SettingSyntax<[RealmSetting]> {
    static var realms: Self {
        Self(
            kind: .list("up to 64 of name or name@address, separated by spaces, the default realm first"),
            parse: { (text) throws(InvalidValue) in
                var realms: [RealmSetting] = []
                for item in try items(of: text) {
                    let realm = try RealmSetting(reading: item)
                    guard !realms.contains(where: { $0.name == realm.name && $0.address == realm.address }) else {
                        throw InvalidValue("is named twice", item: item)
                    }
                    guard realm.address == nil || !realms.contains(where: { $0.address == realm.address }) else {
                        throw InvalidValue("has the address of another realm", item: item)
                    }
                    realms.append(realm)
                }
                // Without a realm there is no challenge (RFC 8489 section 9.2.4).
                return realms.isEmpty ? Settings().realm : realms
            },
            format: { $0.map(\.text).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[RealmLifetimes]> {
    /// Lifetimes as numbers from 1 to 86400.
    static var realmLifetimes: Self {
        Self(
            kind: .list("up to 64 of realm=default-longest in seconds, each from 1 to 86400, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var result: [RealmLifetimes] = []
                for item in try items(of: text) {
                    guard let sign = item.lastIndex(of: "=") else {
                        throw InvalidValue("is not of the form realm=default-longest", item: item)
                    }
                    let range = try parseRange(String(item[item.index(after: sign)...]), in: 1...86400, of: item)
                    let realm = try prepared(String(item[..<sign]), "the realm", atMost: RealmSetting.longestName)
                    guard !result.contains(where: { $0.realm == realm }) else {
                        throw InvalidValue("has a realm that is named twice", item: item)
                    }
                    result.append(RealmLifetimes(realm: realm, lifetimes: range))
                }
                return result
            },
            format: { all in
                all.map { "\($0.realm)=\($0.lifetimes.lowerBound)-\($0.lifetimes.upperBound)" }.joined(separator: " ")
            }
        )
    }
}

extension SettingSyntax<[UserSetting]> {
    static var users: Self {
        Self(
            kind: .list(
                """
                up to 1024 of name:password or name:realm:password, separated by spaces; keys as 0x and 32 (MD5) or 64 \
                (SHA-256) hexadecimal digits, both with a comma between, in the place of the password
                """
            ),
            parse: { (text) throws(InvalidValue) in
                var users: [UserSetting] = []
                for item in try items(of: text, atMost: 1024) { users.append(try UserSetting(reading: item)) }
                return users
            },
            format: { $0.map(\.text).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[SecretSetting]> {
    /// Each secret may be tried for a request, so there are few.
    static var secrets: Self {
        Self(
            kind: .list("up to 8 of secret or id=secret, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var secrets: [SecretSetting] = []
                for item in try items(of: text, atMost: 8) {
                    let secret = try SecretSetting(reading: item)
                    guard !secrets.contains(where: { $0.secret == secret.secret }) else {
                        throw InvalidValue("has one secret twice")
                    }
                    guard secret.id == nil || !secrets.contains(where: { $0.id == secret.id }) else {
                        throw InvalidValue("has two secrets with the id \(printable(secret.id ?? ""))")
                    }
                    secrets.append(secret)
                }
                return secrets
            },
            format: { $0.map(\.text).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<[UInt8]?> {
    /// 16 bytes are what an HMAC key should have at least; the longest is the block of SHA-256 (RFC 2104 section 3).
    static var key: Self {
        Self(
            kind: .text("16 to 64 bytes in hexadecimal digits or base64, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { return nil }
                guard let bytes = bytes(hexadecimal: text[...]) ?? Data(base64Encoded: text).map(Array.init) else {
                    throw InvalidValue("is neither hexadecimal nor base64")
                }
                guard (16...64).contains(bytes.count) else { throw InvalidValue("has \(bytes.count) bytes") }
                return bytes
            },
            format: { $0.map(hexadecimal) ?? "" }
        )
    }
}

extension SettingSyntax<[UInt8]?> {
    static var publicKey: Self {
        Self(
            kind: .text(
                "an Ed25519 public key: 32 bytes in hexadecimal digits or base64, or nothing",
                mayBeEmpty: true
            ),
            parse: { (text) throws(InvalidValue) in
                guard let bytes = try key.parse(text) else { return nil }
                guard bytes.count == 32 else { throw InvalidValue("has \(bytes.count) bytes") }
                return bytes
            },
            format: { $0.map(hexadecimal) ?? "" }
        )
    }
}

extension SettingSyntax<String?> {
    static var licenseKey: Self {
        Self(
            kind: .text("a key as the vendor gives it, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in
                guard !text.isEmpty else { return nil }
                return try withoutControlCharacters(text, maximumBytes: 512)
            },
            format: { $0 ?? "" }
        )
    }
}

extension SettingSyntax<[ExternalAddress]> {
    static var externalAddresses: Self {
        Self(
            kind: .list("up to 64 of external or external/local IP addresses, separated by spaces"),
            parse: { (text) throws(InvalidValue) in
                var pairs: [ExternalAddress] = []
                for item in try items(of: text) {
                    let pair = try parseExternalAddress(item)
                    let isTaken = pairs.contains { other in
                        other.external == pair.external
                            || other.external.family == pair.external.family && other.local == pair.local
                    }
                    guard !isTaken else { throw InvalidValue("has an address that another item has", item: item) }
                    pairs.append(pair)
                }
                return pairs
            },
            format: { $0.map(\.description).joined(separator: " ") }
        )
    }
}

extension SettingSyntax<ClosedRange<UInt16>> {
    /// RFC 8656 section 7.2 keeps relays from the well-known ports.
    static var relayPorts: Self {
        Self(
            kind: .text(
                "the first and the last port with a hyphen between, from 1024-1024 to 65535-65535",
                mayBeEmpty: false
            ),
            parse: { (text) throws(InvalidValue) in
                let range = try parseRange(text, in: 1024...65535, of: text)
                return UInt16(clamping: range.lowerBound)...UInt16(clamping: range.upperBound)
            },
            format: { "\($0.lowerBound)-\($0.upperBound)" }
        )
    }
}

extension SettingSyntax<Int?> {
    /// A limit that may be missing.
    static var limit: Self {
        Self(
            kind: .text("unlimited (or 0), or a whole number up to \(largestAmount)", mayBeEmpty: false),
            parse: { (text) throws(InvalidValue) in
                guard text != "unlimited" else { return nil }
                let value = try parseInteger(text, in: 0...largestAmount)
                return value == 0 ? nil : value
            },
            format: { $0.map { "\($0)" } ?? "unlimited" }
        )
    }

    /// A share that may be missing.
    static var offOrPercent: Self {
        Self(
            kind: .text("off (or 0), or a whole number of percent up to 100", mayBeEmpty: false),
            parse: { (text) throws(InvalidValue) in
                guard text != "off" else { return nil }
                let value = try parseInteger(text, in: 0...100)
                return value == 0 ? nil : value
            },
            format: { $0.map { "\($0)" } ?? "off" }
        )
    }

    /// A limit in bytes, with k, M, G or T as networks count them: a thousand, a million and so on.
    static var byteLimit: Self {
        Self(
            kind: .text(
                """
                unlimited (or 0), or a whole number of bytes; k, M, G or T behind it stand for thousands, millions, 10^9 \
                and 10^12
                """,
                mayBeEmpty: false
            ),
            parse: { (text) throws(InvalidValue) in
                guard text != "unlimited" else { return nil }
                let value = try parseBytes(text)
                return value == 0 ? nil : value
            },
            format: { $0.map { "\($0)" } ?? "unlimited" }
        )
    }
}

extension SettingSyntax<MemoryLimit> {
    /// A limit in bytes, or a part of what there is.
    static var memoryLimit: Self {
        Self(
            kind: .text(
                """
                auto, or unlimited (or 0), or a whole number of bytes; k, M, G or T behind it stand for thousands, millions, \
                10^9 and 10^12
                """,
                mayBeEmpty: false
            ),
            parse: { (text) throws(InvalidValue) in
                switch text {
                case "auto": return .auto
                case "unlimited": return .unlimited
                default:
                    let value = try parseBytes(text)
                    return value == 0 ? .unlimited : .bytes(value)
                }
            },
            format: {
                switch $0 {
                case .auto: "auto"
                case .unlimited: "unlimited"
                case .bytes(let count): "\(count)"
                }
            }
        )
    }
}

/// Reads a number of bytes with k, M, G or T behind it.
private func parseBytes(_ text: String) throws(InvalidValue) -> Int {
    let factors: [Character: Int] = ["k": 1000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000]
    let factor = text.last.flatMap { factors[Character($0.lowercased())] }
    let digits = factor == nil ? text : String(text.dropLast())
    return try parseInteger(digits, in: 0...largestAmount / (factor ?? 1)) * (factor ?? 1)
}

/// 10^15: far above any host, and far enough below 2^63 that sums and products with seconds fit.
private let largestAmount = 1_000_000_000_000_000

/// Reads `first-last`.
private func parseRange(
    _ text: String,
    in limits: ClosedRange<Int>,
    of item: String
) throws(InvalidValue) -> ClosedRange<Int> {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { throw InvalidValue("is not two numbers with a hyphen between", item: item) }
    var ends: [Int] = []
    for part in parts {
        do throws(InvalidValue) {
            ends.append(try parseInteger(part, in: limits))
        } catch {
            throw InvalidValue("has a number that \(error.reason)", item: item)
        }
    }
    guard ends[0] <= ends[1] else { throw InvalidValue("has its larger number first", item: item) }
    return ends[0]...ends[1]
}

private func parseExternalAddress(_ item: String) throws(InvalidValue) -> ExternalAddress {
    let parts = item.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2 else { throw InvalidValue("is not of the form external/local", item: item) }
    var addresses: [IPAddress] = []
    for part in parts {
        do throws(InvalidValue) {
            addresses.append(try parseAddress(part, allowsUnspecified: false))
        } catch {
            throw InvalidValue("has a part that \(error.reason)", item: item)
        }
    }
    guard addresses.count == 1 || addresses[0].family == addresses[1].family else {
        throw InvalidValue("pairs an IPv4 address with an IPv6 address", item: item)
    }
    return ExternalAddress(external: addresses[0], local: addresses.count == 2 ? addresses[1] : nil)
}

/// The key that `0x` and 32 or 64 hexadecimal digits stand for; nil for anything else, which is a password.
func key(_ text: String) -> [UInt8]? {
    guard text.hasPrefix("0x"), let bytes = bytes(hexadecimal: text.dropFirst(2)) else { return nil }
    return bytes.count == 16 || bytes.count == 32 ? bytes : nil
}

/// The bytes that hexadecimal digits stand for; nil when they are none.
private func bytes(hexadecimal text: Substring) -> [UInt8]? {
    let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard !digits.isEmpty, digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = digits[index], let low = digits[index + 1] else { return nil }
        bytes.append(UInt8(high << 4 | low))
    }
    return bytes
}

/// Lower case hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
