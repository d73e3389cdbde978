public import Addresses

/// An attribute whose value is one veiled transport address (RFC 8489 section 14.2).
///
/// The veil makes NATs that rewrite addresses wherever they see them leave it alone.
public protocol XorAddressAttribute: Attribute {
    /// The address, unveiled.
    var address: SocketAddress { get }
    /// Wraps an address.
    init(_ address: SocketAddress)
}

extension XorAddressAttribute {
    /// Reads a plain address and takes the veil off.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard let plain = MappedAddress(value: value, in: context) else { return nil }
        self.init(Self.veil(plain.address, with: context.transactionID))
    }

    /// 8 or 20 bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { MappedAddress(address).length(in: context) }

    /// Writes the veiled address.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        MappedAddress(Self.veil(address, with: context.transactionID)).write(to: &packet, at: offset, in: context)
    }

    /// Port and IPv4 address are XORed with the cookie, an IPv6 address with the cookie and the transaction id.
    @inlinable
    static func veil(_ plain: SocketAddress, with id: TransactionID) -> SocketAddress {
        let port = plain.port ^ UInt16(truncatingIfNeeded: magicCookie >> 16)
        switch plain.address.family {
        case .v4:
            return SocketAddress(IPAddress(v4: plain.address.v4Bits ^ magicCookie), port: port)
        case .v6:
            let address = IPAddress(v6High: plain.address.high ^ id.high, low: plain.address.low ^ id.low)
            return SocketAddress(address, port: port)
        }
    }
}
