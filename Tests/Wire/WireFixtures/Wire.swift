public import STUNCodec

/// Messages put together byte by byte, without the codec under test.
public enum Wire {
    /// One attribute as bytes.
    public struct Attribute: Equatable, Sendable, CustomStringConvertible {
        /// Its number.
        public var type: UInt16
        /// Its value without padding.
        public var value: [UInt8]
        /// The length that it claims; nil for the true one.
        public var claimedLength: UInt16?

        /// Joins the two; `claiming` lies about the length.
        public init(_ type: UInt16, _ value: [UInt8], claiming claimedLength: UInt16? = nil) {
            self.type = type
            self.value = value
            self.claimedLength = claimedLength
        }

        /// `0x0003[4]`.
        public var description: String {
            "0x" + String(type, radix: 16) + "[\(claimedLength.map(Int.init) ?? value.count)]"
        }
    }

    /// The transaction id that messages here have unless told otherwise: no byte twice, no cookie.
    public static let id: [UInt8] = Array(0xB0...0xBF)

    /// A message with a right length field.
    ///
    /// The id's first four bytes give way to the cookie, or are all that is used, as the dialect demands.
    public static func message(
        _ type: UInt16 = 0x0001,
        as dialect: Dialect,
        id: [UInt8] = id,
        padded: Bool = true,
        _ attributes: [Attribute] = []
    ) -> [UInt8] {
        var body: [UInt8] = []
        for attribute in attributes {
            body += bytes(attribute.type) + bytes(attribute.claimedLength ?? UInt16(attribute.value.count))
            body += attribute.value
            while padded, body.count % 4 != 0 { body.append(0) }
        }
        let header = bytes(type) + bytes(UInt16(truncatingIfNeeded: body.count))
        switch dialect {
        case .rosenberg: return header + id.prefix(4) + body
        case .classic: return header + id + body
        case .cookie: return header + [0x21, 0x12, 0xA4, 0x42] + id.dropFirst(4) + body
        }
    }

    /// A message with the FINGERPRINT of RFC 8489 section 14.7 as its last attribute.
    ///
    /// Followed by more, it is still the right one for what stands before it and for the length of the whole.
    public static func fingerprinted(
        _ type: UInt16 = 0x0001,
        _ attributes: [Attribute] = [],
        followedBy rest: [Attribute] = []
    ) -> [UInt8] {
        var whole = message(type, as: .cookie, attributes + [Attribute(0x8028, [0, 0, 0, 0])] + rest)
        let end = message(type, as: .cookie, attributes).count
        let crc = crc32(whole[..<end]) ^ 0x5354_554E
        whole.replaceSubrange((end + 4)..<(end + 8), with: bytes(UInt16(crc >> 16)) + bytes(UInt16(crc & 0xFFFF)))
        return whole
    }

    /// The two bytes of a number in network byte order.
    public static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    /// The CRC-32 of ITU-T V.42, bit by bit.
    public static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc: UInt32 = ~0
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return ~crc
    }
}

/// A message taken apart byte by byte, without the codec under test.
public struct TakenApart: Equatable, Sendable {
    /// The message type.
    public let type: UInt16
    /// The length field.
    public let length: Int
    /// The transaction id: 4, or 16 bytes with the cookie's place.
    public let id: [UInt8]
    /// The attributes in order.
    public private(set) var attributes: [Wire.Attribute] = []
    /// All padding bytes, one attribute after the other.
    public private(set) var padding: [UInt8] = []

    /// Takes a message apart; nil when the lengths do not add up.
    public init?(_ bytes: [UInt8], as dialect: Dialect, padded: Bool = true) {
        let header = dialect == .rosenberg ? 8 : 20
        guard bytes.count >= header else { return nil }
        func number(_ at: Int) -> Int { Int(bytes[at]) * 256 + Int(bytes[at + 1]) }
        type = UInt16(number(0))
        length = number(2)
        guard header + length == bytes.count else { return nil }
        id = Array(bytes[4..<header])
        var at = header
        while at < bytes.count {
            guard at + 4 <= bytes.count else { return nil }
            let end = at + 4 + number(at + 2)
            let next = padded ? (end + 3) / 4 * 4 : end
            guard next <= bytes.count else { return nil }
            attributes.append(Wire.Attribute(UInt16(number(at)), Array(bytes[(at + 4)..<end])))
            padding += bytes[end..<next]
            at = next
        }
    }

    /// The value of the first attribute of a number.
    public subscript(_ type: UInt16) -> [UInt8]? { attributes.first { $0.type == type }?.value }

    /// The numbers of the attributes in order.
    public var types: [UInt16] { attributes.map(\.type) }
}

/// The bytes of a hex dump; blanks and newlines are passed over.
public func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
