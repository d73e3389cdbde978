/// CHANNEL-NUMBER (RFC 8656 section 18.1): the channel that a client binds to a peer.
public struct ChannelNumber: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .channelNumber }
    /// The number; which ones are allowed is up to the server (RFC 8656 section 12).
    public let number: UInt16

    /// Wraps a number.
    @inlinable
    public init(_ number: UInt16) { self.number = number }

    /// Reads four bytes: the number, then two that are passed over.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        number = value.uint16(at: 0)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the number and two zeros.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt32(number) << 16, at: offset)
    }
}
