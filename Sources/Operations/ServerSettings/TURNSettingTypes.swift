public import Addresses
import Foundation

/// A realm, and where it is offered.
public struct RealmSetting: Sendable, Hashable {
    /// The name, prepared by `OpaqueString`.
    public let name: String
    /// The address of this host whose clients are offered the realm; nil means every address that has no realm of its own.
    public let address: IPAddress?

    init(name: String, address: IPAddress? = nil) {
        self.name = name
        self.address = address
    }
}

/// The lifetimes of allocations in one realm.
public struct RealmLifetimes: Sendable, Hashable {
    /// The realm, prepared by `OpaqueString`.
    public let realm: String
    /// From the default to the longest lifetime, in seconds.
    public let lifetimes: ClosedRange<Int>
}

/// A user that is written in the settings.
public struct UserSetting: Sendable, Hashable {
    /// What a user proves to know.
    public enum Secret: Sendable, Hashable {
        /// The password itself, prepared by `OpaqueString`.
        case password(String)
        /// The keys that are made of it (RFC 8489 section 18.5.1): 16 bytes by MD5, 32 by SHA-256, at least one of them.
        case keys(md5: [UInt8]?, sha256: [UInt8]?)
    }

    /// The name, prepared by `OpaqueString`.
    public let name: String
    /// The realm, prepared by `OpaqueString`; nil means the default realm.
    public let realm: String?
    /// The password or the keys.
    public let secret: Secret
}

/// A secret that time-limited credentials are made of.
public struct SecretSetting: Sendable, Hashable {
    /// What the secret is called in messages; nil when nobody named it.
    public let id: String?
    /// The secret, exactly as the web service that makes credentials has it.
    public let secret: String
}

/// An address that clients are told instead of the one that relays: a NAT that maps one to one stands between.
public struct ExternalAddress: Sendable, Hashable, CustomStringConvertible {
    /// What clients and peers see.
    public let external: IPAddress
    /// What this host has; nil means the relay address of the same family.
    public let local: IPAddress?

    /// `203.0.113.5` or `203.0.113.5/10.0.0.5`.
    public var description: String { local.map { "\(external)/\($0)" } ?? "\(external)" }
}

extension UserSetting {
    /// Reads `name:password` or `name:realm:password`; keys stand as `0x...` in the place of the password.
    ///
    /// A password with a colon needs the realm before it.
    init(reading text: String) throws(InvalidValue) {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1, let last = parts.last else {
            throw InvalidValue("has an item that is not of the form name:password")
        }
        name = try prepared(parts[0], "a user name in it", atMost: Self.longestName)
        let who = "of the user \(printable(name))"
        realm = parts.count == 3 ? try prepared(parts[1], "the realm \(who)", atMost: RealmSetting.longestName) : nil
        let keys = last.split(separator: ",", omittingEmptySubsequences: false).map { key(String($0)) }
        if keys.allSatisfy({ $0 != nil }) {
            let found = keys.compactMap(\.self)
            guard Set(found.map(\.count)).count == found.count else {
                throw InvalidValue("has two keys of one kind \(who)")
            }
            secret = .keys(md5: found.first { $0.count == 16 }, sha256: found.first { $0.count == 32 })
        } else {
            secret = .password(try prepared(last, "the password \(who)", atMost: Self.longestPassword))
        }
    }

    /// The longest name, in bytes (RFC 8489 section 14.3: fewer than 509).
    public static let longestName = 508
    /// The longest password, in bytes.
    public static let longestPassword = 1024

    /// The text that reads back as this value.
    var text: String {
        let start = [name, realm].compactMap(\.self).joined(separator: ":") + ":"
        switch secret {
        case .password(let password): return start + password
        case .keys(let md5, let sha256):
            return start + [md5, sha256].compactMap(\.self).map { "0x" + hexadecimal($0) }.joined(separator: ",")
        }
    }
}

extension RealmSetting {
    /// The longest name, in bytes; RFC 8489 section 14.9 allows as many characters.
    public static let longestName = 127

    /// Reads `name` or `name@address`.
    init(reading text: String) throws(InvalidValue) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            guard let address = IPAddress(parts[1]), !address.isUnspecified else {
                throw InvalidValue("has no IP address of this host after its @", item: text)
            }
            self.address = address
        } else {
            address = nil
        }
        // A colon would divide an item of turn-users, quotes those of an HTTP-like client (RFC 8489 section 9.2.2).
        guard !parts[0].contains(where: { ":\"".contains($0) }) else {
            throw InvalidValue("has a colon or quotes in its name", item: text)
        }
        name = try prepared(parts[0], "a name in it", atMost: Self.longestName)
    }

    /// The text that reads back as this value.
    var text: String { address.map { "\(name)@\($0)" } ?? name }
}

extension SecretSetting {
    /// Reads `secret` or `id=secret`; base64 with its `=` at the end is a secret.
    init(reading text: String) throws(InvalidValue) {
        let text = try withoutControlCharacters(text, maximumBytes: 1024)
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, Self.isID(parts[0]), parts[1].contains(where: { $0 != "=" }) {
            id = parts[0]
            secret = parts[1]
        } else {
            id = nil
            secret = text
        }
    }

    /// The text that reads back as this value.
    var text: String { id.map { "\($0)=\(secret)" } ?? secret }

    /// Whether a secret may be called `text`: up to 32 letters, digits, dots, hyphens and underscores.
    public static func isID(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-._".utf8.contains($0) }
    }
}

/// How much memory allocations may take.
public enum MemoryLimit: Sendable, Equatable {
    /// A part of what the host has.
    case auto
    /// As much as they want.
    case unlimited
    /// So many bytes.
    case bytes(Int)
}

/// `text` after OpaqueString; `what` is named in the complaint, such as `the realm of the user "x"`.
func prepared(_ text: String, _ what: String, atMost limit: Int) throws(InvalidValue) -> String {
    let result: String
    do throws(OpaqueStringError) {
        result = try OpaqueString(text).text
    } catch {
        throw InvalidValue("is wrong: \(what) \(error)")
    }
    guard result.utf8.count <= limit else { throw InvalidValue("is wrong: \(what) is longer than \(limit) bytes") }
    return result
}
