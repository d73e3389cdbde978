import Addresses

extension PeerDisguise {
    /// The form that an address of a special-purpose tunnel range has, told by its leading bits.
    init?(prefixOf address: IPAddress) {
        guard address.family == .v6 else { return nil }
        switch (address.high, address.low >> 32) {
        case (0, 0): self = .compatible
        case (0, 0xFFFF): self = .mapped
        case (0, 0xFFFF_0000): self = .translated
        case (0x0064_FF9B_0000_0000, 0): self = .nat64
        case (0x0064_FF9B_0001_0000...0x0064_FF9B_0001_FFFF, _): self = .localNAT64
        case (0x2001_0000_0000_0000...0x2001_0000_FFFF_FFFF, _): self = .teredo
        case (0x2002_0000_0000_0000...0x2002_FFFF_FFFF_FFFF, _): self = .sixToFour
        default: return nil
        }
    }

    /// How many leading bits make an address one of this form.
    var prefixLength: Int {
        switch self {
        case .mapped, .compatible, .translated, .nat64, .isatap: 96
        case .localNAT64: 48
        case .sixToFour: 16
        case .teredo: 32
        }
    }

    /// The n-th IPv4 address that an address of this form carries, and at which bit it begins; nil after the last.
    ///
    /// Where a local NAT64 puts it hangs on the length of its prefix (RFC 6052 section 2.2), for which the prefix of
    /// `allow-peers` is taken that opens it.
    func embedded(_ index: Int, in address: IPAddress, allowedLength: Int) -> (address: IPAddress, offset: Int)? {
        switch (self, index) {
        case (.sixToFour, 0):
            return (IPAddress(v4: UInt32(truncatingIfNeeded: address.high >> 16)), 16)
        case (.teredo, 0):
            return (IPAddress(v4: ~address.v4Bits), 96)
        case (.teredo, 1):
            return (IPAddress(v4: UInt32(truncatingIfNeeded: address.high)), 32)
        case (.localNAT64, 0) where (48..<96).contains(allowedLength):
            // Bits 64 to 71 are zero and belong to no address.
            let offset = allowedLength >= 64 ? 64 : allowedLength >= 56 ? 56 : 48
            let bits = Self.joined(address.high, UInt64(64 - offset), address.low << 8)
            return (IPAddress(v4: bits), offset == 64 ? 72 : offset)
        case (_, 0):
            return (IPAddress(v4: address.v4Bits), 96)
        default:
            return nil
        }
    }

    /// The last `count` bits of `high`, then the first ones of `low`.
    private static func joined(_ high: UInt64, _ count: UInt64, _ low: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: high << (32 - count)) | UInt32(truncatingIfNeeded: low >> (32 + count))
    }
}

extension IPAddress {
    /// Whether the interface identifier is one of ISATAP: `0000:5efe` with or without the bits "universal" and "group".
    var isISATAP: Bool { family == .v6 && (low >> 32) & 0xFCFF_FFFF == 0x5EFE }
}
