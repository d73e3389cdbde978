public import Addresses

/// An attribute that asks for a relayed address of one family (RFC 8656 section 18.6).
public protocol AddressFamilyAttribute: Attribute {
    /// The family's number on the wire.
    var rawValue: UInt8 { get }
    /// Takes the family's number.
    init(rawValue: UInt8)
}

extension AddressFamilyAttribute {
    /// The family; nil for one that the server does not know, which is 440 and not malformed (RFC 8656 section 7.2).
    @inlinable
    public var family: IPAddress.Family? { IPAddress.Family(rawValue: rawValue) }

    /// Reads four bytes: the family, then three that are passed over.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        self.init(rawValue: value.uint8(at: 0))
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the family and three zeros.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt32(rawValue) << 24, at: offset)
    }
}
