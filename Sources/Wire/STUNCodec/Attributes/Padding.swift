/// PADDING (RFC 5780 section 7.6): bytes without meaning that make a message large; written as zeros.
public struct Padding: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .padding }
    /// How many bytes.
    public let count: Int

    /// Padding of so many bytes.
    @inlinable
    public init(count: Int) { self.count = count }

    /// Any value will do; only its length counts.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) { count = value.byteCount }

    /// Its own count.
    @inlinable
    public func length(in context: AttributeContext) -> Int { count }

    /// Writes zeros.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.clear(offset..<(offset &+ count))
    }
}
