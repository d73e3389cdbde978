public import Addresses

/// RESPONSE-ORIGIN (RFC 5780 section 7.3): where the answer is sent from.
public struct ResponseOrigin: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .responseOrigin }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
