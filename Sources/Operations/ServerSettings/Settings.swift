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
    /// Other STUN servers to name to clients.
    public var otherStunServers: [OtherServer] = []
    /// How long a binding is said to last, in seconds.
    public var defaultBindingDuration = 600
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
    /// The user name of the web console.
    public var httpUser = "admin"
    /// The scrypt hash of the console's password, as `stund password` writes it; nil means no password is set.
    public var httpPasswordHash: String?
    /// How many sources the statistics keep.
    public var statisticsRows = 100
    /// The number of worker threads; nil means one for each core.
    public var workers: Int?
    /// The size asked for the receive and the send buffer of each socket, in bytes.
    public var socketBuffer = 4_194_304
    /// Binding answers a second to one client: an IPv4 address or an IPv6 /64.
    public var bindingRateLimit = 5000
    /// How many Binding answers one client may get at once after a pause.
    public var bindingRateBurst = 10_000
    /// Error answers (and, when TURN comes, challenges) a second to one client: an IPv4 address or an IPv6 /64.
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
