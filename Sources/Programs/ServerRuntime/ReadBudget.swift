import PacketEngine

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
