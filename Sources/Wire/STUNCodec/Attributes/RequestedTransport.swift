/// REQUESTED-TRANSPORT (RFC 8656 section 18.8): the protocol between server and peers.
public struct RequestedTransport: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .requestedTransport }
    /// UDP, 17.
    @inlinable public static var udp: Self { Self(protocolNumber: 17) }
    /// TCP, 6 (RFC 6062 section 4.1).
    @inlinable public static var tcp: Self { Self(protocolNumber: 6) }
    /// The number of the protocol as in an IP header.
    public let protocolNumber: UInt8

    /// Wraps a protocol's number.
    @inlinable
    public init(protocolNumber: UInt8) { self.protocolNumber = protocolNumber }

    /// Reads four bytes: the protocol, then three that are passed over.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        protocolNumber = value.uint8(at: 0)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the protocol and three zeros.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt32(protocolNumber) << 24, at: offset)
    }
}
