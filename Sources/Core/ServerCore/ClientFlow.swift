public import Addresses

/// Where a message came from and where it was received: the 5-tuple of a client (RFC 8656 section 2).
public struct ClientFlow: Sendable, Equatable {
    /// The sender's transport address.
    public let source: SocketAddress
    /// The address that the sender sent to: the packet's own, also on a socket bound to all addresses.
    public let destination: SocketAddress
    /// The role of the socket it was received on.
    public let role: SocketRole
    /// What carried it.
    public let transport: ClientTransport
    /// By what the runtime sends back, a number of its own: of a listener for UDP, else of a connection or session, which no
    /// other one has at the same time.
    public let socket: UInt32

    /// Joins them.
    @inlinable
    public init(
        source: SocketAddress,
        destination: SocketAddress,
        role: SocketRole,
        transport: ClientTransport = .udp,
        socket: UInt32 = 0
    ) {
        self.source = source
        self.destination = destination
        self.role = role
        self.transport = transport
        self.socket = socket
    }

    /// Whether both are the same communication: between the same two transport addresses, over the same transport.
    ///
    /// A connection is itself and no later one between the same addresses, which may have come before the end of the first
    /// one was seen (RFC 8656 section 3.2 lets a server tell connections by whatever it has).
    @inlinable
    func isSame5Tuple(as other: ClientFlow) -> Bool {
        source == other.source && destination == other.destination && transport == other.transport
            && (!transport.isConnected || socket == other.socket)
    }
}
