extension IPAddress {
    /// The IPv4 address that an IPv6 address stands for at a socket of both families (RFC 4291 section 2.5.5.2); else itself.
    public var unmapped: IPAddress {
        family == .v6 && high == 0 && low >> 32 == 0xFFFF ? IPAddress(v4: v4Bits) : self
    }

    /// Whether only this host has it: 127.0.0.0/8 (RFC 1122 section 3.2.1.3) and `::1` (RFC 4291 section 2.5.3).
    public var isLoopback: Bool {
        family == .v4 ? v4Bits >> 24 == 127 : high == 0 && low == 1
    }

    /// Whether it means something on one link only: 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 section 2.5.6),
    /// which cannot be named without an interface.
    public var isLinkLocal: Bool {
        family == .v4 ? v4Bits >> 16 == 0xA9FE : high >> 54 == 0xFE80 >> 6
    }

    /// Whether it is one of a private network: 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918), 100.64.0.0/10
    /// (RFC 6598) and fc00::/7 (RFC 4193).
    public var isPrivate: Bool {
        guard family == .v4 else { return high >> 57 == 0xFC00 >> 9 }
        return v4Bits >> 24 == 10 || v4Bits >> 20 == 0xAC1 || v4Bits >> 16 == 0xC0A8 || v4Bits >> 22 == 0x6440 >> 6
    }
}
