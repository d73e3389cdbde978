internal import STUNCodec

/// Base64 (RFC 4648 sections 4 and 5) of up to 24 bytes, into memory of fixed size.
enum Base64 {
    /// Which characters stand for 62 and 63, and whether the end is filled with `=`.
    enum Alphabet {
        /// `+` and `/`, filled.
        case standard
        /// `-` and `_`, not filled.
        case url
    }

    /// The characters of the first 24 bytes of a text, and how many they are.
    static func encode(_ text: RawSpan, _ alphabet: Alphabet) -> (characters: [32 of UInt8], count: Int) {
        var characters = [32 of UInt8](repeating: UInt8(ascii: "="))
        let length = min(text.byteCount, 24)
        var count = 0
        var offset = 0
        while offset < length {
            let left = min(3, length &- offset)
            var bits: UInt32 = 0
            for index in 0..<left { bits |= UInt32(text.uint8(at: offset &+ index)) << UInt32(16 &- 8 &* index) }
            for index in 0...left {
                characters[count &+ index] = character(bits >> UInt32(18 &- 6 &* index) & 63, alphabet)
            }
            count &+= alphabet == .standard ? 4 : left &+ 1
            offset &+= 3
        }
        return (characters, count)
    }

    /// The six bits that a character of the URL alphabet stands for; nil for any other.
    static func bits(ofURL character: UInt8) -> UInt64? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt64(character &- UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt64(character &- UInt8(ascii: "a") &+ 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character &- UInt8(ascii: "0") &+ 52)
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    private static func character(_ bits: UInt32, _ alphabet: Alphabet) -> UInt8 {
        let number = UInt8(truncatingIfNeeded: bits)
        switch number {
        case 0..<26: return UInt8(ascii: "A") &+ number
        case 26..<52: return UInt8(ascii: "a") &+ number &- 26
        case 52..<62: return UInt8(ascii: "0") &+ number &- 52
        case 62: return alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: return alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }
}
