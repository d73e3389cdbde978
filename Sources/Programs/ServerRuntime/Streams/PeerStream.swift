import PacketEngine
import STUNCodec

/// A TCP connection between a relayed address and a peer (RFC 6062 section 3).
struct PeerStream {
    /// How far it is.
    enum Stage {
        /// The system connects.
        case connecting
        /// It is there; what the peer sends stays in the system until the client's connection is there too.
        case waiting
        /// The system moves the bytes from the client's connection and to it.
        case spliced(Splice, with: DataStream)
        /// They are copied: the client's connection is one of `Streams`.
        case copied(client: Int)
    }

    /// What it is joined with a client's connection for.
    let partner: StreamPartner
    let stream: StreamHandle
    var stage: Stage
    /// What it is watched for; a splice has its own.
    var interest: StreamInterest
    /// The client's connection that waits for a web server's; nil for a peer's, and once they are joined.
    var waiting: Int?
    /// From which port a connection to the console comes.
    var doorPort: UInt16?
    /// What the client has sent and the peer has not taken yet.
    var pending = StreamBuffer()
    /// Whether the peer sends no more, and who knows that the other side does not.
    var hasEnded = false
    var isPeerTold = false
    /// Whether the client of a copied connection sends no more.
    var hasClientEnded = false
    var isClientTold = false
    /// Whether it waits for bandwidth.
    var isPaused = false
    /// How much of what was moved has been counted.
    var counted: (toPeer: UInt64, toClient: UInt64) = (0, 0)
    /// When bytes were moved last, in nanoseconds.
    var lastMoved: UInt64 = 0
    /// Whether the row is in use.
    var isLive = true

    /// The number of the client's connection in `Streams`.
    var client: Int? { if case .copied(let client) = stage { client } else { nil } }

    /// What the event loop is to tell of the peer of a copied connection.
    ///
    /// - `isDelivered`: whether the client has taken all that the peer has sent.
    func wanted(isDelivered: Bool) -> StreamInterest {
        var wanted: StreamInterest = []
        if !hasEnded, !isPaused, isDelivered { wanted.insert(.input) }
        if !pending.isEmpty { wanted.insert(.output) }
        // One that was told the end may have hung up without being broken, and would show in every turn.
        if wanted.isEmpty, !isPeerTold { wanted = .hangUp }
        return wanted
    }
}

/// What happened to a worker's connections with peers, or to those of all.
struct PeerStreamCounters: Sendable {
    /// Why no connection with a peer came about.
    enum Failure: Int, CaseIterable, Sendable {
        /// The peer refused it.
        case refused
        /// There is no way to the peer.
        case unreachable
        /// No answer within 30 seconds.
        case timeout
        /// No file is left for it.
        case openFiles
        /// The system would not, for another reason.
        case system

        /// The name in statistics.
        var name: String {
            switch self {
            case .refused: "refused"
            case .unreachable: "unreachable"
            case .timeout: "timeout"
            case .openFiles: "open-files"
            case .system: "system"
            }
        }
    }

    /// Connections that clients asked for and that came about.
    var connected: UInt64 = 0
    /// Those that peers began and that clients were told of.
    var accepted: UInt64 = 0
    /// Those that peers began and that were closed at once.
    var turnedAway: UInt64 = 0
    /// Those of both kinds that a client has bound.
    var bound: UInt64 = 0
    /// Those that clients asked for and that did not come about.
    private(set) var failed = [UInt64](repeating: 0, count: Failure.allCases.count)

    /// Connections that did not come about for a reason.
    func failed(_ failure: Failure) -> UInt64 { failed[failure.rawValue] }

    mutating func count(_ failure: Failure) { failed[failure.rawValue] &+= 1 }

    mutating func add(_ other: PeerStreamCounters) {
        connected &+= other.connected
        accepted &+= other.accepted
        turnedAway &+= other.turnedAway
        bound &+= other.bound
        for index in failed.indices { failed[index] &+= other.failed[index] }
    }
}
