import Addresses

/// The state of another server at one address.
public enum PeerState: Sendable, Equatable {
    /// It was not yet asked long enough.
    case unknown
    /// It answers, and its clock agrees with ours.
    case healthy
    /// It answers, but is about to stop and takes no new allocations.
    case draining
    /// It has not answered since that microsecond.
    case lost(since: UInt64)
    /// It answers, but its clock is so many milliseconds ahead of ours (below zero: behind): nothing can be handed to it.
    case clockDiffers(by: Int64)
    /// It is this very process.
    case itself

    /// Whether requests may be handed to it.
    public var isUsable: Bool { self == .healthy || self == .draining }

    /// Whether it answers.
    public var isAnswering: Bool {
        switch self {
        case .unknown, .lost: false
        case .healthy, .draining, .clockDiffers, .itself: true
        }
    }

    /// Whether a person need not be told of a change from one to the other: the difference of two clocks moves all the
    /// time.
    func isLike(_ other: PeerState) -> Bool {
        switch (self, other) {
        case (.clockDiffers, .clockDiffers), (.lost, .lost): true
        default: self == other
        }
    }
}

/// How a server answers.
public struct PeerFigures: Sendable, Equatable {
    /// Pings that were sent to it.
    public var sent: UInt64 = 0
    /// Pongs that came from it.
    public var received: UInt64 = 0
    /// The round trip in microseconds, smoothed as TCP's is (RFC 6298 section 2); nil before the first pong.
    public var roundTrip: UInt64?
    /// How many of the last 60 pings were not answered, in thousandths; nil while there were too few to say so.
    ///
    /// Those before the first pong do not count, since perhaps nobody was there yet, unless no pong comes at all.
    public var loss: UInt16?
    /// Milliseconds that its clock is ahead of ours; nil where that is not known.
    public var clockDifference: Int64?
}

/// What is known of another server at one of its addresses.
public struct PeerLink: Sendable, Equatable {
    /// The time in which a sealed peer has to answer before it is lost, in microseconds.
    public static let patience: UInt64 = 3_000_000
    /// The difference of clocks from which on nothing can be handed over, in milliseconds: what is sealed is good for as
    /// long.
    public static let clockLimit: Int64 = 5_000
    /// How many pings the loss is counted over, and how many it takes at least.
    static let lossWindow = 60
    static let fewestForLoss = 3
    /// The first pings to a server that has not answered yet: servers that start together find each other at once.
    static let quickPings: UInt64 = 20
    static let quickPeriod: UInt64 = 100_000
    /// More pings than can be under way: 20 quick ones, and three.
    private static let mostPending = 32

    /// Whose address it is.
    public internal(set) var entry: Membership.Entry
    /// The state that `advance` found.
    public private(set) var state = PeerState.unknown
    /// How it answers.
    public private(set) var figures = PeerFigures()
    /// What the server said of itself last.
    public private(set) var said = ServerState()

    /// A ping that may still be answered.
    private struct Pending: Equatable {
        var sequence: UInt64
        /// Which of all pings it was.
        var ordinal: UInt64
        var sentAt: UInt64
        var unixMilliseconds: Int64
    }

    /// The last pings without an answer, the newest last.
    private var pending: [Pending] = []
    /// A bit for each of the last pings, the newest lowest; set when it was answered.
    private var answered: UInt64 = 0
    private var nextPing: UInt64
    /// The first ping that counts for the loss: the first one that was answered.
    private var firstCounted: UInt64 = 1
    /// Whether the server found our clock too far from its own when it answered last.
    private var foundStale = false
    /// When it was heard last, or when asking began.
    private var heardAt: UInt64
    /// The instance that `advance` saw last; 0 before the first.
    private var toldInstance: UInt64 = 0

    init(_ entry: Membership.Entry, at now: UInt64) {
        self.entry = entry
        nextPing = now
        heardAt = now
    }

