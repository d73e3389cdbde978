/// What the server has done over the last hour and day, in equal steps of time.
public struct TrafficHistory: Codable, Hashable, Sendable {
    /// One step of time.
    public struct Sample: Codable, Hashable, Sendable {
        /// Its end, in Unix seconds.
        public var time: Int64
        /// How long it was, in seconds.
        public var seconds: Int
        /// STUN and TURN requests that came in it.
        public var requests: UInt64
        /// Bytes of application data relayed in it, both ways together.
        public var relayedBytes: UInt64
        /// Packets relayed in it, both ways together.
        public var relayedPackets: UInt64
        /// Allocations at its end.
        public var sessions: Int
        /// Datagrams that were dropped in it, by reason; reasons without any are left out.
        public var drops: [String: UInt64]

        /// Makes a sample.
        public init(
            time: Int64,
            seconds: Int,
            requests: UInt64 = 0,
            relayedBytes: UInt64 = 0,
            relayedPackets: UInt64 = 0,
            sessions: Int = 0,
            drops: [String: UInt64] = [:]
        ) {
            self.time = time
            self.seconds = seconds
            self.requests = requests
            self.relayedBytes = relayedBytes
            self.relayedPackets = relayedPackets
            self.sessions = sessions
            self.drops = drops
        }
    }

    /// The last hour, oldest first; shorter after a start.
    public var hour: [Sample]
    /// The last day, oldest first, in longer steps.
    public var day: [Sample]

    /// Makes a history.
    public init(hour: [Sample] = [], day: [Sample] = []) {
        self.hour = hour
        self.day = day
    }
}

/// What the first page of the console shows beside the status.
public struct OverviewReport: Codable, Hashable, Sendable {
    /// Refusals of one cause.
    public struct TopRefusal: Codable, Hashable, Sendable {
        /// The error code that clients were told.
        public var code: Int
        /// The method, such as `Allocate`.
        public var method: String
        /// Why, with the facts of the newest one.
        public var cause: String
        /// What to do about it.
        public var cure: String
        /// How many requests it met, of those that are remembered.
        public var count: Int
        /// When the newest one was, in GMT.
        public var time: String
        /// What to ask `explain` for: the user, else the client of the newest one.
        public var subject: String

        /// Makes a row.
        public init(
            code: Int,
            method: String,
            cause: String,
            cure: String,
            count: Int,
            time: String,
            subject: String
        ) {
            self.code = code
            self.method = method
            self.cause = cause
            self.cure = cure
            self.count = count
            self.time = time
            self.subject = subject
        }
    }

    /// The last hour and day.
    public var history: TrafficHistory
    /// Requests since the start by wire dialect, such as `rfc8489`.
    public var dialects: [ServerStatus.Counter]
    /// How many of the sources in the statistics are behind which kind of NAT, as far as their requests show it.
    public var natKinds: [ServerStatus.Counter]
    /// The causes of refusals, those that met most requests first.
    public var refusals: [TopRefusal]

    /// Makes a report.
    public init(
        history: TrafficHistory,
        dialects: [ServerStatus.Counter],
        natKinds: [ServerStatus.Counter],
        refusals: [TopRefusal]
    ) {
        self.history = history
        self.dialects = dialects
        self.natKinds = natKinds
        self.refusals = refusals
    }
}

/// One thing that was looked at, and whether it is as it should be.
public struct Check: Codable, Hashable, Sendable {
    /// What was looked at, in a word or two, such as `sockets`.
    public var name: String
    /// Whether it is as it should be.
    public var isGood: Bool
    /// What was found, and when it is not good what to do.
    public var text: String

    /// Makes a check.
    public init(_ name: String, isGood: Bool, _ text: String) {
        self.name = name
        self.isGood = isGood
        self.text = text
    }
}

/// Whether the server is ready for clients.
public struct ReadinessReport: Codable, Hashable, Sendable {
    /// Whether all checks are good.
    public var isReady: Bool
    /// What was looked at.
    public var checks: [Check]

    /// Makes a report.
    public init(_ checks: [Check]) {
        isReady = checks.allSatisfy(\.isGood)
        self.checks = checks
    }
}
