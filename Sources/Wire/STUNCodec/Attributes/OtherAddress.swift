public import Addresses

/// OTHER-ADDRESS (RFC 5780 section 7.4): where the answer would come from with both change flags set.
public struct OtherAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .otherAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