    /// From one ping to the next: foreign servers are not ours to load.
    var period: UInt64 {
        guard entry.kind == .sealed else { return 2_000_000 }
        return figures.received == 0 && figures.sent < Self.quickPings ? Self.quickPeriod : 1_000_000
    }

    /// The time after which silence is a fault: three pings.
    var patience: UInt64 { entry.kind == .sealed ? Self.patience : 6_000_000 }

    func isDue(at now: UInt64) -> Bool { now >= nextPing }

    func nextDeadline(at now: UInt64) -> UInt64 {
        let silence = heardAt &+ patience
        return silence > now ? min(nextPing, silence) : nextPing
    }

    mutating func send(_ sequence: UInt64, at now: UInt64, unixMilliseconds: Int64) {
        figures.sent &+= 1
        // In step, unless the owner was held up for longer: then no flood makes up for it.
        nextPing = nextPing &+ period > now ? nextPing &+ period : now &+ period
        answered <<= 1
        pending.append(
            Pending(sequence: sequence, ordinal: figures.sent, sentAt: now, unixMilliseconds: unixMilliseconds)
        )
        let patience = patience
        pending.removeAll { now &- $0.sentAt > patience }
        if pending.count > Self.mostPending { pending.removeFirst() }
        count(at: now)
    }

    /// Takes a pong; false when it answers no ping of the last seconds, or one that is answered already.
    mutating func take(_ pong: Membership.Pong, at now: UInt64) -> Bool {
        guard let index = pending.firstIndex(where: { $0.sequence == pong.sequence }) else { return false }
        let ping = pending.remove(at: index)
        guard now >= ping.sentAt, now &- ping.sentAt <= patience else { return false }
        let roundTrip = now &- ping.sentAt
        heardAt = now
        said = pong.state
        foundStale = pong.foundStale
        if figures.received == 0 { firstCounted = ping.ordinal }
        figures.received &+= 1
        // Those sent later have lower bits.
        answered |= 1 << (figures.sent &- ping.ordinal)
        figures.roundTrip = figures.roundTrip.map { ($0 &* 7 &+ roundTrip) / 8 } ?? roundTrip
        figures.clockDifference = pong.unixMilliseconds.map { time in
            // The server wrote its time about in the middle.
            let ours = ping.unixMilliseconds &+ Int64(clamping: roundTrip / 2_000)
            return time &- ours
        }
        count(at: now)
        return true
    }

    /// Works out the state; returns nil when nothing has changed that a person should know, else whether the process
    /// there is another one than before.
    mutating func advance(to now: UInt64, instance: UInt64) -> Bool? {
        let before = state
        state = state(at: now, instance: instance)
        count(at: now)
        let isRestart = state.isAnswering && toldInstance != 0 && said.instance != toldInstance
        if state.isAnswering { toldInstance = said.instance }
        return isRestart || !state.isLike(before) ? isRestart : nil
    }

    private func state(at now: UInt64, instance: UInt64) -> PeerState {
        if now >= heardAt, now &- heardAt >= patience {
            if case .lost = state { return state }
            return .lost(since: heardAt)
        }
        guard figures.received > 0 else { return .unknown }
        if entry.kind == .sealed, said.instance == instance { return .itself }
        if let difference = figures.clockDifference, foundStale || difference.magnitude > UInt64(Self.clockLimit) {
            return .clockDiffers(by: difference)
        }
        return said.isDraining ? .draining : .healthy
    }

    /// Counts the loss; the newest ping may still be under way, and counts when the next one is sent.
    private mutating func count(at now: UInt64) {
        let due = figures.sent > firstCounted ? figures.sent &- firstCounted : 0
        let counted = Int(clamping: min(due, UInt64(Self.lossWindow)))
        guard counted >= Self.fewestForLoss, figures.received > 0 || now &- heardAt >= patience else {
            figures.loss = nil
            return
        }
        let mask = ((1 as UInt64) << UInt64(counted)) &- 1
        let lost = counted - ((answered >> 1) & mask).nonzeroBitCount
        figures.loss = UInt16(clamping: lost * 1000 / counted)
    }
}
