public import Addresses

// Attributes of draft-rosenberg-midcom-turn-01 and -08 whose numbers or meaning are others today.

extension AttributeType {
    /// MAGIC-COOKIE (draft-rosenberg-midcom-turn-08 section 9.2.5).
    @inlinable public static var turnCookie: Self { Self(rawValue: 0x000F) }
    /// BANDWIDTH (draft-rosenberg-midcom-turn-08 section 9.2.3).
    @inlinable public static var bandwidth: Self { Self(rawValue: 0x0010) }
    /// DESTINATION-ADDRESS (draft-rosenberg-midcom-turn-08 section 9.2.6).
    @inlinable public static var destinationAddress: Self { Self(rawValue: 0x0011) }
}

/// MAGIC-COOKIE (draft-rosenberg-midcom-turn-08 section 9.2.5): the first attribute of every message, by which it is told from data.
public struct TURNCookie: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .turnCookie }
    /// What it holds: not the cookie of RFC 5389.
    @inlinable public static var value: UInt32 { 0x72C6_4BC6 }

    /// The one that there is.
    @inlinable
    public init() {}

    /// Reads four bytes; nil when they hold anything else.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4, value.uint32(at: 0) == Self.value else { return nil }
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes them.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(Self.value, at: offset)
    }
}

/// BANDWIDTH (draft-rosenberg-midcom-turn-08 section 9.2.3): what a mirror may carry, both ways together.
public struct Bandwidth: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .bandwidth }
    /// Kilobits a second.
    public let kilobits: UInt32

    /// Wraps a number of kilobits a second.
    @inlinable
    public init(kilobits: UInt32) { self.kilobits = kilobits }

    /// Reads four bytes.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        kilobits = value.uint32(at: 0)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the number.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(kilobits, at: offset)
    }
}

/// DESTINATION-ADDRESS (draft-rosenberg-midcom-turn-08 section 9.2.6): where the data of a Send request goes, or data without a
/// frame from then on.
public struct DestinationAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .destinationAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}

/// REMOTE-ADDRESS (draft-rosenberg-midcom-turn-08 section 9.2.7): whom data comes from; not veiled as today's XOR-PEER-ADDRESS
/// with the same number.
public struct RemoteAddress: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .xorPeerAddress }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}

/// ALTERNATE-SERVER with the number that it had before RFC 5389 (draft-rosenberg-midcom-turn-08 section 9.2.2).
public struct TURNAlternateServer: AddressAttribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { AttributeType(rawValue: 0x000E) }
    /// The address.
    public let address: SocketAddress

    /// Wraps an address.
    @inlinable
    public init(_ address: SocketAddress) { self.address = address }
}
