/// FINGERPRINT (RFC 8489 section 14.7): a CRC-32 by which a message on a shared port is known for STUN.
public struct Fingerprint: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .fingerprint }
    /// The CRC of the message, XORed with 0x5354554e.
    public let value: UInt32

    /// The fingerprint of the bytes that precede it, whose length field already counts it.
    public init(of bytes: RawSpan) {
        value = CRC32.checksum(bytes) ^ 0x5354_554E
    }

    /// Reads four bytes.
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        self.value = value.uint32(at: 0)
    }

    /// Four bytes.
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the value.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(value, at: offset)
    }
}

extension Message {
    /// What FINGERPRINT says of a message.
    public enum FingerprintCheck: Sendable {
        /// There is none.
        case absent
        /// It is the last attribute and right.
        case valid
        /// It is wrong, or not the last attribute: the message is not STUN (RFC 8489 section 6.3).
        case invalid
    }

    /// Checks the FINGERPRINT that stands at `location`.
    public func checkFingerprint(at location: Location) -> FingerprintCheck {
        guard location.count == 4, location.start &+ 4 == bytes.byteCount else { return .invalid }
        let covered = bytes.extracting(first: location.start &- 4)
        return Fingerprint(of: covered).value == bytes.uint32(at: location.start) ? .valid : .invalid
    }
}

/// The CRC-32 of ITU-T V.42, four bits at a time from a table of 16 (a message has some 50 bytes).
enum CRC32 {
    private static let table: InlineArray<16, UInt32> = [
        0x0000_0000, 0x1DB7_1064, 0x3B6E_20C8, 0x26D9_30AC, 0x76DC_4190, 0x6B6B_51F4, 0x4DB2_6158, 0x5005_713C,
        0xEDB8_8320, 0xF00F_9344, 0xD6D6_A3E8, 0xCB61_B38C, 0x9B64_C2B0, 0x86D3_D2D4, 0xA00A_E278, 0xBDBD_F21C,
    ]

    static func checksum(_ bytes: RawSpan) -> UInt32 {
        var crc: UInt32 = ~0
        for offset in 0..<bytes.byteCount {
            crc ^= UInt32(bytes.uint8(at: offset))
            crc = crc >> 4 ^ table[Int(crc & 15)]
            crc = crc >> 4 ^ table[Int(crc & 15)]
        }
        return ~crc
    }
}
