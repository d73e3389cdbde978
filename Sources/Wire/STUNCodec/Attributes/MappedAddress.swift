public import Addresses

/// MAPPED-ADDRESS (RFC 8489 section 14.1): where the request came from, as the server saw it.
public struct MappedAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .mappedAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
