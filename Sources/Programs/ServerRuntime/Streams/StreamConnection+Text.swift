import Addresses
import Observability
import SecureTransport

extension LogEntry {
    /// What the log says of a connection that has ended.
    init(ended end: StreamConnection.End, _ client: SocketAddress, failure: SessionFailure?, _ time: Int64) {
        self.init(
            .connectionEnded,
            "\(MessageCode.connectionEnded.definition.text): \(failure.map { "\($0)" } ?? end.words)",
            level: end.isOrdinary ? .detail : .info,
            address: client,
            at: time
        )
    }

    /// What the log says of a connection that was refused.
    init(refused refusal: ConnectionLimits.Refusal, _ client: SocketAddress, _ time: Int64) {
        self.init(
            .connectionRefused,
            "\(MessageCode.connectionRefused.definition.text): \(refusal.words)",
            address: client,
            at: time
        )
    }
}

extension StreamConnection.End {
    /// Whether nobody has to do anything about it.
    fileprivate var isOrdinary: Bool {
        switch self {
        case .byClient, .idle, .stopped, .handedOver, .relayed: true
        case .broken, .notSTUN, .tooMany, .noWeb, .noCertificate, .tooManySessions, .tlsFailed, .tooSlow, .unread,
            .noMemory:
            false
        }
    }

    fileprivate var words: String {
        switch self {
        case .byClient: "the client closed it"
        case .broken: "it broke"
        case .notSTUN: "the client sent neither STUN nor ChannelData"
        case .tooMany: "the client has too many, by what its proxy says"
        case .noWeb: "it is for the web server (web-server, web-tls-server) or the console, which does not answer"
        case .noCertificate: "the client began TLS, for which there is no certificate (tls-certificate)"
        case .tooManySessions:
            "the client begins TLS more often than challenge-rate-limit allows (rate-limit-exempt lists who may)"
        case .tlsFailed: "TLS failed"
        case .tooSlow: "the client began a message and did not end it in time, or said nothing at all"
        case .idle: "the client said nothing for long and has no allocation"
        case .unread: "the client does not read its answers"
        case .noMemory: "there is no memory left for what waits"
        case .stopped: "the server stops"
        case .handedOver: "another part of the server has it now"
        case .relayed: "the connection with the peer has ended"
        }
    }
}

extension ConnectionLimits.Refusal {
    fileprivate var words: String {
        switch self {
        case .total(let limit): "there are \(limit) already, which is all that max-connections allows"
        case .client(let limit): "this client has \(limit) already, which is all that connections-per-client allows"
        case .openFiles(let limit):
            "the limit of \(limit) open files leaves none for it; raise the limit (LimitNOFILE of systemd, or `ulimit -n`)"
        }
    }
}
