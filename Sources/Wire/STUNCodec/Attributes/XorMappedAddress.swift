public import Addresses

/// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): where the request came from, as the server saw it.
public struct XorMappedAddress: XorAddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .xorMappedAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
