/// Which rows of the statistics somebody wants to see, and in which order.
public struct StatisticsQuery: Codable, Hashable, Sendable {
    /// What rows are sorted by.
    public enum Column: String, Codable, CaseIterable, Sendable {
        /// The source's address and port.
        case source
        /// The time of the last packet: newest first, unless turned round.
        case lastAccess = "last-access"
        /// The sum of the row.
        case hits
        /// Requests that asked for no change.
        case noChange = "no-change"
        /// Requests to be answered from another address.
        case changeIP = "change-ip"
        /// Requests to be answered from another port.
        case changePort = "change-port"
        /// Messages that could not be processed.
        case error
        /// The time between two requests.
        case keepAlive = "keep-alive"
    }

    /// Only sources whose text contains this; empty means all.
    public var search = ""
    /// What rows are sorted by.
    public var sort = Column.lastAccess
    /// Whether the order is turned round: what comes first by nature comes last.
    public var isReversed = false
    /// How many rows are left out at the beginning.
    public var offset = 0
    /// How many rows there are at most; nil means all.
    public var limit: Int?

    /// All rows, newest access first; at most `limit` when given.
    public init(limit: Int? = nil) { self.limit = limit }
}

/// Which sessions somebody wants to see, and in which order.
public struct SessionsQuery: Codable, Hashable, Sendable {
    /// What sessions are sorted by.
    public enum Column: String, Codable, CaseIterable, Sendable {
        /// The youngest first.
        case age
        /// The user's name.
        case user
        /// The client's address.
        case client
        /// What was relayed both ways, most first.
        case bytes
    }

    /// Only sessions whose id, user, client, relay or peer contains this; empty means all.
    public var search = ""
    /// What sessions are sorted by.
    public var sort = Column.age
    /// Whether the order is turned round.
    public var isReversed = false
    /// How many sessions are left out at the beginning.
    public var offset = 0
    /// How many sessions there are at most; nil means all.
    public var limit: Int?

    /// All sessions, newest first; at most `limit` when given.
    public init(limit: Int? = nil) { self.limit = limit }
}

/// Which log messages somebody wants to see.
public struct LogQuery: Codable, Hashable, Sendable {
    /// Only messages of this level and more urgent ones.
    public var level: Int?
    /// Only messages with this number.
    public var code: Int?
    /// Only messages whose text, address or remark contains this; empty means all.
    public var search = ""
    /// How many messages there are at most, the newest ones; nil means all.
    public var limit: Int?

    /// All messages; at most `limit`, the newest ones, when given.
    public init(limit: Int? = nil) { self.limit = limit }
}

/// Whose sessions are ended.
public enum SessionSubject: Hashable, Sendable {
    /// The session of this id alone, whatever users are called.
    case session(String)
    /// All sessions of the user with exactly this name.
    case user(String)
    /// Those whose id, user or client address this is: what a person types.
    case any(String)
}
