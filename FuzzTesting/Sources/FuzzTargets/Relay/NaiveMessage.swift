import Addresses
import STUNCodec

/// A message with a cookie as a reader of the RFCs takes it apart, without the codec.
struct NaiveMessage {
    struct Value {
        let type: UInt16
        let start: Int
        let bytes: ArraySlice<UInt8>
    }

    let bytes: [UInt8]
    let attributes: [Value]
    /// Whether all padding is zero.
    let hasZeroPadding: Bool

    /// Reads a message; nil when length, cookie or an attribute's length is wrong.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 20, bytes[0] & 0xC0 == 0, Array(bytes[4..<8]) == [0x21, 0x12, 0xA4, 0x42],
            bytes.count % 4 == 0, Self.number(bytes[2..<4]) == bytes.count - 20
        else { return nil }
        self.bytes = bytes
        var list: [Value] = []
        var isZero = true
        var offset = 20
        while offset < bytes.count {
            let length = Self.number(bytes[(offset + 2)..<(offset + 4)])
            let end = offset + 4 + (length + 3) / 4 * 4
            guard end <= bytes.count else { return nil }
            let value = bytes[(offset + 4)..<(offset + 4 + length)]
            list.append(Value(type: UInt16(Self.number(bytes[offset..<(offset + 2)])), start: offset, bytes: value))
            for byte in bytes[(offset + 4 + length)..<end] where byte != 0 { isZero = false }
            offset = end
        }
        attributes = list
        hasZeroPadding = isZero
    }

    var type: UInt16 { UInt16(Self.number(bytes[0..<2])) }
    var id: ArraySlice<UInt8> { bytes[4..<20] }

    /// The first attribute of a type, of those that begin before a byte.
    func first(_ type: UInt16, before end: Int = .max) -> ArraySlice<UInt8>? {
        attributes.first { $0.type == type && $0.start < end }?.bytes
    }

    /// ADDITIONAL-ADDRESS-FAMILY, by its number or by the one that coturn's clients send.
    func additionalFamily(before end: Int) -> ArraySlice<UInt8>? {
        attributes.first { ($0.type == 0x8000 || $0.type == 0x8032) && $0.start < end }?.bytes
    }

    /// Whether FINGERPRINT is absent (nil), or right: the last attribute, and the CRC of what stands before it.
    var isFingerprintRight: Bool? {
        guard let value = attributes.first(where: { $0.type == 0x8028 }) else { return nil }
        guard value.start + 8 == bytes.count, value.bytes.count == 4 else { return false }
        return UInt32(Self.number(value.bytes)) == Fingerprint(of: Array(bytes[..<value.start]).raw).value
    }

    /// The address of an XOR attribute's value.
    func address(_ value: ArraySlice<UInt8>) -> SocketAddress? {
        let value = Array(value)
        guard value.count >= 8 else { return nil }
        let port = UInt16(Self.number(value[2..<4])) ^ 0x2112
        let plain = zip(value[4...], bytes[4...]).map { $0 ^ $1 }
        switch (value[1], value.count) {
        case (1, 8): return SocketAddress(IPAddress(v4: UInt32(Self.number(plain[...]))), port: port)
        case (2, 20):
            return SocketAddress(IPAddress(v6High: Self.wide(plain[..<8]), low: Self.wide(plain[8...])), port: port)
        default: return nil
        }
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
    private static func wide(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    /// The value of an XOR attribute in a message with this transaction id.
    static func veiled(_ address: SocketAddress, id: [UInt8]) -> [UInt8] {
        let isV4 = address.address.family == .v4
        let veil = [0x21, 0x12, 0xA4, 0x42] + id
        let plain =
            isV4
            ? bigEndian(address.address.low, 4)
            : bigEndian(address.address.high, 8) + bigEndian(address.address.low, 8)
        return [0, isV4 ? 1 : 2] + bigEndian(UInt64(address.port ^ 0x2112), 2) + zip(plain, veil).map { $0 ^ $1 }
    }

    static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
}
