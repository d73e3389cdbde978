public import STUNCodec

/// NONCE (RFC 8489 section 14.10) as this server makes it: 32 characters.
///
/// ```
/// "obMatJos2" | 4 of base64: security features | 19 of base64url: 4 bytes of Unix time, 2 of port, 8 of HMAC-SHA256
/// ```
/// The first 13 characters are the nonce cookie of RFC 8489 section 9.2.
public struct Nonce: Attribute {
    /// The number on the wire.
    public static var type: AttributeType { .nonce }
    /// The length in bytes.
    public static var length: Int { 32 }
    /// The characters.
    let characters: [32 of UInt8]

    init(_ characters: [32 of UInt8]) { self.characters = characters }

    /// Reads 32 bytes; nil for any other number of them, which is no nonce of this server.
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == Self.length else { return nil }
        var characters = [32 of UInt8](repeating: 0)
        for index in characters.indices { characters[index] = value.uint8(at: index) }
        self.characters = characters
    }

    /// 32 bytes.
    public func length(in context: AttributeContext) -> Int { Self.length }

    /// Writes the characters.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        for index in characters.indices { packet.write(characters[index], at: offset &+ index) }
    }

    /// Whether all characters are the same.
    public static func == (left: Self, right: Self) -> Bool {
        constantTimeEquals(left.characters.rawBytes, right.characters.rawBytes)
    }

    /// The security features that a nonce of any server names; nil when it does not begin with a nonce cookie.
    static func features(of value: RawSpan) -> SecurityFeatures? {
        guard value.byteCount >= cookie.count &+ 4 else { return nil }
        for index in cookie.indices where value.uint8(at: index) != cookie[index] { return nil }
        var bits: UInt64 = 0
        for index in 0..<4 {
            // `+` and `/` of the standard alphabet stand for features that nobody has assigned.
            guard let six = Base64.bits(ofURL: value.uint8(at: cookie.count &+ index)) else { return nil }
            bits = bits << 6 | six
        }
        return SecurityFeatures(rawValue: UInt32(truncatingIfNeeded: bits))
    }

    /// "obMatJos2".
    static var cookie: [9 of UInt8] {
        [0x6F, 0x62, 0x4D, 0x61, 0x74, 0x4A, 0x6F, 0x73, 0x32]
    }
}
