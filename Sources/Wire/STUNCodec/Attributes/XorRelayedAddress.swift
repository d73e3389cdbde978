public import Addresses

/// XOR-RELAYED-ADDRESS (RFC 8656 section 18.5): what the server allocated to the client.
public struct XorRelayedAddress: XorAddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .xorRelayedAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
