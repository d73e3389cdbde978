public import STUNCodec

/// What came of authenticating a request.
public enum Authentication: Sendable {
    /// It comes from who it says.
    case accepted(AuthenticatedRequest)
    /// It is to be refused.
    case refused(AuthenticationRefusal)
}

/// A request whose sender is known, and what answering it takes.
public struct AuthenticatedRequest: Sendable {
    /// Who sent it: the same USERNAME or USERHASH in the same realm is the same user.
    public let user: UserID
    /// Whom quotas count for: of a timed credential the user behind the expiry, who gets a new username with every
    /// credential; else `user`.
    public let account: UserID
    /// The realm's index in `CredentialBook.realms`.
    public let realm: Int
    /// The key of its integrity and of the answer's.
    public let key: LongTermKey
    /// The integrity that the answer must have.
    public let integrity: IntegrityAlgorithm
    /// Attributes from this byte of the message on are to be ignored (attacks row 15).
    public let end: Int
    /// When a timed credential ends, Unix time in seconds; nil for a user of the book.
    public let expiry: UInt64?
    /// Where USERNAME stands; nil when the request has USERHASH.
    public let username: Message.Location?

    /// Whether this is a timed credential.
    public var isTimed: Bool { expiry != nil }
}
