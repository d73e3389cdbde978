import PacketEngine

/// Weighs listeners against relay sockets: at saturation neither direction starves the other.
struct ListenerShare {
    /// How many datagrams of a listener are read in a turn at least.
    private static let burst = 256
    /// With so many of relay sockets a listener is read in between.
    private static let due = 1024
    /// What a listener has in any case after others have had theirs.
    private static let least = 128

    /// Datagrams read from relay sockets since a listener was read, and from listeners since then.
    private var relayed = 0
    private var listened = 0

    /// How many datagrams of the next listener may be read: as many as relay sockets had, for all listeners together.
    var allowance: Int { relayed == 0 ? Self.burst : max(Self.least, max(Self.burst, relayed) - listened) }

    /// Whether listeners should be read before more relay sockets are.
    var isDue: Bool { listened == 0 && relayed >= Self.due }

    /// Begins a turn, or what relay sockets have after listeners had theirs.
    mutating func begin() {
        guard listened > 0 else { return }
        relayed = 0
        listened = 0
    }

    /// Counts what a relay socket had.
    mutating func countRelayed(_ datagrams: Int) {
        begin()
        relayed &+= datagrams
    }

    /// Counts what a listener had; one that had nothing was read all the same.
    mutating func countListened(_ datagrams: Int) { listened &+= max(1, datagrams) }
}

/// How many datagrams of a socket are read in a turn.
///
/// Slots are what is asked for, and a slot may be a train of many datagrams: after one that was, fewer are asked for.
struct ReadBudget {
    /// How many slots are asked for at most.
    private let most: Int
    private var left = 0
    /// How many datagrams a slot had when it was read last, rounded up.
    private(set) var each: Int

    /// Reads up to so many slots at once; `each` is what the socket's slots had when it was read last.
    init(most: Int = DatagramBatch.capacity, each: Int = 1) {
        self.most = most
        self.each = max(1, each)
    }

    /// Begins a turn in which so many datagrams are read, or some more where the last ones are trains.
    mutating func begin(_ datagrams: Int) { left = datagrams }

    /// How many slots to read next; 0 when enough was read.
    var slots: Int {
        guard left > 0 else { return 0 }
        return each > 1 ? min(most, max(1, left / each)) : most
    }

    /// Counts what has been read.
    mutating func spend(_ datagrams: Int, in slots: Int) {
        left -= datagrams
        each = slots > 0 ? (datagrams + slots - 1) / slots : 1
    }
}
