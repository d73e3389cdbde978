/// ICMP (RFC 8656 section 18.13): an ICMP error that came back for something relayed.
public struct ICMP: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .icmp }
    /// The ICMP type, 0...127: 7 bits are all that the attribute has.
    public let type: UInt8
    /// The ICMP code.
    public let code: UInt8
    /// The next link's MTU where the packet was too big, else 0.
    public let data: UInt32

    /// Joins the three; the types of ICMPv6 from 128 on are no errors and lose their first bit.
    @inlinable
    public init(type: UInt8, code: UInt8, data: UInt32) {
        self.type = type & 0x7F
        self.code = code
        self.data = data
    }

    /// Reads eight bytes, the first two of which are passed over; nil for a code that ICMP cannot have.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 8 else { return nil }
        let bits = value.uint16(at: 2)
        guard bits & 0x1FF <= 0xFF else { return nil }
        self.init(
            type: UInt8(truncatingIfNeeded: bits >> 9),
            code: UInt8(truncatingIfNeeded: bits),
            data: value.uint32(at: 4)
        )
    }

    /// Eight bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 8 }

    /// Writes 16 zero bits, 7 of type, 9 of code, then the data.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt32(type) << 9 | UInt32(code), at: offset)
        packet.write(data, at: offset &+ 4)
    }
}
