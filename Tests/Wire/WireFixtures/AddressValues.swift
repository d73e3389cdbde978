public import Addresses

extension Wire {
    /// The value of an address attribute since midcom-stun-00: zero, family, port, address.
    public static func value(_ address: SocketAddress) -> [UInt8] {
        let ip = address.address
        let count = ip.family == .v4 ? 4 : 16
        let octets = (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? ip.high : ip.low) >> UInt64(56 - $0 % 8 * 8)) }
        return [0, ip.family == .v4 ? 1 : 2] + bytes(address.port) + octets.suffix(count)
    }

    /// The value of a XOR address attribute (RFC 8489 section 14.2).
    public static func veiled(_ address: SocketAddress, id: [UInt8]) -> [UInt8] { xor(value(address), id) }

    /// The address of such a value.
    public static func unveiled(_ value: [UInt8], id: [UInt8]) -> SocketAddress? {
        let plain = xor(value, id)
        guard plain.count >= 8, plain.count == (plain[1] == 1 ? 8 : 20) else { return nil }
        let port = UInt16(plain[2]) << 8 | UInt16(plain[3])
        let words = stride(from: 4, to: plain.count, by: 4).map { start in
            plain[start..<(start + 4)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let ip =
            words.count == 1
            ? IPAddress(v4: UInt32(words[0]))
            : IPAddress(v6High: words[0] << 32 | words[1], low: words[2] << 32 | words[3])
        return SocketAddress(ip, port: port)
    }

    /// The address of a plain address attribute.
    public static func address(_ value: [UInt8]) -> SocketAddress? {
        let id = [UInt8](repeating: 0, count: 16)
        return unveiled(xor(value, id), id: id)
    }

    private static func xor(_ value: [UInt8], _ id: [UInt8]) -> [UInt8] {
        let mask = [0, 0, 0x21, 0x12, 0x21, 0x12, 0xA4, 0x42] + id.dropFirst(4)
        return zip(value, mask).map { $0 ^ $1 }
    }
}
