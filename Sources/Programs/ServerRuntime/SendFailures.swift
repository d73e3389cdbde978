import PacketEngine
import ServerCore

/// Datagrams that the system refused to send.
struct SendFailures {
    /// The tag of what leaves by a relay socket; listeners use their role.
    static let relayTag = 100

    /// Those by listeners.
    private(set) var listeners: UInt64 = 0
    /// Those by relay sockets: a peer without a route, say.
    private(set) var relays: UInt64 = 0

    mutating func count(_ failed: DatagramBatch.Failures, telling events: inout WorkerEvents) {
        relays &+= UInt64(failed.byRelaySockets)
        listeners &+= UInt64(failed.count - failed.byRelaySockets)
        guard let last = failed.last, last.tag != Self.relayTag else { return }
        let isSecondPort = SocketRole(rawValue: UInt8(truncatingIfNeeded: last.tag))?.isOnAlternatePort == true
        events.sendFailed(last.code, to: last.destination, bySecondPort: isSecondPort)
    }

    /// An answer for which there is no socket.
    mutating func countMissingSocket() { listeners &+= 1 }
}
