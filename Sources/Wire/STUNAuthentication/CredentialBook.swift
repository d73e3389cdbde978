public import Addresses

/// A realm: the name under which a set of credentials is known (RFC 8489 section 14.9).
public struct CredentialRealm: Equatable, Sendable {
    /// The realm of a server whose settings name none.
    public static let standard = CredentialRealm("stund")
    /// Its name, prepared with OpaqueString of RFC 8265.
    public let name: String
    /// The server's addresses whose clients are challenged with it.
    public let serverAddresses: [IPAddress]
    /// The UTF-8 of the name.
    let bytes: [UInt8]

    /// Takes a name and the server's addresses for which the realm is.
    public init(_ name: String, serverAddresses: [IPAddress] = []) {
        self.name = name
        self.serverAddresses = serverAddresses
        bytes = Array(name.utf8)
    }
}

/// A user as the server knows it: the name, and a key for each algorithm; never the password.
public struct StoredCredential: Equatable, Sendable {
    /// The name, prepared with OpaqueString of RFC 8265.
    public let username: String
    /// What names the user in requests.
    public let userHash: UserHash
    /// The name of the realm in which the keys hold.
    public let realm: String
    /// The key by MD5.
    public let md5: LongTermKey
    /// The key by SHA-256.
    public let sha256: LongTermKey

    /// Makes both keys of a user; name, realm and password have been prepared with OpaqueString of RFC 8265.
    public init(username: String, realm: String, password: String) {
        self.username = username
        userHash = UserHash(username: username, realm: realm)
        self.realm = realm
        md5 = LongTermKey(username: username, realm: realm, password: password, algorithm: .md5)
        sha256 = LongTermKey(username: username, realm: realm, password: password, algorithm: .sha256)
    }

    /// Takes keys that were stored; nil when a length is wrong.
    public init?(username: String, realm: String, md5: [UInt8], sha256: [UInt8]) {
        guard let md5 = LongTermKey(bytes: md5, algorithm: .md5),
            let sha256 = LongTermKey(bytes: sha256, algorithm: .sha256)
        else { return nil }
        self.username = username
        userHash = UserHash(username: username, realm: realm)
        self.realm = realm
        self.md5 = md5
        self.sha256 = sha256
    }
}

/// Who may use the server: realms, users and secrets, as they were when the settings were read.
///
/// Immutable, so that workers share one without a lock; a copy costs a reference.
public struct CredentialBook: Sendable {
    private let contents: Contents

    /// Puts a book together.
    ///
    /// The first realm is the default; without any it is `CredentialRealm.standard`. Users of a realm that is not listed
    /// are left out, and of two with the same name and realm the first counts.
    public init(realms: [CredentialRealm] = [], users: [StoredCredential] = [], secrets: [SharedSecret] = []) {
        contents = Contents(realms: realms.isEmpty ? [.standard] : realms, users: users, secrets: secrets)
    }

    /// The realms, the default first.
    public var realms: [CredentialRealm] { contents.realms }
    /// The secrets for timed credentials, as they were given.
    public var secrets: [SharedSecret] { contents.secrets }
    /// How many users the book holds.
    public var userCount: Int { contents.users.count }

    /// What the server says in its challenges that it can do.
    ///
    /// Username anonymity only without secrets: it obliges clients to send USERHASH (RFC 8489 section 9.2.5), from which no
    /// expiry can be read. A USERHASH of a user in the book is accepted all the same.
    public var features: SecurityFeatures {
        contents.secrets.isEmpty ? [.passwordAlgorithms, .usernameAnonymity] : .passwordAlgorithms
    }

    /// The realm with which clients of one of the server's addresses are challenged.
    public func realm(at serverAddress: IPAddress) -> Int {
        contents.realms.firstIndex { $0.serverAddresses.contains(serverAddress) } ?? 0
    }

    /// The realm of this name.
    func realm(named name: RawSpan) -> Int? {
        let realms = contents.realms
        for index in realms.indices {
            let bytes = realms[index].bytes
            if constantTimeEquals(bytes.rawBytes, name) { return index }
        }
        return nil
    }

    /// The user of a hash in a realm: an index for `key`; nil when there is none.
    ///
    /// Takes as many steps whether there is one or not (attacks row 22).
    func user(_ hash: UserHash, realm: Int) -> Int? {
        let index = position(of: hash.user)
        guard index < contents.users.count, contents.users[index].userHash == hash, contents.users[index].realm == realm
        else {
            return nil
        }
        return index
    }

    /// The name of a user, for those who run the server: a request with USERHASH does not tell it.
    public func username(of user: UserID) -> String? {
        let index = position(of: user)
        guard index < contents.users.count, contents.users[index].userHash.user == user else { return nil }
        return contents.users[index].username
    }

    /// Where a user stands, or would stand.
    private func position(of user: UserID) -> Int {
        var low = 0
        var count = contents.users.count
        while count > 0 {
            let half = count / 2
            if contents.users[low &+ half].userHash.user < user {
                low &+= half &+ 1
                count &-= half &+ 1
            } else {
                count = half
            }
        }
        return low
    }

    /// A user's key; for no user a key that nobody has, so that checking it costs the same (attacks row 22).
    func key(ofUser index: Int?, _ algorithm: PasswordAlgorithm) -> LongTermKey {
        let entry = index.map { contents.users[$0] } ?? contents.nobody
        return algorithm == .md5 ? entry.md5 : entry.sha256
    }

    private final class Contents: Sendable {
        let realms: [CredentialRealm]
        let secrets: [SharedSecret]
        /// In order of their hashes.
        let users: [Entry]
        /// Keys of random bytes.
        let nobody: Entry

        init(realms: [CredentialRealm], users: [StoredCredential], secrets: [SharedSecret]) {
            self.realms = realms
            self.secrets = secrets
            var seen: Set<UserHash> = []
            var entries: [Entry] = []
            for user in users {
                guard let realm = realms.firstIndex(where: { $0.name == user.realm }),
                    seen.insert(user.userHash).inserted
                else { continue }
                entries.append(Entry(user, realm: realm))
            }
            self.users = entries.sorted { $0.userHash.user < $1.userHash.user }
            let password = String(UInt64.random(in: 0...UInt64.max)) + String(UInt64.random(in: 0...UInt64.max))
            nobody = Entry(StoredCredential(username: "", realm: "", password: password), realm: 0)
        }
    }

    private struct Entry: Sendable {
        let username: String
        let userHash: UserHash
        let realm: Int
        let md5: LongTermKey
        let sha256: LongTermKey

        init(_ user: StoredCredential, realm: Int) {
            username = user.username
            userHash = user.userHash
            self.realm = realm
            md5 = user.md5
            sha256 = user.sha256
        }
    }
}
