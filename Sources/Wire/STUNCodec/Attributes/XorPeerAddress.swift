public import Addresses

/// XOR-PEER-ADDRESS (RFC 8656 section 18.3): a peer as the server sees it.
public struct XorPeerAddress: XorAddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .xorPeerAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
