/// Weighs streams against datagrams, and those that begin against those that go on: how much of them is served in a turn.
///
/// Whoever opens thousands of connections, or sends thousands of requests by one, must not make calls wait. What is not served
/// shows again in the next turn. One unit is about 0.1 us of work.
struct StreamShare {
    /// What a turn has for those that go on.
    private static let most = 1024
    /// What there is to do for one connection: a read, and mostly a write.
    private static let connection = 64
    /// A message that is answered or dropped.
    private static let message = 16
    /// Data that is relayed, whose client has shown who it is: cheap here, or large transfers would have small turns.
    private static let relayed = 1
    /// How many bytes a connection may say in a turn that relays nothing, unless a longer frame waits for its rest, and one that does.
    private static let firstBytes = 2_048
    private static let relayedBytes = 16_384

    private var left = most
    /// What may begin in this turn: what waits at one listener.
    ///
    /// A worker's handshakes are bounded by `TLSWork`.
    private var beginnings = 1
    /// At which of what is ready the next turn starts, with those that begin and with those that go on: the first that was left.
    private var starts = (beginning: 0, going: 0)
    private var isCut = (beginning: false, going: false)

    /// Whether the last turn has left something.
    var hasLeft: Bool { isCut.beginning || isCut.going }
    /// Whether more of those that go on is to be served in this turn.
    var hasRoom: Bool { left > 0 }
    /// Whether something more may be accepted in this turn.
    var mayAccept: Bool { beginnings > 0 }

    /// Begins a turn.
    mutating func begin() {
        left = Self.most
        beginnings = 1
        isCut = (false, false)
    }

    /// Where those that begin, or those that go on, are served from, of so many things that are ready.
    func start(beginning: Bool, of count: Int) -> Int {
        let start = beginning ? starts.beginning : starts.going
        return start < count ? start : 0
    }

    /// Leaves what is ready at a place to the next turn.
    mutating func leave(beginning: Bool, at place: Int) {
        if beginning {
            if !isCut.beginning { starts.beginning = place }
            isCut.beginning = true
        } else {
            if !isCut.going { starts.going = place }
            isCut.going = true
        }
    }

    /// Notes that something begins in the next turn that shows by itself.
    mutating func postpone() { isCut.beginning = true }

    mutating func countAccepting() { beginnings -= 1 }

    /// Counts a connection that was served.
    mutating func countConnection() { left -= Self.connection }

    mutating func countMessage() { left -= Self.message }

    mutating func countRelayed() { left -= Self.relayed }

    /// How many bytes are read from a connection whose next frame lacks so many.
    static func bytes(isRelaying: Bool, lacking: Int) -> Int {
        max(isRelaying ? relayedBytes : firstBytes, lacking)
    }
}
