/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 18.11): a second relayed address, of this family too.
public struct AdditionalAddressFamily: AddressFamilyAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .additionalAddressFamily }
    /// The family's number on the wire.
    public let rawValue: UInt8

    /// Takes the family's number.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
}
