/// LIFETIME (RFC 8656 section 18.2): how long an allocation lasts without a refresh.
public struct Lifetime: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .lifetime }
    /// The duration in seconds; 0 deletes.
    public let seconds: UInt32

    /// Wraps a duration in seconds.
    @inlinable
    public init(seconds: UInt32) { self.seconds = seconds }

    /// Reads four bytes.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        seconds = value.uint32(at: 0)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the seconds.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(seconds, at: offset)
    }
}
