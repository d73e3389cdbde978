/// Weighs streams against datagrams, and new connections, those that begin and those that go on against each other: how much of
/// them is served in a turn.
///
/// Whoever opens thousands of connections, or sends thousands of requests by one, must not make calls wait. What is not served
/// shows again in the next turn. One unit is about 0.1 us of work.
struct StreamShare {
    /// What a stream that has something wants done: each has a share of its own, so that none makes another one wait.
    enum Kind: Int, CaseIterable {
        /// A listener, at which connections wait to be accepted.
        case accepting
        /// A connection before its first request: what must come whole, and TLS's handshake.
        case beginning
        /// All others.
        case going
    }

    /// The share of one kind.
    private struct Part {
        /// What a turn has for it, and what of that is left.
        let most: Int
        var left: Int
        /// The first that was left when something was last, and where in the list it stood.
        var first: UInt64?
        var place = 0
        var isCut = false

        init(most: Int) {
            self.most = most
            left = most
        }

        mutating func begin() {
            left = most
            isCut = false
        }

        mutating func leave(_ token: UInt64, at place: Int) {
            guard !isCut else { return }
            isCut = true
            first = token
            self.place = place
        }

        /// Where the first that was left stands now; where it stood, if it is gone.
        func start(of count: Int, _ token: (Int) -> UInt64) -> Int {
            let guess = place < count ? place : 0
            guard let first else { return guess }
            for number in 0..<count {
                let index = (guess + number) % count
                if token(index) == first { return index }
            }
            return guess
        }
    }

    /// What there is to do for one connection, a read and mostly a write; less for one that relays, whose client has shown who it is:
    /// cheap here, or large transfers would have small turns.
    private static let connection = 64
    private static let relayingConnection = 16
    /// A message that is answered or dropped.
    private static let message = 16
    /// Data that is relayed.
    private static let relayed = 1
    /// How many bytes between two streams are a unit.
    private static let movedBytes = 512
    /// How many bytes a connection may say in a turn that relays nothing, unless a longer frame waits for its rest, and one that does.
    private static let firstBytes = 2_048
    private static let relayedBytes = 16_384

    /// By kind: what waits at one listener; four connections, of whose handshakes `TLSWork` bounds how many go on; and the rest.
    private var parts: [3 of Part] = [Part(most: 1), Part(most: 4 * connection), Part(most: 1024)]
    private var hasPostponed = false

    /// Whether the last turn has left something.
    var hasLeft: Bool {
        for index in parts.indices where parts[index].isCut { return true }
        return hasPostponed
    }

    /// Whether more of a kind is to be served in this turn.
    func hasRoom(for kind: Kind) -> Bool { parts[kind.rawValue].left > 0 }

    /// Begins a turn.
    mutating func begin() {
        for index in parts.indices { parts[index].begin() }
        hasPostponed = false
    }

    /// Where those of a kind are served from, of so many things that are ready and have these tokens: the first that was left, or
    /// some would be left each time while others are served in each.
    func start(_ kind: Kind, of count: Int, token: (Int) -> UInt64) -> Int {
        parts[kind.rawValue].start(of: count, token)
    }

    /// Leaves what is ready to the next turn.
    mutating func leave(_ kind: Kind, _ token: UInt64, at place: Int) { parts[kind.rawValue].leave(token, at: place) }

    /// Notes that something begins in the next turn that shows by itself.
    mutating func postpone() { hasPostponed = true }

    mutating func countAccepting() { count(1, .accepting) }

    /// Counts a connection that was served before its first request.
    mutating func countBeginning() { count(Self.connection, .beginning) }

    /// Counts another one that was served.
    mutating func countConnection(isRelaying: Bool = false) {
        count(isRelaying ? Self.relayingConnection : Self.connection, .going)
    }

    mutating func countMessage() { count(Self.message, .going) }

    mutating func countRelayed() { count(Self.relayed, .going) }

    /// Counts bytes that went from one stream to another.
    mutating func countMoved(_ bytes: Int) { count(bytes / Self.movedBytes, .going) }

    private mutating func count(_ units: Int, _ kind: Kind) { parts[kind.rawValue].left -= units }

    /// How many bytes are read from a connection whose next frame lacks so many.
    static func bytes(isRelaying: Bool, lacking: Int) -> Int {
        max(isRelaying ? relayedBytes : firstBytes, lacking)
    }
}
