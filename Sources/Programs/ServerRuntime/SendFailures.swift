import PacketEngine
import ServerCore

/// Datagrams that could not be sent.
struct SendFailures {
    /// The tag of what leaves by a relay socket; listeners use their role.
    static let relayTag = 100

    /// What the system refused.
    private(set) var refused = SendErrors()
    /// Those for which there is no socket any more.
    private(set) var withoutSocket: UInt64 = 0

    /// Why, each with a name for labels of metrics, and how many by listeners and by relay sockets: those by relay sockets
    /// for want of a route to a peer, say.
    var causes: [(name: String, listeners: UInt64, relays: UInt64)] {
        let refused = SendErrors.Cause.allCases.map { cause in
            (cause.name, self.refused.byListeners(cause), self.refused.byRelaySockets(cause))
        }
        return refused + [("no-socket", withoutSocket, 0)]
    }

    /// All by listeners.
    var byListeners: UInt64 { causes.reduce(0) { $0 &+ $1.listeners } }
    /// All by relay sockets.
    var byRelaySockets: UInt64 { causes.reduce(0) { $0 &+ $1.relays } }

    /// What a batch has counted belongs to it.
    func with(_ refused: SendErrors) -> SendFailures {
        var result = self
        result.refused.add(refused)
        return result
    }

    mutating func add(_ other: SendFailures) {
        refused.add(other.refused)
        withoutSocket &+= other.withoutSocket
    }

    /// An answer for which there is no socket.
    mutating func countMissingSocket() { withoutSocket &+= 1 }

    /// Tells of what a flush could not send by a listener.
    static func tell(_ failed: DatagramBatch.Failures, to events: inout WorkerEvents) {
        guard let last = failed.last, last.tag != relayTag else { return }
        let isSecondPort = SocketRole(rawValue: UInt8(truncatingIfNeeded: last.tag))?.isOnAlternatePort == true
        events.sendFailed(last.code, to: last.destination, bySecondPort: isSecondPort)
    }
}

extension SendErrors.Cause {
    /// The name for labels of metrics.
    fileprivate var name: String {
        switch self {
        case .noRoom: "no-room"
        case .unreachable: "unreachable"
        case .forbidden: "forbidden"
        case .tooLong: "too-long"
        case .other: "other"
        }
    }
}
