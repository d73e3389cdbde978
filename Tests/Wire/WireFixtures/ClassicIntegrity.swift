extension Wire {
    /// A message of RFC 3489 with MESSAGE-INTEGRITY (section 11.2.8): filled with zeros to a multiple of 64 bytes for the HMAC.
    public static func classicSigned(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        var signed = message
        signed.replaceSubrange(2..<4, with: bytes(UInt16(message.count - 20 + 24)))
        return signed + [0, 8, 0, 20] + classicCode(of: signed, key: key)
    }

    /// Whether the last attribute of a message is its integrity.
    public static func isClassicSigned(_ message: [UInt8], key: [UInt8]) -> Bool {
        message.count >= 44 && message.suffix(24).prefix(4) == [0, 8, 0, 20]
            && Array(message.suffix(20)) == classicCode(of: Array(message.dropLast(24)), key: key)
    }

    private static func classicCode(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        TestHash.sha1.hmac(bytes + [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64), key: key)
    }
}
