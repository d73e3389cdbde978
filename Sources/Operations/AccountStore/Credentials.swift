public import ServerSettings

/// Everything that clients may log in with: what the settings have and what the store has, merged.
public struct Credentials: Sendable, Hashable {
    /// A user with keys.
    public struct User: Sendable, Hashable {
        /// The name.
        public let name: String
        /// The realm.
        public let realm: String
        /// The key by MD5, 16 bytes; nil when there is none.
        public let md5Key: [UInt8]?
        /// The key by SHA-256, 32 bytes; nil when there is none.
        public let sha256Key: [UInt8]?
    }

    /// A secret that time-limited credentials are made of.
    public struct Secret: Sendable, Hashable {
        /// What it is called in messages.
        public let id: String
        /// The secret; the bytes of this text are the key.
        public let secret: String
        /// Whether no new credentials are made of it.
        public let isRetired: Bool
    }

    /// The users; name and realm occur once.
    public private(set) var users: [User] = []
    /// The secrets: those in use first, and of these the one of which new credentials are made.
    public private(set) var secrets: [Secret] = []
    /// Sentences about what is allowed but unwise.
    public private(set) var warnings: [String] = []

    /// The secret that new credentials are made of; nil when there is none.
    public var secretInUse: Secret? { secrets.first { !$0.isRetired } }

    /// Whether nobody could log in with them.
    public var isEmpty: Bool { users.isEmpty && secrets.isEmpty }

    /// Merges; a user that stands in both is the one of the settings.
    ///
    /// - Throws: When the store cannot be read, or OpenSSL makes no keys.
    public init(_ settings: Settings, _ store: AccountStore) throws(AccountStoreError) {
        let (storedUsers, storedSecrets) = try store.read { database in
            (try AccountStore.users(database), try AccountStore.secrets(database))
        }
        try self.init(settings, users: storedUsers, secrets: storedSecrets)
    }

    /// Merges what a store had; a user that stands in both is the one of the settings.
    ///
    /// - Throws: When OpenSSL makes no keys.
    public init(
        _ settings: Settings,
        users storedUsers: [StoredUser] = [],
        secrets storedSecrets: [StoredSecret] = []
    ) throws(AccountStoreError) {
        let defaultRealm = settings.realm.first?.name ?? ""
        var seen: Set<[String]> = []
        for setting in settings.turnUsers {
            let user = try User(setting, realm: setting.realm ?? defaultRealm)
            seen.insert([user.name, user.realm])
            users.append(user)
        }
        for user in storedUsers {
            guard seen.insert([user.name, user.realm]).inserted else {
                warnings.append(
                    """
                    the user "\(user.name)" of the realm "\(user.realm)" stands in turn-users and in the store: the one in \
                    turn-users counts
                    """
                )
                continue
            }
            users.append(User(name: user.name, realm: user.realm, md5Key: user.md5Key, sha256Key: user.sha256Key))
        }
        secrets = Self.named(settings.turnSecrets, "turn-secrets", isRetired: false)
        secrets += storedSecrets.filter { $0.retired == nil }.map(Secret.init)
        secrets += Self.named(settings.retiredTurnSecrets, "retired-turn-secrets", isRetired: true)
        secrets += storedSecrets.filter { $0.retired != nil }.map(Secret.init)
    }

    private static func named(_ secrets: [SecretSetting], _ key: String, isRetired: Bool) -> [Secret] {
        secrets.enumerated().map { index, secret in
            Secret(id: secret.id ?? "\(key)-\(index + 1)", secret: secret.secret, isRetired: isRetired)
        }
    }
}

extension Credentials.User {
    fileprivate init(_ setting: UserSetting, realm: String) throws(AccountStoreError) {
        name = setting.name
        self.realm = realm
        switch setting.secret {
        case .password(let password):
            let keys = try UserKeys(name: setting.name, realm: realm, password: password)
            md5Key = keys.md5
            sha256Key = keys.sha256
        case .keys(let md5, let sha256):
            md5Key = md5
            sha256Key = sha256
        }
    }
}

extension Credentials.Secret {
    fileprivate init(_ secret: StoredSecret) {
        id = secret.id
        self.secret = secret.secret
        isRetired = secret.retired != nil
    }
}

extension AccountStore {
    /// Makes the secret of a first start when neither `settings` nor the store have a user or a secret.
    ///
    /// Tells whether it did. It is then in the store, and used from then on.
    public func makeFirstSecret(for settings: Settings, now: Int64) throws(AccountStoreError) -> Bool {
        let isConfigured =
            !settings.turnUsers.isEmpty || !settings.turnSecrets.isEmpty || !settings.retiredTurnSecrets.isEmpty
        return isConfigured ? false : try makeFirstSecret(now: now)
    }
}
