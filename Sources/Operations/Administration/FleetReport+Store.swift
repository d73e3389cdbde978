extension FleetReport {
    /// What the store that the fleet shares says of the whole fleet: the Redis that `redis` names.
    public struct Store: Codable, Hashable, Sendable {
        /// How many servers are listed at most, however many there are.
        public static let mostMembers = 256

        /// A server as it described itself there, two seconds ago at most while the store answers.
        public struct Member: Codable, Hashable, Sendable {
            /// What it is called in the fleet: the address and port that its clients know.
            public var name: String
            /// The name of its host.
            public var host: String
            /// Its version.
            public var version: String
            /// How much of what it may relay is used, from 0 to 1.
            public var load: Double
            /// How many allocations it has.
            public var allocations: Int
            /// Whether it takes no new allocations.
            public var isDraining: Bool
            /// Whether the store asks it to drain.
            public var isAskedToDrain: Bool

            /// Joins the facts.
            public init(
                name: String,
                host: String,
                version: String,
                load: Double,
                allocations: Int,
                isDraining: Bool,
                isAskedToDrain: Bool
            ) {
                self.name = name
                self.host = host
                self.version = version
                self.load = load
                self.allocations = allocations
                self.isDraining = isDraining
                self.isAskedToDrain = isAskedToDrain
            }
        }

        /// Where it is.
        public var place: String
        /// Whether it answers; if not, all else is what it said last.
        public var isReached: Bool
        /// What is wrong, and what holds now; nil when all is well.
        public var trouble: String?
        /// The servers by name, this one among them, at most `mostMembers`.
        public var members: [Member]
        /// How many servers there are.
        public var memberCount: Int
        /// How many allocations they have together.
        public var allocations: Int
        /// How much of what they may relay is used on average, from 0 to 1.
        public var load: Double
        /// Whether all servers are asked to drain.
        public var asksAllToDrain: Bool
        /// What they have counted together since each of them started, in the order of `ServerStatus.counters`.
        public var counters: [ServerStatus.Counter]

        /// Joins the facts.
        public init(
            place: String,
            isReached: Bool,
            trouble: String? = nil,
            members: [Member] = [],
            memberCount: Int = 0,
            allocations: Int = 0,
            load: Double = 0,
            asksAllToDrain: Bool = false,
            counters: [ServerStatus.Counter] = []
        ) {
            self.place = place
            self.isReached = isReached
            self.trouble = trouble
            self.members = members
            self.memberCount = memberCount
            self.allocations = allocations
            self.load = load
            self.asksAllToDrain = asksAllToDrain
            self.counters = counters
        }
    }
}
