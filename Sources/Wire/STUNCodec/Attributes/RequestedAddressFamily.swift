/// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6): the family of the relayed address that a client asks for.
public struct RequestedAddressFamily: AddressFamilyAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .requestedAddressFamily }
    /// The family's number on the wire.
    public let rawValue: UInt8

    /// Takes the family's number.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
}
