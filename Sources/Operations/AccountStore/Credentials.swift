public import STUNAuthentication
public import ServerSettings

/// Everything that clients may log in with: what the settings have and what the store has, merged.
public struct Credentials: Sendable {
    /// Where something stands.
    public enum Origin: String, Sendable {
        /// In the settings.
        case settings
        /// In the store of this server.
        case store
        /// In the store of its fleet.
        case fleet
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
    /// The users of these realms; those of the settings stand before those of the store.
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

    /// Merges settings and store, and what the fleet has; a user that stands in several is the one of the settings, then
    /// the one of the store.
    ///
    /// - Throws: When the store cannot be read.
    public init(
        _ settings: Settings,
        _ store: AccountStore,
        fleetUsers: [StoredUser] = [],
        fleetSecrets: [StoredSecret] = []
    ) throws(AccountStoreError) {
        let (users, secrets) = try store.read { database in
            (try AccountStore.users(database), try AccountStore.secrets(database))
        }
        self.init(settings, users: users, secrets: secrets, fleetUsers: fleetUsers, fleetSecrets: fleetSecrets)
        warnings = store.warnings + warnings
    }

    /// Merges settings with what a store had, and what the fleet has; a user that stands in several is the one of the
    /// settings, then the one of the store.
    public init(
        _ settings: Settings,
        users storedUsers: [StoredUser] = [],
        secrets storedSecrets: [StoredSecret] = [],
        fleetUsers: [StoredUser] = [],
        fleetSecrets: [StoredSecret] = []
    ) {
        realms = Self.realms(settings.realm)
        var seen = addUsers(settings, storedUsers)
        addFleetUsers(fleetUsers, &seen)
        addSecrets(settings, storedSecrets, Self.usable(fleetSecrets, beside: storedSecrets, settings))
    }

