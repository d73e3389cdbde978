/// RESPONSE-PORT (RFC 5780 section 7.5): the port of the sender's address that the answer shall go to.
///
/// The RFC's figure has two bytes of padding behind the port; clients send them inside the length (4) or not (2).
public struct ResponsePort: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .responsePort }
    /// The port.
    public let port: UInt16

    /// Wraps a port.
    @inlinable
    public init(_ port: UInt16) { self.port = port }

    /// Reads a value of length 2 or 4.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 2 || value.byteCount == 4 else { return nil }
        port = value.uint16(at: 0)
    }

    /// Two bytes, padded like any attribute.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 2 }

    /// Writes the port.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(port, at: offset)
    }
}
