public import Addresses

/// ALTERNATE-SERVER of draft-rosenberg-midcom-turn-00 section 5.2: whom a client of a full server may ask instead.
///
/// Later drafts gave the number to PASSWORD.
public struct DraftAlternateServer: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { AttributeType(rawValue: 0x0007) }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
