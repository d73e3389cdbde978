public import Addresses

/// All settings of the server, typed and valid by themselves; `Settings()` holds the defaults.
///
/// The names are those of the settings file in camel case. `keys` describes each one.
public struct Settings: Sendable, Equatable {
    /// The first UDP port that STUN requests are read on.
    public var stunPort1: UInt16 = 3478
    /// The second port: answers to "change port" leave from it.
    public var stunPort2: UInt16 = 3479
    /// Whether requests are read on the second port too; off is the write-only port of the 2002 manual.
    public var stunPort2Reads = true
    /// The addresses to listen on, at most one of each family; empty means all addresses of the host.
    public var address: [IPAddress] = []
    /// The second addresses (RFC 5780 section 6: "change IP"), at most one of each family; empty means none.
    public var secondAddress: [IPAddress] = []
    /// Whether STUN and TURN are served by TCP too.
    public var tcp = true
    /// The file with the certificate for TLS and DTLS; nil means that neither is served.
    public var tlsCertificate: String?
    /// The file with its private key; nil means the same file.
    public var tlsKey: String?
    /// The port for TLS and DTLS.
    public var tlsPort: UInt16 = 5349
    /// More TCP ports.
    public var streamPorts: [UInt16] = []
    /// Whether DTLS is served when there is a certificate.
    public var dtls = true
    /// How many connections of clients there may be in all.
    public var maxConnections = 10_000
    /// How many connections one client may have.
    public var connectionsPerClient = 512
    /// The proxies that tell the address of the client whose connection they pass on.
    public var proxies: [IPPrefix] = []
    /// Where connections go that speak plain HTTP; nil for nowhere.
    public var webServer: SocketAddress?
    /// Where connections go that begin TLS and are for a web site; nil for nowhere.
    public var webTLSServer: SocketAddress?
    /// Whether these web servers are told by the PROXY protocol whose connection they get.
    public var webProxyProtocol = false
    /// Other STUN servers to name to clients.
    public var otherStunServers: [OtherServer] = []
    /// The key that the servers of a fleet trust each other by; nil when there is none.
    public var clusterKey: [UInt8]?
    /// Whether TURN is offered.
    public var turn = true
    /// The realms; the first is the default realm, and there is at least one.
    public var realm = [RealmSetting(name: "stund")]
    /// How long an allocation lasts for which nobody asks for more, in seconds: the default lifetime of RFC 8656.
    public var defaultBindingDuration = 600
    /// How long an allocation lasts at most without a refresh, in seconds.
    public var maxLifetime = 3600
    /// Realms with lifetimes of their own.
    public var realmLifetimes: [RealmLifetimes] = []
    /// Users with a password or keys.
    public var turnUsers: [UserSetting] = []
    /// Secrets of time-limited credentials; the first one makes new credentials.
    public var turnSecrets: [SecretSetting] = []
    /// Secrets whose credentials are refused with the cause that the secret is retired.
    public var retiredTurnSecrets: [SecretSetting] = []
    /// Whether an allocation ends when the time-limited credential that made it does.
    public var strictExpiry = false
    /// How old a nonce may be, in seconds.
    public var nonceLifetime = 3600
    /// The key that nonces are made with; nil means one that follows from the cluster key, else a random one.
    public var nonceKey: [UInt8]?
    /// The Redis that the servers of a fleet share users, secrets and quotas by; nil when there is none.
    public var redis: RedisAddress?
    /// Who this server is to that Redis; nil when it asks for no password.
    public var redisPassword: RedisLogin?
    /// Whether the users and secrets that coturn keeps in that Redis may log in.
    public var redisCoturnUsers = false
    /// The addresses that relay, at most one of each family; empty means those found on the host.
    public var relayAddress: [IPAddress] = []
    /// The addresses that clients are told, where a NAT stands in front of the server.
    public var externalIp: [ExternalAddress] = []
    /// The ports that relay.
    public var relayPorts: ClosedRange<UInt16> = 49152...65535
    /// Peers that are allowed although a rule of the server denies them.
    public var allowPeers: [IPPrefix] = []
    /// Peers that are denied.
    public var denyPeers: [IPPrefix] = []
    /// Whether peers in private networks are allowed.
    public var lanPeers = false
    /// How many allocations there may be in all; nil means no limit but the relay ports.
    public var maxAllocations: Int?
    /// How much memory allocations may take with what belongs to them.
    public var memoryLimit = MemoryLimit.auto
    /// At how many percent of the allocations that there may be new ones go to another server; nil means never.
    public var redirectAt: Int?
    /// How many allocations one user may have; nil means no limit.
    public var userAllocations: Int? = 4096
    /// Relayed bytes a second of one user; nil means no limit.
    public var userBandwidth: Int?
    /// Relayed bytes a second in all; nil means no limit.
    public var totalBandwidth: Int?
    /// Relayed bytes of one user in a calendar month; nil means no limit.
    public var userMonthlyBytes: Int?
    /// How many permissions an allocation may have.
    public var permissionsPerAllocation = 128
    /// How many channels an allocation may have.
    public var channelsPerAllocation = 256
    /// Whether TCP connections are relayed too.
    public var tcpRelay = false
    /// How many TCP connections with peers one allocation may have.
    public var tcpRelayConnections = 64
    /// Whether the channel numbers of RFC 5766 above those of RFC 8656 are allowed.
    public var rfc5766Channels = false
    /// Whether the TURN drafts before RFC 5766 are answered.
    public var mirror = false
    /// The clients that may have mirrors.
    public var mirrorClients: [IPPrefix] = []
    /// How many mirrors there may be in all.
    public var maxMirrors = 256
    /// How many mirrors one client may have.
    public var mirrorsPerClient = 8
    /// Whether clients of draft -00 get mirrors, which have no secret.
    public var mirrorDraft00 = true
    /// Whether requests that may be of draft -01 or -08 are of the first.
    public var mirrorDraft01 = false
    /// How long a server that gets SIGTERM goes on for the allocations it has, in seconds; 0 means not at all.
    public var drainTime = 30
    /// The least urgent level that is logged, 0...9; 0 is the most urgent.
    public var logLevel = 5
    /// The form of a log line.
    public var logFormat = LogFormat.text
    /// The file that log lines are appended to; nil means the terminal, or syslog in the background.
    public var logFile: String?
    /// How many recent log messages are kept in memory.
    public var logRows = 200
    /// The TCP port of the web console.
    public var httpPort: UInt16 = 80
    /// The addresses that the web console listens on; empty means loopback until a password is set, then all.
    public var httpAddress: [IPAddress] = []
    /// The user name of the web console.
    public var httpUser = "admin"
    /// The scrypt hash of the console's password, as `stund password` writes it; nil means no password is set.
    public var httpPasswordHash: String?
    /// Whether the web console is served by HTTPS where clients come by TLS.
    public var httpTLS = false
    /// Whether `/metrics` is told without login.
    public var httpMetricsOpen = false
    /// The public key of a vendor who asks for licence keys, 32 bytes of Ed25519; nil when nobody does.
    public var licenseVendorKey: [UInt8]?
    /// The licence key.
    public var licenseKey: String?
    /// How many sources the statistics keep.
    public var statisticsRows = 100
    /// The number of worker threads; nil means one for each core.
    public var workers: Int?
    /// Whether each worker stays on a processor of its own.
    public var pinWorkers = false
    /// The user that a server becomes which is started as root; nil when it stays who it is.
    public var runAs: String?
    /// Whether the server gives up after its start what it needs no more.
    public var sandbox = SandboxChoice.auto
    /// How workers ask the kernel for packets.
    public var engine = EngineChoice.auto
    /// When a sleeping worker wakes up.
    public var wakeUps = WakeUpMode.adaptive
    /// The size asked for the receive and the send buffer of each socket, in bytes.
    public var socketBuffer = 4_194_304
    /// Binding answers a second to one client: an IPv4 address or an IPv6 /64.
    public var bindingRateLimit = 5000
    /// How many Binding answers one client may get at once after a pause.
    public var bindingRateBurst = 10_000
    /// Error answers and challenges a second to one client: an IPv4 address or an IPv6 /64.
    public var challengeRateLimit = 100
    /// How many of these one client may get at once after a pause.
    public var challengeRateBurst = 400
    /// Clients that no rate limit applies to.
    public var rateLimitExempt: [IPPrefix] = []
    /// How addresses are written in answers to clients of the 2001 drafts.
    public var draftAddressLayout = DraftAddressLayout.draft01

    /// Makes the settings of a server that nobody has configured.
    public init() {}
}
