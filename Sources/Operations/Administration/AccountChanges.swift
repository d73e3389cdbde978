public import AccountStore
public import Addresses
import STUNAuthentication
public import ServerSettings

/// Shows and changes the users and secrets of TURN, whether a server runs or not.
///
/// Everything here blocks: the console asks `Administrator`. Errors are `AdministrationError` or `AccountStoreError`.
public struct AccountChanges: Sendable {
    /// The longest note beside a user, in bytes.
    private static let longestComment = 1024
    /// The shortest secret that somebody may choose, in bytes.
    public static let shortestSecret = 16
    /// The longest time a credential may be right, in seconds: a hundred years.
    ///
    /// What is more is mistyped, and the server refuses an expiry of more than ten digits.
    public static let longestCredential = 3_155_760_000

    private let settings: Settings
    private let store: AccountStore

    /// Changes what `store` has; `settings` are those in force.
    public init(_ settings: Settings, store: AccountStore) {
        self.settings = settings
        self.store = store
    }

    // MARK: Users

    /// A user who was added.
    public struct AddedUser: Sendable, Hashable {
        /// The name after OpaqueString.
        public let name: String
        /// The realm after OpaqueString.
        public let realm: String
        /// The password that was made; nil when one was given.
        public let password: String?
    }

    /// Adds a user; without a password one of 128 random bits is made (RFC 8489 section 9.2).
    ///
    /// - `realm`: nil means the default realm.
    /// - `replacing`: a user of this name and realm gets the new password.
    public func addUser(
        name: String,
        realm: String?,
        password: String?,
        comment: String,
        replacing: Bool,
        at time: Int64
    ) throws -> AddedUser {
        let name = try Self.userName(name)
        let realm = try self.realm(realm)
        let comment = try Self.comment(comment)
        let made = password == nil ? StoredSecret.random(bytes: 16) : nil
        let chosen = try Self.prepared(password ?? made ?? "", "the password", atMost: UserSetting.longestPassword)
        try store.add(
            StoredUser(name: name, realm: realm, password: chosen, created: time, comment: comment),
            replacing: replacing
        )
        return AddedUser(name: name.text, realm: realm.text, password: made)
    }

    /// Removes a user of the store; gives name and realm after OpaqueString.
    public func removeUser(name: String, realm: String?) throws -> (name: String, realm: String) {
        let name = try Self.userName(name)
        let realm = try self.realm(realm)
        do throws(AccountStoreError) {
            try store.removeUser(name: name.text, realm: realm.text)
        } catch {
            guard case .noUser = error, isInSettings(name, realm) else { throw error }
            throw AdministrationError("the user \"\(name)\" stands in the settings: take it out of turn-users there")
        }
        return (name.text, realm.text)
    }

    private func isInSettings(_ name: OpaqueString, _ realm: OpaqueString) -> Bool {
        settings.turnUsers.contains { user in
            user.name == name.text && user.realm ?? settings.realm.first?.name == realm.text
        }
    }

    /// A user name; one with a colon could not be told from a time-limited one, which is `expiry:user`.
    @discardableResult
    public static func userName(_ name: String) throws(AdministrationError) -> OpaqueString {
        let name = try prepared(name, "the user name", atMost: UserSetting.longestName)
        guard !name.text.contains(":") else { throw AdministrationError("a user name may not have a colon") }
        return name
    }

    /// The realm of this name; the default realm for nil.
    @discardableResult
    public func realm(_ name: String?) throws(AdministrationError) -> OpaqueString {
        try Self.prepared(name ?? settings.realm.first?.name ?? "", "the realm", atMost: RealmSetting.longestName)
    }

    /// A note beside a user, which may be empty.
    @discardableResult
    public static func comment(_ text: String) throws(AdministrationError) -> String {
        text.isEmpty ? "" : try prepared(text, "the comment", atMost: longestComment).text
    }

    /// `text` after OpaqueString; `what` begins the complaint.
    static func prepared(_ text: String, _ what: String, atMost limit: Int) throws(AdministrationError) -> OpaqueString
    {
        let result: OpaqueString
        do throws(OpaqueStringError) {
            result = try OpaqueString(text)
        } catch {
            throw AdministrationError("\(what) \(error)")
        }
        guard result.text.utf8.count <= limit else {
            throw AdministrationError("\(what) is longer than \(limit) bytes")
        }
        return result
    }

    // MARK: Secrets

    /// Adds a secret, which makes new credentials from now on; without a text one is made.
    ///
    /// Those of other secrets stay right, so that a web service can be changed without a gap.
    public func addSecret(id: String, secret: String?, at time: Int64) throws -> NewSecret {
        try Self.check(id: id)
        if let secret { try Self.check(secret: secret) }
        let new = StoredSecret(id: id, secret: secret ?? StoredSecret.random(), created: time)
        try store.add(new, beside: settings)
        return NewSecret(name: id, secret: secret == nil ? new.secret : "")
    }

    /// Throws when a secret may not be called `id`.
    public static func check(id: String) throws(AdministrationError) {
        guard SecretSetting.isID(id) else {
            throw AdministrationError("a secret is called by up to 32 letters, digits, dots, hyphens and underscores")
        }
    }

