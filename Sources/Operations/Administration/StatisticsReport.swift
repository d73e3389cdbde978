/// Who used the server and how: the manual's table (section 5.2).
public struct StatisticsReport: Codable, Hashable, Sendable {
    /// One source.
    public struct Row: Codable, Hashable, Sendable {
        /// The address and port that requests came from, such as `192.0.2.1:29508`.
        public var source: String
        /// Seconds since the last packet from there.
        public var lastAccess: Int
        /// The sum of all the counts of the row.
        public var hits: UInt64
        /// Requests that asked for no change, keep-alives mostly.
        public var noChange: UInt64
        /// Requests to be answered from another IP address (and perhaps another port as well).
        public var changeIP: UInt64
        /// Requests to be answered from another port of the same address.
        public var changePort: UInt64
        /// Messages that could not be processed.
        public var error: UInt64
        /// Mirrors that were set up.
        public var mirrorSetup: UInt64
        /// Packets that a mirror forwarded.
        public var mirrorForwards: UInt64
        /// Seconds between two requests, on average of the last ones; nil when there was one only.
        public var keepAlive: Double?
        /// The wire dialect of the last request, such as `rfc3489`.
        public var dialect: String?
        /// The kind of NAT that the requests of this source show, if they do; the names are those of the overview.
        public var natKind: String?

        /// Makes a row; `hits` is the sum of the counts, as in the manual.
        public init(
            source: String,
            lastAccess: Int,
            noChange: UInt64 = 0,
            changeIP: UInt64 = 0,
            changePort: UInt64 = 0,
            error: UInt64 = 0,
            mirrorSetup: UInt64 = 0,
            mirrorForwards: UInt64 = 0,
            keepAlive: Double? = nil,
            dialect: String? = nil,
            natKind: String? = nil
        ) {
            self.keepAlive = keepAlive
            self.dialect = dialect
            self.natKind = natKind
            self.source = source
            self.lastAccess = lastAccess
            self.hits = noChange &+ changeIP &+ changePort &+ error &+ mirrorSetup &+ mirrorForwards
            self.noChange = noChange
            self.changeIP = changeIP
            self.changePort = changePort
            self.error = error
            self.mirrorSetup = mirrorSetup
            self.mirrorForwards = mirrorForwards
        }
    }

    /// The sources, newest access first.
    public var rows: [Row]
    /// How many sources the server remembers; more than the rows when a limit was asked for.
    public var totalSources: Int
    /// How many of them the search found; all of them without one.
    public var foundSources: Int

    /// Makes a report.
    public init(rows: [Row], totalSources: Int, foundSources: Int? = nil) {
        self.rows = rows
        self.totalSources = totalSources
        self.foundSources = foundSources ?? totalSources
    }
}
