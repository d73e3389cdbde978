/// DONT-FRAGMENT (RFC 8656 section 18.9): what is relayed to the peer shall not be fragmented on the way.
public struct DontFragment: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .dontFragment }

    /// The attribute has no value.
    @inlinable
    public init() {}

    /// Reads nothing, which is all that may be there.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 0 else { return nil }
    }

    /// Nothing.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 0 }

    /// Writes nothing.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {}
}
