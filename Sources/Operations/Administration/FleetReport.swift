public import Addresses

/// The servers of a fleet as one of them sees them.
public struct FleetReport: Codable, Hashable, Sendable {
    /// An address of another server.
    public struct Address: Codable, Hashable, Sendable {
        /// Address and port.
        public var address: String
        /// `unknown`, `healthy`, `draining`, `lost`, `clock-differs` or `itself`.
        public var state: String
        /// The round trip in seconds, smoothed; nil before the first answer.
        public var roundTrip: Double?
        /// The part of the last 60 questions that was not answered; nil while there were too few to say so.
        public var loss: Double?
        /// Seconds that its clock is ahead of ours; nil where it is not known.
        public var clockDifference: Double?
        /// Questions that were sent.
        public var pings: UInt64
        /// Answers that came.
        public var pongs: UInt64
        /// What is wrong and what to do; nil when nothing is.
        public var problem: String?

        /// Joins the facts.
        public init(
            address: String,
            state: String,
            roundTrip: Double? = nil,
            loss: Double? = nil,
            clockDifference: Double? = nil,
            pings: UInt64 = 0,
            pongs: UInt64 = 0,
            problem: String? = nil
        ) {
            self.address = address
            self.state = state
            self.roundTrip = roundTrip
            self.loss = loss
            self.clockDifference = clockDifference
            self.pings = pings
            self.pongs = pongs
            self.problem = problem
        }
    }

    /// What a server is to the one that reports.
    public enum Kind: String, Codable, Sendable {
        /// The one that reports.
        case own
        /// Another one of the fleet.
        case peer
        /// A foreign server, of which nothing but an answer is known.
        case classic
    }

    /// One server.
    public struct Server: Codable, Hashable, Sendable {
        /// What the settings call it; the host name of the server that reports.
        public var name: String
        /// What it is.
        public var kind: Kind
        /// The state of its best address.
        public var state: String
        /// Its version; nil where it is not known.
        public var version: String?
        /// How much of what it may relay is used, from 0 to 1; nil where it is not known.
        public var load: Double?
        /// How many allocations it has; nil where it is not known.
        public var allocations: Int?
        /// Whether it takes no new allocations, since it is about to stop.
        public var isDraining: Bool
        /// Its addresses.
        public var addresses: [Address]
        /// What is wrong and what to do; nil when nothing is.
        public var problem: String?

        /// Joins the facts.
        public init(
            name: String,
            kind: Kind,
            state: String,
            version: String? = nil,
            load: Double? = nil,
            allocations: Int? = nil,
            isDraining: Bool = false,
            addresses: [Address] = [],
            problem: String? = nil
        ) {
            self.name = name
            self.kind = kind
            self.state = state
            self.version = version
            self.load = load
            self.allocations = allocations
            self.isDraining = isDraining
            self.addresses = addresses
            self.problem = problem
        }

        /// Whether it can be used.
        public var isUsable: Bool { state == "healthy" || state == "draining" }

        /// The address that tells most of it.
        public var best: Address? { addresses.first { $0.state == state } ?? addresses.first }
    }

    /// The servers, the one that reports first.
    public var servers: [Server]
    /// Whether there is a cluster key, without which nothing is asked.
    public var hasKey: Bool
    /// What the store of the fleet says; nil without one.
    public var store: Store?

    /// Joins the facts.
    public init(servers: [Server], hasKey: Bool, store: Store? = nil) {
        self.servers = servers
        self.hasKey = hasKey
        self.store = store
    }

    /// How many servers there are; an entry that is this server itself is none.
    public var count: Int { servers.count { $0.state != "itself" } }
    /// How many servers can be used, this one included.
    public var usable: Int { servers.count { $0.isUsable } }
    /// All allocations that are known of.
    public var allocations: Int { servers.reduce(0) { $0 &+ ($1.allocations ?? 0) } }
}

/// How servers of a fleet reach each other for more than heartbeats.
public struct FleetPlaces: Sendable {
    /// Another server of the fleet.
    public struct Other: Sendable, Hashable {
        /// What the settings call it.
        public var name: String
        /// Its addresses and first ports, those that answer first.
        public var addresses: [SocketAddress]
        /// The number of its start, as its heartbeats tell it: the one that a connection is made with.
        public var instance: UInt64
        /// Whether it answers heartbeats, so that it is worth asking.
        public var isAnswering: Bool

        /// Joins the facts.
        public init(name: String, addresses: [SocketAddress], instance: UInt64 = 0, isAnswering: Bool) {
            self.name = name
            self.addresses = addresses
            self.instance = instance
            self.isAnswering = isAnswering
        }
    }

    /// What this server is called by itself.
    public var ownName: String
    /// The number of this start of the process, by which the others know it.
    public var instance: UInt64
    /// The key of the fleet; nil when there is none.
    public var key: [UInt8]?
    /// The other servers, this one and foreign ones left out.
    public var others: [Other]
    /// Where this server listens for them.
    public var listening: [SocketAddress]
    /// The addresses to ask from, one of a family at most.
    public var asking: [IPAddress]

    /// Joins the facts.
    public init(
        ownName: String = "",
        instance: UInt64 = 0,
        key: [UInt8]? = nil,
        others: [Other] = [],
        listening: [SocketAddress] = [],
        asking: [IPAddress] = []
    ) {
        self.ownName = ownName
        self.instance = instance
        self.key = key
        self.others = others
        self.listening = listening
        self.asking = asking
    }
}
