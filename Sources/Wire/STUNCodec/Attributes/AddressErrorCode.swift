public import Addresses

/// ADDRESS-ERROR-CODE (RFC 8656 section 18.12): why one of two families was not allocated; no reason phrase is sent.
public struct AddressErrorCode: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .addressErrorCode }
    /// The family that was not allocated.
    public let family: IPAddress.Family
    /// Why: 440 or 508.
    public let code: ErrorCode

    /// Joins the two.
    @inlinable
    public init(family: IPAddress.Family, code: ErrorCode) {
        self.family = family
        self.code = code
    }

    /// Reads family and code; a reason phrase is passed over.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard let code = ErrorCode(value: value, in: context),
            let family = IPAddress.Family(rawValue: value.uint8(at: 0))
        else { return nil }
        self.init(family: family, code: code)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the family into the byte that ERROR-CODE leaves zero.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        code.write(to: &packet, at: offset, in: context)
        packet.write(family.rawValue, at: offset)
    }
}
