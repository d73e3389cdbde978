public import Addresses

/// RESPONSE-ADDRESS (RFC 3489 section 11.2.2): where the answer shall go to; reserved since RFC 5389.
///
/// This server writes it to foreign servers that its settings name, and obeys it from nobody (attacks row 31).
public struct ResponseAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .responseAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
