import Glibc

/// Datagrams that the system refused to send, by why.
public struct SendErrors: Sendable {
    /// Why the system refuses a datagram.
    public enum Cause: Int, CaseIterable, Sendable {
        /// A queue on the way out, or the system's memory, is full.
        case noRoom
        /// No route leads there, or whoever is there has said that nobody is.
        case unreachable
        /// A firewall of this host drops it, or the address may not be sent to.
        case forbidden
        /// It is longer than the way out takes.
        case tooLong
        /// Anything else.
        case other

        /// The cause of an error number of send(2).
        public init(_ code: Int32) {
            switch code {
            case EAGAIN, ENOBUFS, ENOMEM: self = .noRoom
            case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, ECONNREFUSED, EADDRNOTAVAIL: self = .unreachable
            case EPERM, EACCES: self = .forbidden
            case EMSGSIZE: self = .tooLong
            default: self = .other
            }
        }
    }

    private var ofListeners = InlineArray<5, UInt64>(repeating: 0)
    private var ofRelaySockets = InlineArray<5, UInt64>(repeating: 0)

    /// None.
    public init() {}

    /// How many sockets other than those of `RelaySocket.open` could not send for a cause.
    public func byListeners(_ cause: Cause) -> UInt64 { ofListeners[cause.rawValue] }

    /// How many relay sockets could not send for a cause.
    public func byRelaySockets(_ cause: Cause) -> UInt64 { ofRelaySockets[cause.rawValue] }

    mutating func count(_ code: Int32, byRelaySocket: Bool) {
        let cause = Cause(code).rawValue
        if byRelaySocket { ofRelaySockets[cause] &+= 1 } else { ofListeners[cause] &+= 1 }
    }

    /// Adds what others have counted.
    public mutating func add(_ other: SendErrors) {
        for cause in Cause.allCases.map(\.rawValue) {
            ofListeners[cause] &+= other.ofListeners[cause]
            ofRelaySockets[cause] &+= other.ofRelaySockets[cause]
        }
    }
}
