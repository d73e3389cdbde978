/// The users and secrets that TURN clients log in with, without anything secret.
public struct AccountsReport: Codable, Hashable, Sendable {
    /// One user.
    public struct User: Codable, Hashable, Sendable {
        /// The name.
        public var name: String
        /// The realm.
        public var realm: String
        /// `settings` or `store`; only those of the store can be changed here.
        public var origin: String
        /// When it was added, in GMT; nil for those of the settings.
        public var created: String?
        /// What the administrator noted.
        public var comment: String

        /// Joins the facts.
        public init(name: String, realm: String, origin: String, created: String?, comment: String) {
            self.name = name
            self.realm = realm
            self.origin = origin
            self.created = created
            self.comment = comment
        }
    }

    /// One secret of time-limited credentials.
    public struct Secret: Codable, Hashable, Sendable {
        /// What it is called.
        public var id: String
        /// `settings` or `store`.
        public var origin: String
        /// Whether its credentials are refused.
        public var isRetired: Bool
        /// Whether new credentials are made of it.
        public var makesCredentials: Bool
        /// When it was added, in GMT; nil for those of the settings.
        public var created: String?
        /// When it was retired, in GMT.
        public var retired: String?

        /// Joins the facts.
        public init(
            id: String,
            origin: String,
            isRetired: Bool,
            makesCredentials: Bool,
            created: String?,
            retired: String?
        ) {
            self.id = id
            self.origin = origin
            self.isRetired = isRetired
            self.makesCredentials = makesCredentials
            self.created = created
            self.retired = retired
        }
    }

    /// The realms, the default one first.
    public var realms: [String]
    /// The users.
    public var users: [User]
    /// The secrets, that which makes credentials first.
    public var secrets: [Secret]

    /// Joins the facts.
    public init(realms: [String], users: [User], secrets: [Secret]) {
        self.realms = realms
        self.users = users
        self.secrets = secrets
    }
}

/// Something secret that is told once, when it is made.
public struct NewSecret: Codable, Hashable, Sendable {
    /// What it is called: a user's, secret's or token's name.
    public var name: String
    /// The password, secret or token that was made; empty when whoever asked gave one.
    public var secret: String

    /// Joins the facts.
    public init(name: String, secret: String) {
        self.name = name
        self.secret = secret
    }
}

/// The `iceServers` of `RTCPeerConnection`'s configuration (W3C WebRTC section 4.2.4) with a credential of some hours.
public struct CredentialReport: Codable, Hashable, Sendable {
    /// One entry of `iceServers`.
    public struct Server: Codable, Hashable, Sendable {
        /// URIs of RFC 7064 and RFC 7065.
        public var urls: [String]
        /// The name to log in with.
        public var username: String?
        /// The password.
        public var credential: String?

        /// Joins the facts.
        public init(urls: [String], username: String? = nil, credential: String? = nil) {
            self.urls = urls
            self.username = username
            self.credential = credential
        }
    }

    /// The entries.
    public var iceServers: [Server]
    /// URIs that no browser takes, for other clients.
    public var otherURIs: [String]
    /// Until when it is right, in GMT.
    public var expires: String
    /// The secret it was made of.
    public var secret: String

    /// Joins the facts.
    public init(iceServers: [Server], otherURIs: [String] = [], expires: String, secret: String) {
        self.iceServers = iceServers
        self.otherURIs = otherURIs
        self.expires = expires
        self.secret = secret
    }
}

/// Who may use the console and the API beside `http-user`.
public struct OperatorsReport: Codable, Hashable, Sendable {
    /// Somebody with a password.
    public struct Person: Codable, Hashable, Sendable {
        /// The name.
        public var name: String
        /// What they may do.
        public var role: OperatorRole
        /// `settings` for `http-user`, else `store`.
        public var origin: String
        /// When they were added, in GMT; nil for `http-user`.
        public var created: String?

        /// Joins the facts.
        public init(name: String, role: OperatorRole, origin: String, created: String?) {
            self.name = name
            self.role = role
            self.origin = origin
            self.created = created
        }
    }

    /// An API token, without the token.
    public struct Token: Codable, Hashable, Sendable {
        /// What it is called.
        public var name: String
        /// What it may do.
        public var role: OperatorRole
        /// When it was made, in GMT.
        public var created: String
        /// When it ends, in GMT; nil when it does not.
        public var expires: String?

        /// Joins the facts.
        public init(name: String, role: OperatorRole, created: String, expires: String?) {
            self.name = name
            self.role = role
            self.created = created
            self.expires = expires
        }
    }

    /// Whether `http-user` has a password; without one the console is open to everybody on this host.
    public var isPasswordSet: Bool
    /// The people.
    public var people: [Person]
    /// The tokens.
    public var tokens: [Token]

    /// Joins the facts.
    public init(isPasswordSet: Bool, people: [Person], tokens: [Token]) {
        self.isPasswordSet = isPasswordSet
        self.people = people
        self.tokens = tokens
    }
}
