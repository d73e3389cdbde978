import Addresses
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore

/// A client's TCP connection.
struct StreamConnection {
    /// What is known of it.
    enum Stage {
        /// Nothing has come yet, so that nobody knows what it speaks.
        case undecided
        /// More bytes must come before anybody can tell; those that have come wait.
        case gathering(Wanted)
        /// It wants to begin TLS, which the core must allow.
        case greeting
        /// STUN and ChannelData.
        case open
        /// The same within TLS.
        case secure(SecureStream)
    }

    /// What must come whole before anybody can tell what a connection is for.
    enum Wanted {
        /// What a proxy says of it.
        case proxyHeader
        /// The client's first message of TLS.
        case hello
    }

    /// Why a connection ended.
    enum End: Int, CaseIterable, Sendable {
        /// The client has closed it.
        case byClient
        /// It broke: a reset, or nothing has come back for minutes.
        case broken
        /// What came is neither a STUN message nor ChannelData, nor anything else that is spoken here.
        case notSTUN
        /// A proxy's header says that it is of a client that has too many.
        case tooMany
        /// It began TLS, for which there is no certificate.
        case noCertificate
        /// It is for a web server that does not answer, or for which no file is left.
        case noWeb
        /// The client has begun more sessions of TLS than it may in a while.
        case tooManySessions
        /// TLS failed, or the client broke it off.
        case tlsFailed
        /// Its first bytes, the rest of TLS's handshake, or the rest of a frame did not come in time.
        case tooSlow
        /// Nothing has come for long, and it has no allocation.
        case idle
        /// The client does not read its answers.
        case unread
        /// There is no memory for what waits.
        case noMemory
        /// The server stops.
        case stopped
        /// Another part of the server has it now, or another worker.
        case handedOver
        /// The connection with a peer that it was bound to has ended (RFC 6062).
        case relayed

        /// The name in statistics.
        var name: String {
            switch self {
            case .byClient: "by-client"
            case .broken: "broken"
            case .notSTUN: "not-stun"
            case .tooMany: "too-many"
            case .noWeb: "no-web"
            case .noCertificate: "no-certificate"
            case .tooManySessions: "challenge-rate-limit"
            case .tlsFailed: "tls-failed"
            case .tooSlow: "too-slow"
            case .idle: "idle"
            case .unread: "unread"
            case .noMemory: "no-memory"
            case .stopped: "stopped"
            case .handedOver: "handed-over"
            case .relayed: "relayed"
            }
        }
    }

    var stream: StreamHandle
    /// The 5-tuple, whose `socket` is the connection's number.
    var flow: ClientFlow
    /// As whose it is counted (`ConnectionLimits`); nil for nobody's.
    var counted: IPAddress?
    var stage = Stage.undecided
    var interest = StreamInterest.input
    /// The part of a frame that has come.
    var input = StreamBuffer()
    /// What waits to be written.
    var output = StreamBuffer()
    /// When the last whole frame came, and before that when the connection began, in nanoseconds.
    var lastFrame: UInt64
    /// Since when the client owes something: its first bytes, or the rest of a frame; 0 for nothing.
    var owesSince: UInt64
    /// The connection whose bytes it carries, unframed, as that with a peer (RFC 6062 section 4.5); nil for one that carries
    /// messages.
    var partner: StreamPartner?
    /// How often what must come whole was looked at.
    var looks: UInt8 = 0
    /// Whether a proxy has said whose it is.
    var hasProxyHeader = false
    /// How often a worker has handed it over to another one.
    var handOvers: UInt8 = 0
    /// Where it is to go on to, which the worker sees to.
    var web: WebTarget?
    /// What of reading is wanted: `hangUp` while the peer takes no more, and once the client has ended.
    var reading = StreamInterest.input
    /// Whether the client of such a connection has said that it sends no more.
    var hasEnded = false
    /// Whether it is in the list of those that are written to at the end of the turn.
    var isDirty = false
    /// Whether its client has sent data that was relayed.
    var isRelaying = false
    /// Whether the row is in use.
    var isLive = true

    /// Takes what has become known of the client for its 5-tuple.
    mutating func identify(source: SocketAddress? = nil, transport: ClientTransport? = nil) {
        flow = ClientFlow(
            source: source ?? flow.source,
            destination: flow.destination,
            role: flow.role,
            transport: transport ?? flow.transport,
            socket: flow.socket
        )
    }

    /// Whether nobody knows yet what it is for.
    var isUndecided: Bool {
        switch stage {
        case .undecided, .gathering, .greeting: true
        case .open, .secure: false
        }
    }

    /// Its TLS session; nil without TLS.
    var secure: SecureStream? { if case .secure(let secure) = stage { secure } else { nil } }

    /// Whether the client of a connection that carries data has said that it sends no more.
    var saysNoMore: Bool { hasEnded || secure?.end == .byClient }

    /// Whether the client has taken all that was for it.
    var isDelivered: Bool { output.isEmpty && secure?.sealed.isEmpty != false }
}

/// What happened to the connections of a worker, or of all.
struct StreamCounters: Sendable {
    /// Connections that were accepted.
    var accepted: UInt64 = 0
    /// TLS sessions that were begun, and those whose handshake came to its end.
    var sessions: UInt64 = 0
    var handshakes: UInt64 = 0
    /// Connections that were refused, by `ConnectionLimits.Refusal`.
    var refusedTotal: UInt64 = 0
    var refusedClient: UInt64 = 0
    var refusedFiles: UInt64 = 0
    /// Connections that have ended, by `StreamConnection.End`.
    private(set) var ended = [UInt64](repeating: 0, count: StreamConnection.End.allCases.count)
    /// Peers' datagrams that were dropped because the client does not read.
    var droppedUnread: UInt64 = 0

    /// Connections that have ended for a reason.
    func ended(_ end: StreamConnection.End) -> UInt64 { ended[end.rawValue] }

    mutating func count(_ end: StreamConnection.End) { ended[end.rawValue] &+= 1 }

    mutating func count(_ refusal: ConnectionLimits.Refusal) {
        switch refusal {
        case .total: refusedTotal &+= 1
        case .client: refusedClient &+= 1
        case .openFiles: refusedFiles &+= 1
        }
    }

    mutating func add(_ other: StreamCounters) {
        accepted &+= other.accepted
        sessions &+= other.sessions
        handshakes &+= other.handshakes
        refusedTotal &+= other.refusedTotal
        refusedClient &+= other.refusedClient
        refusedFiles &+= other.refusedFiles
        droppedUnread &+= other.droppedUnread
        for index in ended.indices { ended[index] &+= other.ended[index] }
    }
}
