import STUNAuthentication
import STUNCodec

/// A user's name and password, and the key that they give in the server's realm (RFC 8489 section 9.2.2).
///
/// The key is made by MD5 and used with HMAC-SHA1, as RFC 5389 has it: every server takes that.
public struct ClientCredential: Sendable {
    let username: [UInt8]
    private let password: [UInt8]
    /// What the server asked for last; empty before the first challenge.
    private(set) var realm: [UInt8] = []
    /// The key in that realm; nil before the first challenge.
    private(set) var key: LongTermKey?

    /// Takes name and password as they are.
    public init(username: String, password: String) {
        self.username = Array(username.utf8)
        self.password = Array(password.utf8)
    }

    /// Takes over the realm of a challenge; the key is made anew only when the realm is another one.
    mutating func adopt(realm new: RawSpan) {
        guard key == nil || !isRealm(new) else { return }
        realm.removeAll(keepingCapacity: true)
        for offset in 0..<new.byteCount { realm.append(new.uint8(at: offset)) }
        key = LongTermKey(username: username.rawBytes, realm: new, password: password.rawBytes, algorithm: .md5)
    }

    private func isRealm(_ other: RawSpan) -> Bool {
        guard other.byteCount == realm.count else { return false }
        for offset in 0..<realm.count where realm[offset] != other.uint8(at: offset) { return false }
        return true
    }
}
