public import Addresses

/// SOURCE-ADDRESS (RFC 3489 section 11.2.5): where the answer is sent from.
public struct SourceAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .sourceAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
