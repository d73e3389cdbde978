import Addresses
import Observability

extension LogEntry {
    /// What the log says of a session that has ended.
    init(ended end: DTLSClient.End, _ client: SocketAddress, _ time: Int64) {
        self.init(
            .connectionEnded,
            "\(MessageCode.connectionEnded.definition.text): DTLS: \(end.words)",
            level: end.isOrdinary ? .detail : .info,
            address: client,
            at: time
        )
    }
}

extension DTLSClient.End {
    /// Whether nobody has to do anything about it.
    fileprivate var isOrdinary: Bool {
        switch self {
        case .byClient, .idle, .replaced, .stopped: true
        case .failed, .tooSlow: false
        }
    }

    fileprivate var words: String {
        switch self {
        case .byClient: "the client closed it"
        case .failed(let reason): "\(reason)"
        case .tooSlow: "the handshake was not over in time"
        case .idle: "the client said nothing for long and has no allocation"
        case .replaced: "the client has begun another session from the same port"
        case .stopped: "the server stops"
        }
    }
}
