public import STUNCodec

/// When a request over UDP is sent again, and when it is given up (RFC 8489 section 6.2.1).
public struct Retransmission: Sendable, Equatable {
    /// RTO: how long the first answer is waited for, in nanoseconds; each time after it twice as long.
    public let timeout: UInt64
    /// Rc: how often the request is sent at most.
    public let count: Int
    /// Rm: how many times the first timeout is waited after the last sending.
    public let last: UInt64

    /// The values of the RFC: half a second, seven times, and 16 times half a second at the end.
    public static let standard = Retransmission(timeout: 500_000_000, count: 7, last: 16)

    /// Over TCP and TLS: sent once, since the connection repeats it itself, and waited for as long as over UDP, 39.5 seconds
    /// (RFC 8489 section 6.2.2).
    public static let stream = Retransmission(timeout: 39_500_000_000, count: 1, last: 1)

    /// Joins them; the count is 1 to 16.
    public init(timeout: UInt64, count: Int, last: UInt64) {
        self.timeout = timeout
        self.count = min(max(count, 1), 16)
        self.last = last
    }

    /// How long is waited after the `sent`-th sending.
    func wait(after sent: Int) -> UInt64 { sent >= count ? timeout &* last : timeout << UInt64(max(sent - 1, 0)) }
}

/// A request that waits for its answer: a value with an integer clock, which the caller moves.
public struct Transaction: Sendable {
    /// What the clock says of a request.
    public enum Due: Sendable, Equatable {
        /// Its answer may still come.
        case waiting
        /// It must be sent again, as it was.
        case again
        /// No answer came.
        case lost
    }

    /// The id that request and answer have.
    public let id: TransactionID
    /// How often the request was sent.
    public private(set) var sent = 1
    private var deadline: UInt64

    /// A request that is sent now.
    public init(_ id: TransactionID, at now: UInt64, _ rules: Retransmission) {
        self.id = id
        deadline = now &+ rules.wait(after: 1)
    }

    /// Moves the clock; `again` is said once for each time.
    public mutating func advance(to now: UInt64, _ rules: Retransmission) -> Due {
        guard now >= deadline else { return .waiting }
        guard sent < rules.count else { return .lost }
        sent &+= 1
        deadline = now &+ rules.wait(after: sent)
        return .again
    }
}
