/// An IPv4 or IPv6 address: a value of fixed size, in host byte order.
///
/// An IPv4 address lives in the low 32 bits of `low`; `high` is zero then. IPv4-mapped IPv6 addresses stay IPv6: the
/// sockets of this server are IPV6_V6ONLY, so such an address never stands for an IPv4 packet.
public struct IPAddress: Hashable, Sendable {
    /// The address family, with the numbers that STUN gives them on the wire (RFC 8489 section 14.1).
    public enum Family: UInt8, Sendable, CaseIterable {
        /// IPv4.
        case v4 = 1
        /// IPv6.
        case v6 = 2
    }

    /// The address family.
    public let family: Family
    /// The upper 64 bits of an IPv6 address; zero for IPv4.
    public let high: UInt64
    /// The lower 64 bits of an IPv6 address, or the 32 bits of an IPv4 address.
    public let low: UInt64

    /// Makes an IPv4 address from its 32 bits, host byte order: `0x7F00_0001` is 127.0.0.1.
    @inlinable
    public init(v4 bits: UInt32) {
        family = .v4
        high = 0
        low = UInt64(bits)
    }

    /// Makes an IPv6 address from its two halves, host byte order.
    @inlinable
    public init(v6High high: UInt64, low: UInt64) {
        family = .v6
        self.high = high
        self.low = low
    }

    /// The 32 bits of an IPv4 address; of an IPv6 address the last 32 bits.
    @inlinable
    public var v4Bits: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The number of bits in an address of this family: 32 or 128.
    @inlinable
    public var bitWidth: Int { family == .v4 ? 32 : 128 }

    /// The address that stands for "any": 0.0.0.0 or `::`.
    public static func unspecified(_ family: Family) -> IPAddress {
        family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
    }

    /// Whether this is 0.0.0.0 or `::`.
    @inlinable
    public var isUnspecified: Bool { high == 0 && low == 0 }

    /// The address with all bits after the first `length` cleared.
    @inlinable
    public func masked(to length: Int) -> IPAddress {
        switch family {
        case .v4:
            let mask: UInt32 = length <= 0 ? 0 : ~0 << UInt32(clamping: max(0, 32 - length))
            return IPAddress(v4: v4Bits & mask)
        case .v6:
            let highMask: UInt64 = length <= 0 ? 0 : ~0 << UInt64(clamping: max(0, 64 - length))
            let lowMask: UInt64 = length <= 64 ? 0 : ~0 << UInt64(clamping: max(0, 128 - length))
            return IPAddress(v6High: high & highMask, low: low & lowMask)
        }
    }
}
