public import Addresses

/// ALTERNATE-SERVER (RFC 8489 section 14.15): the server that a client shall ask instead of this one.
public struct AlternateServer: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .alternateServer }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
