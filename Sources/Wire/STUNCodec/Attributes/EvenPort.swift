/// EVEN-PORT (RFC 8656 section 18.7): the relayed port shall be even.
public struct EvenPort: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .evenPort }
    /// Whether the next higher port shall be kept for another allocation.
    public let reservesNext: Bool

    /// Sets the flag.
    @inlinable
    public init(reservesNext: Bool) { self.reservesNext = reservesNext }

    /// Reads one byte, of which only the first bit counts.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 1 else { return nil }
        reservesNext = value.uint8(at: 0) & 0x80 != 0
    }

    /// One byte.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 1 }

    /// Writes the flag.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(reservesNext ? 0x80 : UInt8(0), at: offset)
    }
}
