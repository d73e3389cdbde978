/// The state of a running server.
public struct ServerStatus: Codable, Hashable, Sendable {
    /// A counter and its value since the start.
    public struct Counter: Codable, Hashable, Sendable {
        /// The name, such as `answers-rfc8489`.
        public var name: String
        /// How often it was counted.
        public var value: UInt64

        /// Makes a counter.
        public init(name: String, value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// What the relay has.
    public struct Relay: Codable, Hashable, Sendable {
        /// One address that relay sockets are opened on.
        public struct Address: Codable, Hashable, Sendable {
            /// The address that clients and peers are told.
            public var address: String
            /// The address of this host behind it, when another one.
            public var localAddress: String?
            /// Ports that are free now.
            public var portsFree: Int
            /// Ports in all.
            public var portsTotal: Int

            /// Makes an address.
            public init(address: String, localAddress: String? = nil, portsFree: Int, portsTotal: Int) {
                self.address = address
                self.localAddress = localAddress
                self.portsFree = portsFree
                self.portsTotal = portsTotal
            }
        }

        /// The addresses, at most one of each family.
        public var addresses: [Address]
        /// The realms, the default one first.
        public var realms: [String]
        /// How many users have a password.
        public var users: Int
        /// How many secrets for timed credentials there are.
        public var secrets: Int
        /// How many allocations there are now.
        public var sessions: Int
        /// What they take of the host's memory.
        public var memory: Memory?

        /// Makes the facts.
        public init(
            addresses: [Address],
            realms: [String],
            users: Int,
            secrets: Int,
            sessions: Int,
            memory: Memory? = nil
        ) {
            self.memory = memory
            self.addresses = addresses
            self.realms = realms
            self.users = users
            self.secrets = secrets
            self.sessions = sessions
        }
    }

    /// What allocations take of the host's memory with what belongs to them.
    public struct Memory: Codable, Hashable, Sendable {
        /// The bytes that they take now.
        public var used: Int
        /// The bytes that they may take; nil when there is no limit.
        public var limit: Int?

        /// Joins the parts.
        public init(used: Int, limit: Int?) {
            self.used = used
            self.limit = limit
        }

        /// What they take, as text.
        public var usedText: String { HumanText.bytes(UInt64(clamping: used)) }
        /// What they may take, as text; nil when there is no limit.
        public var limitText: String? { limit.map { HumanText.bytes(UInt64(clamping: $0)) } }
    }

    /// The files, sockets among them, that the process has open.
    public struct Files: Codable, Hashable, Sendable {
        /// How many are open.
        public var open: Int
        /// How many may be.
        public var limit: Int
        /// How many relay sockets may be among them.
        public var relaySockets: Int

        /// Joins the parts.
        public init(open: Int, limit: Int, relaySockets: Int) {
            self.open = open
            self.limit = limit
            self.relaySockets = relaySockets
        }
    }

    /// The clients that do not come by bare UDP, and the connections with peers.
    public struct Connections: Codable, Hashable, Sendable {
        /// TCP connections of clients, those with TLS among them.
        public var tcp: Int
        /// Those of them with TLS.
        public var tls: Int
        /// Sessions of DTLS.
        public var dtls: Int
        /// TCP connections of relayed addresses with peers (RFC 6062).
        public var peers: Int

        /// Makes the facts.
        public init(tcp: Int, tls: Int, dtls: Int, peers: Int) {
            self.tcp = tcp
            self.tls = tls
            self.dtls = dtls
            self.peers = peers
        }
    }

    /// What is known of the store that the fleet shares.
    public struct FleetStore: Codable, Hashable, Sendable {
        /// Where it is.
        public var place: String
        /// Whether it answers.
        public var isReached: Bool
        /// How many servers there were when it last answered, this one among them.
        public var members: Int
        /// What is wrong, and what holds now; nil when all is well.
        public var trouble: String?

        /// Makes the facts.
        public init(place: String, isReached: Bool, members: Int, trouble: String?) {
            self.place = place
            self.isReached = isReached
            self.members = members
            self.trouble = trouble
        }
    }

    /// How workers ask the system for packets.
    public struct Engine: Codable, Hashable, Sendable {
        /// `io_uring` or `epoll`.
        public var name: String
        /// When a sleeping worker wakes up: `adaptive`, `low-latency` or `low-power`.
        public var wakeUps: String
        /// The processor of each worker; nil when the system moves them.
        public var processors: [Int]?

        /// Joins the parts.
        public init(name: String, wakeUps: String, processors: [Int]? = nil) {
            self.name = name
            self.wakeUps = wakeUps
            self.processors = processors
        }

        /// All of it in a line.
        public var sentence: String {
            let places = processors.map { ", on processors \($0.map(String.init).joined(separator: " "))" } ?? ""
            return "\(name), \(wakeUps) wake-ups\(places)"
        }
    }

    /// The version of the program.
    public var version: String
    /// The process id.
    public var pid: Int32
    /// Seconds since the start.
    public var uptime: Int
    /// The path of the settings file.
    public var settingsFile: String
    /// The folder of what survives a restart.
    public var stateFolder: String
    /// Where requests are read, such as `udp 192.0.2.1:3478`.
    public var listeners: [String]
    /// The number of worker threads.
    public var workers: Int
    /// How they ask the system for packets.
    public var engine: Engine
    /// What the server has given up after its start, in words; nil of a server that does not tell.
    public var sandbox: String?
    /// The connections that there are now.
    public var connections: Connections
    /// The files that are open; nil on a host that does not tell.
    public var files: Files?
    /// What the process has in RAM, in bytes; nil on a host that does not tell.
    public var residentBytes: Int?
    /// Where the web console is, such as `http://127.0.0.1:5068/`; nil when it is not open.
    public var consoleURL: String?
    /// What TLS and DTLS are served with; nil when they are not.
    public var certificate: Certificate?
    /// What the relay has; nil when it is off.
    public var relay: Relay?
    /// The store that the fleet shares; nil when there is none.
    public var fleetStore: FleetStore?
    /// The licence; nil of a server that does not tell.
    public var license: LicenseState?
    /// How the server drains; nil when it takes new allocations.
    public var drain: DrainReport?
    /// Counters in the order in which they are shown.
    public var counters: [Counter]
    /// Sentences about what is allowed but unwise, or didn't work.
    public var warnings: [String]

    /// Makes a status.
    public init(
        version: String,
        pid: Int32,
        uptime: Int,
        settingsFile: String,
        stateFolder: String,
        listeners: [String],
        workers: Int,
        engine: Engine = Engine(name: "epoll", wakeUps: "adaptive"),
        sandbox: String? = nil,
        connections: Connections = Connections(tcp: 0, tls: 0, dtls: 0, peers: 0),
        files: Files? = nil,
        residentBytes: Int? = nil,
        consoleURL: String? = nil,
        certificate: Certificate? = nil,
        relay: Relay? = nil,
        fleetStore: FleetStore? = nil,
        license: LicenseState? = nil,
        drain: DrainReport? = nil,
        counters: [Counter],
        warnings: [String]
    ) {
        self.version = version
        self.pid = pid
        self.uptime = uptime
        self.settingsFile = settingsFile
        self.stateFolder = stateFolder
        self.listeners = listeners
        self.workers = workers
        self.engine = engine
        self.sandbox = sandbox
        self.connections = connections
        self.files = files
        self.residentBytes = residentBytes
        self.consoleURL = consoleURL
        self.certificate = certificate
        self.relay = relay
        self.fleetStore = fleetStore
        self.license = license
        self.drain = drain
        self.counters = counters
        self.warnings = warnings
    }
}
