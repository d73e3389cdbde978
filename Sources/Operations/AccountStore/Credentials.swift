public import STUNAuthentication
public import ServerSettings

/// Everything that clients may log in with: what the settings have and what the store has, merged.
public struct Credentials: Sendable {
    /// Where something stands.
    public enum Origin: String, Sendable {
        /// In the settings.
        case settings
        /// In the store.
        case store
    }

    /// A secret that time-limited credentials are made of.
    public struct Secret: Sendable, Hashable {
        /// What it is called in messages.
        public let id: String
        /// The secret; the bytes of this text are the key.
        public let secret: String
        /// Whether its credentials are refused.
        public let isRetired: Bool
        /// Where it stands.
        public let origin: Origin
    }

    /// The realms, the default first.
    public let realms: [CredentialRealm]
    /// The users; those of the settings stand before those of the store.
    public private(set) var users: [StoredCredential] = []
    /// The secrets: those in use first, and of these the one of which new credentials are made.
    public private(set) var secrets: [Secret] = []
    /// Sentences about what is allowed but unwise.
    public private(set) var warnings: [String] = []

    /// The secret that new credentials are made of; nil when there is none.
    public var secretInUse: Secret? { secrets.first { !$0.isRetired } }

    /// What the workers check requests with.
    public var book: CredentialBook {
        let shared = secrets.compactMap { secret in
            SharedSecret(
                name: secret.id,
                secret: Array(secret.secret.utf8),
                state: secret.isRetired ? .retired : .current
            )
        }
        return CredentialBook(realms: realms, users: users, secrets: shared)
    }

    /// Merges settings and store; a user that stands in both is the one of the settings.
    ///
    /// - Throws: When the store cannot be read.
    public init(_ settings: Settings, _ store: AccountStore) throws(AccountStoreError) {
        let (users, secrets) = try store.read { database in
            (try AccountStore.users(database), try AccountStore.secrets(database))
        }
        self.init(settings, users: users, secrets: secrets)
    }

    /// Merges settings with what a store had; a user that stands in both is the one of the settings.
    public init(_ settings: Settings, users storedUsers: [StoredUser] = [], secrets storedSecrets: [StoredSecret] = [])
    {
        realms = Self.realms(settings.realm)
        var seen: Set<[String]> = []
        for setting in settings.turnUsers {
            let realm = setting.realm ?? settings.realm.first?.name ?? ""
            seen.insert([setting.name, realm])
            users.append(StoredCredential(setting, realm: realm))
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
            users.append(
                StoredCredential(name: user.name, realm: user.realm, md5: user.md5Key, sha256: user.sha256Key)
            )
        }
        secrets = Self.named(settings.turnSecrets, "turn-secrets", isRetired: false)
        secrets += storedSecrets.filter { $0.retired == nil }.map(Secret.init)
        secrets += Self.named(settings.retiredTurnSecrets, "retired-turn-secrets", isRetired: true)
        secrets += storedSecrets.filter { $0.retired != nil }.map(Secret.init)
    }

    /// A realm may stand several times, with an address each.
    private static func realms(_ settings: [RealmSetting]) -> [CredentialRealm] {
        var names: [String] = []
        for realm in settings where !names.contains(realm.name) { names.append(realm.name) }
        return names.map { name in
            CredentialRealm(name, serverAddresses: settings.filter { $0.name == name }.compactMap(\.address))
        }
    }

    private static func named(_ secrets: [SecretSetting], _ key: String, isRetired: Bool) -> [Secret] {
        secrets.enumerated().map { index, secret in
            Secret(
                id: secret.id ?? "\(key)-\(index + 1)",
                secret: secret.secret,
                isRetired: isRetired,
                origin: .settings
            )
        }
    }
}

extension StoredCredential {
    fileprivate init(_ setting: UserSetting, realm: String) {
        switch setting.secret {
        case .password(let password): self.init(username: setting.name, realm: realm, password: password)
        case .keys(let md5, let sha256): self.init(name: setting.name, realm: realm, md5: md5, sha256: sha256)
        }
    }

    /// Takes keys; in the place of a missing one, or one of a wrong length, stands one that nobody has.
    fileprivate init(name: String, realm: String, md5: [UInt8]?, sha256: [UInt8]?) {
        let nobody = StoredCredential(username: name, realm: realm, password: StoredSecret.random())
        self =
            StoredCredential(
                userHash: nobody.userHash.bytes,
                realm: realm,
                md5: md5 ?? nobody.md5.bytes,
                sha256: sha256 ?? nobody.sha256.bytes
            ) ?? nobody
    }
}

extension Credentials.Secret {
    fileprivate init(_ secret: StoredSecret) {
        id = secret.id
        self.secret = secret.secret
        isRetired = secret.retired != nil
        origin = .store
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
