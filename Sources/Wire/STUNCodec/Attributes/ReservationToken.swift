/// RESERVATION-TOKEN (RFC 8656 section 18.10): names a port that the server holds in reserve.
public struct ReservationToken: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .reservationToken }
    /// The token.
    public let value: UInt64

    /// Wraps a token.
    @inlinable
    public init(value: UInt64) { self.value = value }

    /// Reads eight bytes.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 8 else { return nil }
        self.value = value.uint64(at: 0)
    }

    /// Eight bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 8 }

    /// Writes the token.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(value, at: offset)
    }
}
