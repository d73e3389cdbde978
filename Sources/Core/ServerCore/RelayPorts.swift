public import Addresses

/// A relay socket of this worker: a small number that the runtime hands out and may use again after `close`.
public struct RelayID: Hashable, Sendable {
    /// The number, from 0 on.
    public let index: Int32

    /// Takes the number.
    @inlinable
    public init(index: Int32) { self.index = index }
}

/// What a client asks of the port of a relayed transport address (RFC 8656 sections 18.7 and 18.10).
public enum RelayPortRequest: Equatable, Sendable {
    /// Any port of a family.
    case any(IPAddress.Family)
    /// An even port of a family: EVEN-PORT without its bit.
    case even(IPAddress.Family)
    /// An even port whose successor is kept for a later request: EVEN-PORT with its bit.
    case evenReservingNext(IPAddress.Family)
    /// Any TCP port of a family, at which peers can connect from then on (RFC 6062 section 5.1).
    case tcp(IPAddress.Family)
    /// The port that was kept for a RESERVATION-TOKEN.
    case reserved(token: UInt64)
}

/// A relay socket that has just been opened.
public struct OpenedRelay: Equatable, Sendable {
    /// The socket.
    public let id: RelayID
    /// The relayed transport address as peers see it.
    public let address: SocketAddress
    /// The token by which the next port can be had.
    public let token: UInt64?

    /// Joins the three.
    public init(id: RelayID, address: SocketAddress, token: UInt64? = nil) {
        self.id = id
        self.address = address
        self.token = token
    }
}

/// Why no relay socket could be opened.
public enum RelayPortError: Error, Equatable, Sendable {
    /// All ports of the range are taken, or no pair is left for EVEN-PORT.
    case noneFree
    /// Nothing is kept for this token: it is unknown, used, or older than 30 seconds.
    case unknownToken
    /// This server relays no packets of this family.
    case familyMissing(IPAddress.Family)
    /// The process may have no more files open than so many, and a socket is one.
    case openFiles(Int)
    /// The system refused, with its error number.
    case system(Int32)
}

/// Opens and closes relay sockets: the only thing that the core asks of the outside.
///
/// Synchronous, so that an Allocate request is never answered with success before its socket exists.
public protocol RelayPorts {
    /// Opens a relay socket at an unpredictable port (RFC 6056).
    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay
    /// Closes a relay socket; its port rests before it is used again.
    mutating func close(_ relay: RelayID, now: Instant)
    /// Whether some worker has a relay socket for datagrams at this port of our own relay address.
    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool
    /// Whether some worker has a relay socket for TCP at this port of our own relay address.
    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool
}
