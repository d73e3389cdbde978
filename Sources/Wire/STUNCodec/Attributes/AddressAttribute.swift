public import Addresses

/// An attribute whose value is one plain transport address (RFC 8489 section 14.1).
public protocol AddressAttribute: Attribute {
    /// The address.
    var address: SocketAddress { get }
    /// Wraps an address.
    init(_ address: SocketAddress)
}

extension AddressAttribute {
    /// Reads the layout of the dialect; nil for an unknown family or a length that does not fit it.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        let layout = context.addressLayout
        let prefix = layout.prefixLength
        guard value.byteCount >= prefix &+ 4 else { return nil }
        let port = value.uint16(at: layout == .standard ? 2 : 0)
        let familyAt = layout == .standard ? 1 : 2
        switch (IPAddress.Family(rawValue: value.uint8(at: familyAt)), value.byteCount &- prefix) {
        case (.v4, 4):
            self.init(SocketAddress(IPAddress(v4: value.uint32(at: prefix)), port: port))
        case (.v6, 16):
            let address = IPAddress(v6High: value.uint64(at: prefix), low: value.uint64(at: prefix &+ 8))
            self.init(SocketAddress(address, port: port))
        default:
            return nil
        }
    }

    /// 8 or 20 bytes; one less in rosenberg-00.
    @inlinable
    public func length(in context: AttributeContext) -> Int {
        context.addressLayout.prefixLength &+ (address.address.family == .v4 ? 4 : 16)
    }

    /// Writes the layout of the dialect.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        let family = address.address.family.rawValue
        switch context.addressLayout {
        case .standard:
            packet.write(UInt16(family), at: offset)
            packet.write(address.port, at: offset &+ 2)
        case .draft01:
            packet.write(address.port, at: offset)
            packet.write(UInt16(family) << 8, at: offset &+ 2)
        case .draft00:
            packet.write(address.port, at: offset)
            packet.write(family, at: offset &+ 2)
        }
        let start = offset &+ context.addressLayout.prefixLength
        if address.address.family == .v4 {
            packet.write(address.address.v4Bits, at: start)
        } else {
            packet.write(address.address.high, at: start)
            packet.write(address.address.low, at: start &+ 8)
        }
    }
}
