/// An attribute that holds a number of seconds.
public protocol LifetimeAttribute: Attribute {
    /// The duration in seconds.
    var seconds: UInt32 { get }
    /// Wraps a duration in seconds.
    init(seconds: UInt32)
}

extension LifetimeAttribute {
    /// Reads four bytes.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        self.init(seconds: value.uint32(at: 0))
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

/// LIFETIME (RFC 8656 section 18.2): how long an allocation lasts without a refresh.
public struct Lifetime: LifetimeAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .lifetime }
    /// The duration in seconds; 0 deletes.
    public let seconds: UInt32

    /// Wraps a duration in seconds.
    @inlinable
    public init(seconds: UInt32) { self.seconds = seconds }
}

/// LIFETIME of draft-rosenberg-midcom-turn-00 section 5.2: how long a mapping lasts without a packet.
///
/// Later drafts gave the number to USERNAME.
public struct DraftLifetime: LifetimeAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { AttributeType(rawValue: 0x0006) }
    /// The duration in seconds.
    public let seconds: UInt32

    /// Wraps a duration in seconds.
    @inlinable
    public init(seconds: UInt32) { self.seconds = seconds }
}
