/// Weighs streams against datagrams: how much of streams is served in a turn before datagrams have theirs again.
///
/// Whoever opens thousands of connections, or sends thousands of requests by one, must not make calls wait. What is not served
/// shows again in the next turn. One unit is about 0.1 us of work.
struct StreamShare {
    /// What a turn has.
    private static let most = 1024
    /// What there is to do for one connection: a read, and mostly a write.
    private static let connection = 64
    /// A message that is answered or dropped.
    private static let message = 16
    /// Data that is relayed, whose client has shown who it is: cheap here, or large transfers would have small turns.
    private static let relayed = 1
    /// How many bytes a connection that has not relayed anything may say in a turn, unless a longer frame waits for its rest.
    private static let firstBytes = 2_048

    private var left = most
    /// At which of what is ready the next turn begins.
    private var first = 0
    /// Whether the last turn has left something.
    private(set) var isCut = false

    /// Whether other things are to be served first.
    var isSpent: Bool { left <= 0 }

    /// Begins a turn.
    mutating func begin() {
        left = Self.most
        isCut = false
    }

    /// The place from which on so many things are served: it moves on, or the same ones would always be left.
    mutating func start(of count: Int) -> Int {
        guard first >= count else { return first }
        first = 0
        return first
    }

    /// Ends the turn at a place, and leaves the rest to the next one.
    mutating func cut(at place: Int) {
        first = place
        isCut = true
    }

    /// Counts a connection that was served.
    mutating func countConnection() { left -= Self.connection }

    /// Counts connections that were accepted, or a step of a handshake: enough for a turn.
    mutating func countBeginning() { left -= Self.most }

    mutating func countMessage() { left -= Self.message }

    mutating func countRelayed() { left -= Self.relayed }

    /// How many bytes are read from a connection, of whose next frame so many wait.
    static func bytes(isRelaying: Bool, waiting: Int) -> Int { isRelaying ? .max : max(firstBytes, waiting) }
}
