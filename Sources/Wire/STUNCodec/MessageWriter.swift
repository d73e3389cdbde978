/// Writes an answer over the request's own memory: the transaction id stays where it is, all else is overwritten.
///
/// Everything that the answer needs of the request must have been read before the first write.
public struct MessageWriter: Sendable {
    @usableFromInline
    let dialect: Dialect
    @usableFromInline
    let context: AttributeContext
    /// How long the answer is so far in bytes, header included.
    @inlinable public var count: Int { end }
    @usableFromInline
    var end: Int
    /// How long it may become: the buffer's size or the amplification limit, whichever is less.
    @usableFromInline
    let limit: Int

    /// Starts an answer of `type` of at most `limit` bytes.
    @inlinable
    public init(
        _ type: MessageType,
        in dialect: Dialect,
        context: AttributeContext,
        limit: Int,
        over packet: inout Packet
    ) {
        self.dialect = dialect
        self.context = context
        self.limit = min(limit, packet.capacity)
        end = dialect.headerLength
        packet.write(type.rawValue, at: 0)
    }

    /// Appends an attribute with zeroed padding; false, and nothing written, when it does not fit the limit.
    @inlinable
    public mutating func append<A: Attribute>(_ attribute: A, to packet: inout Packet) -> Bool {
        let length = attribute.length(in: context)
        // rosenberg-00 has no padding: its 7-byte addresses follow one another directly.
        let padded = context.addressLayout == .draft00 ? length : (length &+ 3) & ~3
        guard count &+ 4 &+ padded <= limit else { return false }
        packet.write(A.type.rawValue, at: count)
        packet.write(UInt16(truncatingIfNeeded: length), at: count &+ 2)
        attribute.write(to: &packet, at: count &+ 4, in: context)
        packet.clear((count &+ 4 &+ length)..<(count &+ 4 &+ padded))
        end &+= 4 &+ padded
        return true
    }

    /// Sets the length field and the datagram's length.
    public func finish(_ packet: inout Packet) {
        packet.write(UInt16(truncatingIfNeeded: count &- dialect.headerLength), at: 2)
        packet.resize(to: count)
    }

    /// Appends FINGERPRINT, which must be the last attribute, and finishes; false when it does not fit.
    public mutating func finishWithFingerprint(_ packet: inout Packet) -> Bool {
        guard count &+ 8 <= limit else { return false }
        // The length field counts FINGERPRINT itself while the CRC is taken over what precedes it (RFC 8489 14.7).
        packet.write(UInt16(truncatingIfNeeded: count &+ 8 &- dialect.headerLength), at: 2)
        packet.resize(to: count)
        let fingerprint = Fingerprint(of: packet.bytes)
        guard append(fingerprint, to: &packet) else { return false }
        packet.resize(to: count)
        return true
    }
}
