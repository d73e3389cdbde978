public import Addresses

/// CHANGED-ADDRESS (RFC 3489 section 11.2.3): where the answer would come from with both change flags set.
public struct ChangedAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .changedAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