    private static func check(secret: String) throws(AdministrationError) {
        guard secret.utf8.count >= shortestSecret else {
            throw AdministrationError(
                "a secret of fewer than \(shortestSecret) bytes can be guessed from one credential: take a longer one"
            )
        }
        guard secret.utf8.count <= UserSetting.longestPassword else {
            throw AdministrationError("the secret is longer than \(UserSetting.longestPassword) bytes")
        }
        guard !secret.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw AdministrationError("the secret has a control character in it, a tab or a line end, say")
        }
    }

    /// Refuses credentials of this secret from now on; the log tells who still uses it.
    public func retireSecret(id: String, at time: Int64) throws {
        // SQLite reads a text up to its first zero byte.
        guard SecretSetting.isID(id) else { throw AccountStoreError.noSecret(id) }
        do throws(AccountStoreError) {
            try store.retireSecret(id: id, at: time)
        } catch {
            guard case .noSecret = error, isInSettings(id) else { throw error }
            throw AdministrationError(
                "the secret \"\(id)\" stands in the settings: move it from turn-secrets to retired-turn-secrets there"
            )
        }
    }

    /// Forgets a secret.
    public func removeSecret(id: String) throws {
        guard SecretSetting.isID(id) else { throw AccountStoreError.noSecret(id) }
        do throws(AccountStoreError) {
            try store.removeSecret(id: id)
        } catch {
            guard case .noSecret = error, isInSettings(id) else { throw error }
            throw AdministrationError("the secret \"\(id)\" stands in the settings: take it out of them")
        }
    }

    private func isInSettings(_ id: String) -> Bool {
        Credentials(settings).secrets.contains { $0.id == id }
    }

    // MARK: Credentials

    /// A credential that was made.
    public struct MadeCredential: Sendable {
        /// What clients need.
        public let servers: IceServers
        /// When it ends, in Unix seconds.
        public let expiry: Int64
        /// The secret it was made of.
        public let secret: String
        /// Whether that secret was made now, as there was neither a user nor a secret.
        public let madeSecret: Bool
    }

    /// Makes a credential for `user` that is right for `seconds`.
    ///
    /// - `host`: how clients reach the server, with a port if need be; nil means what the settings say, else `found`.
    /// - `found`: the relay address of the running server.
    /// - `names`: what its certificate is for.
    public func makeCredential(
        user: String,
        seconds: Int,
        host: String?,
        found: IPAddress?,
        names: [String],
        at time: Int64
    ) throws -> MadeCredential {
        let user = try Self.userName(user)
        guard (1...Self.longestCredential).contains(seconds) else {
            throw AdministrationError("a credential is right for 1 to \(Self.longestCredential) seconds")
        }
        guard host.map({ OtherServer($0) != nil }) != false else {
            throw AdministrationError(
                "the host is a host name or an IP address, and a port if need be (example.org:3480)"
            )
        }
        guard settings.turn else {
            throw AdministrationError(
                "turn is off, so nothing is relayed here, and STUN needs no credential: set turn to on"
            )
        }
        let isNew = try store.makeFirstSecret(for: settings, now: time)
        guard let secret = try Credentials(settings, store).secretInUse else {
            throw AdministrationError(
                """
                there is no secret to make a credential of: `stund secret add NAME` makes one; users log in with their own \
                password
                """
            )
        }
        guard let shared = SharedSecret(name: secret.id, secret: Array(secret.secret.utf8)) else {
            throw AdministrationError("the secret \"\(secret.id)\" is empty")
        }
        let expiry = time + Int64(seconds)
        let credential = TimedCredential(expiry: UInt64(clamping: expiry), user: user.text, secret: shared)
        let place = IceServers.place(host, settings, found: found)
        let servers = IceServers(credential, at: place, settings, names: names)
        return MadeCredential(servers: servers, expiry: expiry, secret: secret.id, madeSecret: isNew)
    }
}

extension AccountChanges {
    /// The users and secrets of both places.
    public func report() throws -> AccountsReport {
        let (stored, storedSecrets) = (try store.users(), try store.secrets())
        let merged = Credentials(settings, secrets: storedSecrets)
        let times = Dictionary(storedSecrets.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let defaultRealm = settings.realm.first?.name ?? ""
        return AccountsReport(
            realms: merged.realms.map(\.name),
            users: settings.turnUsers.map { user in
                .init(name: user.name, realm: user.realm ?? defaultRealm, origin: "settings", created: nil, comment: "")
            }
                + stored.map { user in
                    .init(
                        name: user.name,
                        realm: user.realm,
                        origin: "store",
                        created: SettingsEditor.text(ofTime: user.created),
                        comment: user.comment
                    )
                },
            secrets: merged.secrets.map { secret in
                let inStore = secret.origin == .store ? times[secret.id] : nil
                return .init(
                    id: secret.id,
                    origin: secret.origin.rawValue,
                    isRetired: secret.isRetired,
                    makesCredentials: secret == merged.secretInUse,
                    created: inStore.map { SettingsEditor.text(ofTime: $0.created) },
                    retired: inStore?.retired.map(SettingsEditor.text(ofTime:))
                )
            }
        )
    }
}