    /// Gives the names and realms that are taken then.
    private mutating func addUsers(_ settings: Settings, _ storedUsers: [StoredUser]) -> Set<[String]> {
        var seen: Set<[String]> = []
        var ofOtherRealms: [String: [String]] = [:]
        for setting in settings.turnUsers {
            let realm = setting.realm ?? settings.realm.first?.name ?? ""
            seen.insert([setting.name, realm])
            users.append(StoredCredential(setting, realm: realm))
        }
        for user in storedUsers {
            guard realms.contains(where: { $0.name == user.realm }) else {
                ofOtherRealms[user.realm, default: []].append(user.name)
                continue
            }
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
        for (realm, names) in ofOtherRealms.sorted(by: { $0.key < $1.key }) {
            let others = names.count > 1 ? " and \(names.count - 1) more" : ""
            warnings.append(
                """
                the user "\(names[0])"\(others) in the store can't log in, as `realm` does not have the realm "\(realm)": add \
                it there, or remove the user
                """
            )
        }
        return seen
    }

    /// A fleet may have many realms, of which this server offers some: users of the others are not worth a word.
    private mutating func addFleetUsers(_ fleetUsers: [StoredUser], _ seen: inout Set<[String]>) {
        let names = Set(realms.map(\.name))
        var hidden: [String] = []
        for user in fleetUsers where names.contains(user.realm) {
            guard seen.insert([user.name, user.realm]).inserted else {
                hidden.append(user.name)
                continue
            }
            users.append(
                StoredCredential(name: user.name, realm: user.realm, md5: user.md5Key, sha256: user.sha256Key)
            )
        }
        guard let first = hidden.first else { return }
        let others = hidden.count > 1 ? " and \(hidden.count - 1) more" : ""
        warnings.append("the user \"\(first)\"\(others) of the fleet stands on this server too: the one here counts")
    }

    /// The secrets of a fleet without those in use that this server has under the same id, and those that would be more
    /// than may be tried for a request.
    private static func usable(
        _ fleetSecrets: [StoredSecret],
        beside storedSecrets: [StoredSecret],
        _ settings: Settings
    ) -> [StoredSecret] {
        let own = (settings.turnSecrets + settings.retiredTurnSecrets).compactMap(\.id) + storedSecrets.map(\.id)
        var room =
            AccountStore.mostSecretsInUse - settings.turnSecrets.count - storedSecrets.count { $0.retired == nil }
        return fleetSecrets.filter { secret in
            // Whoever retires a secret means its value, wherever else that stands.
            guard secret.retired == nil else { return true }
            guard !own.contains(secret.id) else { return false }
            room -= 1
            return room >= 0
        }
    }

    private mutating func addSecrets(
        _ settings: Settings,
        _ storedSecrets: [StoredSecret],
        _ fleetSecrets: [StoredSecret]
    ) {
        let stored = storedSecrets.map { Secret($0, .store) } + fleetSecrets.map { Secret($0, .fleet) }
        let inUse =
            Self.named(settings.turnSecrets, "turn-secrets", isRetired: false) + stored.filter { !$0.isRetired }
        let retired =
            Self.named(settings.retiredTurnSecrets, "retired-turn-secrets", isRetired: true)
            + stored.filter(\.isRetired)
        // Whoever retires a secret means its value: one that leaked must not stay right in the other place.
        let values = Set(retired.map(\.secret))
        secrets = inUse.filter { !values.contains($0.secret) } + retired
        for secret in inUse where values.contains(secret.secret) {
            secrets.append(Secret(id: secret.id, secret: secret.secret, isRetired: true, origin: secret.origin))
            let other = retired.first { $0.secret == secret.secret }
            warnings.append(
                """
                the secret "\(secret.id)" of the \(secret.origin) is retired too, as it is the same as the retired \
                "\(other?.id ?? "")" of the \(other?.origin ?? .store)
                """
            )
        }
        var seen: Set<String> = []
        for secret in secrets where !seen.insert(secret.id).inserted {
            warnings.append(
                """
                two secrets are called "\(secret.id)", so messages don't tell which is meant: give the one in the settings \
                another id
                """
            )
        }
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
        func key(_ bytes: [UInt8]?, or other: [UInt8]) -> [UInt8] {
            bytes?.count == other.count ? bytes ?? other : other
        }
        self =
            StoredCredential(
                username: name,
                realm: realm,
                md5: key(md5, or: nobody.md5.bytes),
                sha256: key(sha256, or: nobody.sha256.bytes)
            ) ?? nobody
    }
}

extension Credentials.Secret {
    fileprivate init(_ secret: StoredSecret, _ origin: Credentials.Origin) {
        id = secret.id
        self.secret = secret.secret
        isRetired = secret.retired != nil
        self.origin = origin
    }
}

extension AccountStore {
    /// Makes the secret of a first start when neither `settings` nor the store have a user or a secret that is in use.
    ///
    /// Tells whether it did. It is then in the store, and used from then on. One transaction looks and writes: of two
    /// processes only one makes it, and no crash leaves half of it.
    public func makeFirstSecret(for settings: Settings, now: Int64) throws(AccountStoreError) -> Bool {
        try write { database in
            let users = try Self.users(database)
            let credentials = Credentials(settings, secrets: try Self.secrets(database))
            guard settings.turnUsers.isEmpty, users.isEmpty, credentials.secretInUse == nil else { return false }
            let taken = Set(credentials.secrets.map(\.id))
            let ids = [StoredSecret.firstID] + (0...taken.count).map { "\(StoredSecret.firstID)-\($0 + 2)" }
            guard let id = ids.first(where: { !taken.contains($0) }) else { return false }
            try Self.insert(StoredSecret(id: id, created: now), database)
            return true
        }
    }

    /// Adds a secret to those of the store, which makes the new credentials from now on if `settings` have none.
    ///
    /// - Throws: `secretExists`, `tooManySecrets`, or why the file could not be changed.
    public func add(_ secret: StoredSecret, beside settings: Settings) throws(AccountStoreError) {
        try write { database in
            let secrets = Credentials(settings, secrets: try Self.secrets(database)).secrets
            guard !secrets.contains(where: { $0.id == secret.id }) else {
                throw AccountStoreError.secretExists(secret.id)
            }
            guard secrets.count(where: { !$0.isRetired }) < Self.mostSecretsInUse else {
                throw AccountStoreError.tooManySecrets(Self.mostSecretsInUse)
            }
            try Self.insert(secret, database)
        }
    }

    /// How many secrets may be in use at once, as in `turn-secrets`: each may be tried for a request.
    static let mostSecretsInUse = 8
}
