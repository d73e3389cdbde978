/// What a load of relayed data is to be.
public struct RelayLoadPlan: Sendable {
    /// How many sessions, each an allocation with a channel to a peer of its own.
    public var sessions = 100
    /// The sizes of the data in bytes; with several, each datagram has one of them.
    public var sizes = [160]
    /// How many datagrams each flow has on its way, where no rate is set.
    public var window = 16
    /// How many datagrams, or trains, each flow sends in a second; nil for as many as arrive.
    public var rate: Double?
    /// By how many nanoseconds a datagram may be late, at random.
    public var jitter: UInt64 = 0
    /// How many sockets the peers of all sessions share; nil for one each.
    public var peerSockets: Int?
    /// Whether peers send too.
    public var isDuplex = false
    /// How many datagrams go together as one train; 0 for none.
    public var train = 0
    /// Whether the load never sleeps: what wakes a sleeping receiver on another processor would be charged to the server.
    public var spins = false
    /// How many sessions are opened at once.
    public var atOnce = 32
    /// Whether allocations are ended, and not left to expire.
    public var releases = true
    /// How many nanoseconds are measured.
    public var duration: UInt64 = 8_000_000_000
    /// How many nanoseconds go by before.
    public var warmUp: UInt64 = 500_000_000
    /// A word for the report.
    public var label = ""

    /// A hundred sessions, 160 bytes, one way, 16 on their way.
    public init() {}

    func check() throws(LoadFailure) {
        try LoadFailure.check(sessions, in: 1...20_000, "--sessions")
        try LoadFailure.check(atOnce, in: 1...4096, "--at-once")
        try LoadFailure.check(window, in: 1...64, "--window")
        guard !sizes.isEmpty else { throw LoadFailure(.usage, "--sizes: at least one") }
        for size in sizes { try LoadFailure.check(size, in: LoadPayload.shortest...1400, "--size") }
        if let rate { try LoadFailure.check(rate, in: 0.1...100_000, "--pps") }
        try LoadFailure.check(train, in: 0...64, "--trains")
        if let peerSockets {
            try LoadFailure.check(peerSockets, in: 1...sessions, "--peers")
            guard !isDuplex, train == 0 else {
                throw LoadFailure(.usage, "--peers: peers that share sockets only receive, and no trains")
            }
        }
        guard train == 0 || sizes.count == 1 else {
            throw LoadFailure(.usage, "--trains needs one --size: a train's datagrams are equally long")
        }
        guard train <= 1 || rate != nil || window >= train else {
            throw LoadFailure(.usage, "--window \(window) has no room for a train of \(train)")
        }
    }

    /// How the load is paced, as words.
    var pacing: String {
        guard let rate else { return "\(window) on their way in each flow" }
        return "\(decimal(rate, rate == rate.rounded() ? 0 : 1)) a second in each flow"
            + (jitter > 0 ? ", up to \(decimal(Double(jitter) / 1e6, 1)) ms late" : "")
    }
}
