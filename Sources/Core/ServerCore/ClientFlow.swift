public import Addresses

/// Where a datagram came from and where it was received: the 5-tuple of a client over UDP.
public struct ClientFlow: Sendable, Equatable {
    /// The sender's transport address.
    public let source: SocketAddress
    /// The address that the sender sent to: the packet's own, also on a socket bound to all addresses.
    public let destination: SocketAddress
    /// The role of the socket it was received on.
    public let role: SocketRole
    /// Which of the worker's sockets that is: the runtime's number, by which it sends back.
    public let socket: UInt16

    /// Joins them.
    @inlinable
    public init(source: SocketAddress, destination: SocketAddress, role: SocketRole, socket: UInt16 = 0) {
        self.source = source
        self.destination = destination
        self.role = role
        self.socket = socket
    }

    /// Whether both are between the same two transport addresses.
    @inlinable
    func isSame5Tuple(as other: ClientFlow) -> Bool { source == other.source && destination == other.destination }
}
