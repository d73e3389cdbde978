public import Addresses

/// Where a datagram came from and where it was received.
public struct ClientFlow: Sendable {
    /// The sender's transport address.
    public let source: SocketAddress
    /// The address that the sender sent to: the packet's own, also on a socket bound to all addresses.
    public let destination: SocketAddress
    /// The socket it was received on.
    public let role: SocketRole

    /// Joins the three.
    @inlinable
    public init(source: SocketAddress, destination: SocketAddress, role: SocketRole) {
        self.source = source
        self.destination = destination
        self.role = role
    }
}
