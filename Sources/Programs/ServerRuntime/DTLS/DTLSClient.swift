import SecureTransport
import ServerCore

/// A client with a session of DTLS, or one whose handshake is not over.
struct DTLSClient {
    /// Why a session ended.
    enum End: Equatable, Sendable {
        /// The client has ended it.
        case byClient
        /// The handshake did not succeed, or one side did what DTLS forbids.
        case failed(SessionFailure)
        /// The handshake was not over in time.
        case tooSlow
        /// Nothing has come for long, and it has no allocation.
        case idle
        /// The client has begun another one (RFC 6347 section 4.2.8).
        case replaced
        /// The server stops.
        case stopped

        /// The names in statistics, in the order of `index`.
        static let names = ["by-client", "failed", "too-slow", "idle", "replaced", "stopped"]

        var index: Int {
            switch self {
            case .byClient: 0
            case .failed: 1
            case .tooSlow: 2
            case .idle: 3
            case .replaced: 4
            case .stopped: 5
            }
        }
    }

    /// A value that cannot be copied lies in no array; this can.
    final class Box {
        var session: DatagramSession

        init(_ session: consuming DatagramSession) { self.session = session }
    }

    /// The 5-tuple, whose `socket` is the row's number.
    var flow: ClientFlow
    /// Nil for a row that is not in use.
    var box: Box?
    /// The listener that its datagrams leave by.
    var listener: Int
    /// When it began, in nanoseconds.
    let began: UInt64
    /// When something came last that only the client can have sent.
    var lastHeard: UInt64
    /// When the handshake needs something at the latest.
    var deadline: UInt64
    /// Its place among those whose handshakes are not over; -1 when it is.
    var place: Int32 = -1
    /// The row of the session that the client has begun for the same 5-tuple, which takes its place once its handshake is over; -1
    /// for none.
    var successor: Int32 = -1
    /// The row of the session whose place it will take; -1 for none.
    var predecessor: Int32 = -1

    var isHandshaking: Bool { place >= 0 }
}

/// What happened to the DTLS clients of a worker, or of all.
struct DTLSCounters: Sendable {
    /// Hellos that were answered with a cookie, whose senders the server forgets.
    var asked: UInt64 = 0
    /// Hellos that nobody could answer: in fragments, or with lengths that lie.
    var unfit: UInt64 = 0
    /// Sessions that began, by a hello with a good cookie.
    var begun: UInt64 = 0
    /// Handshakes that succeeded.
    var opened: UInt64 = 0
    /// Proven hellos that were left alone since the worker had begun enough handshakes in its turn.
    var postponed: UInt64 = 0
    /// Proven hellos that were left alone: by `max-connections`, by `connections-per-client`, and by the rate of one client.
    var refusedTotal: UInt64 = 0
    var refusedClient: UInt64 = 0
    var refusedRate: UInt64 = 0
    /// Sessions that have ended, by the index of `DTLSClient.End`.
    private(set) var ended = [UInt64](repeating: 0, count: DTLSClient.End.names.count)
    /// Answers and peers' datagrams that no record could be made of: longer than one holds, or their session had ended.
    var unsent: UInt64 = 0

    mutating func count(_ end: DTLSClient.End) { ended[end.index] &+= 1 }

    mutating func count(_ refusal: ConnectionLimits.Refusal) {
        switch refusal {
        case .total: refusedTotal &+= 1
        case .client: refusedClient &+= 1
        // Sessions take no file.
        case .openFiles: break
        }
    }

    mutating func add(_ other: DTLSCounters) {
        asked &+= other.asked
        unfit &+= other.unfit
        begun &+= other.begun
        opened &+= other.opened
        postponed &+= other.postponed
        refusedTotal &+= other.refusedTotal
        refusedClient &+= other.refusedClient
        refusedRate &+= other.refusedRate
        unsent &+= other.unsent
        for index in ended.indices { ended[index] &+= other.ended[index] }
    }
}
