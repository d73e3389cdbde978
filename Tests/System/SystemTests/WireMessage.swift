/// A STUN message made by hand: what a test sends must not come from the codec that it tests.
struct WireMessage {
    static let cookie: [UInt8] = [0x21, 0x12, 0xA4, 0x42]
    static let binding: UInt16 = 0x0001
    static let sharedSecret: UInt16 = 0x0002

    var type: UInt16
    /// Twelve bytes after the cookie (RFC 8489), or sixteen that do not begin with it (RFC 3489).
    var transactionID: [UInt8]
    var attributes: [UInt8] = []
    var addsFingerprint = false

    /// A Binding request of RFC 8489 section 5, with the cookie.
    static func modern(_ attributes: [UInt8]..., type: UInt16 = binding, fingerprint: Bool = false) -> WireMessage {
        let id = cookie + random(12)
        return WireMessage(
            type: type,
            transactionID: id,
            attributes: Array(attributes.joined()),
            addsFingerprint: fingerprint
        )
    }

    /// A request of RFC 3489 section 11.1, whose first byte of the id keeps it apart from the cookie.
    static func classic(_ attributes: [UInt8]..., type: UInt16 = binding) -> WireMessage {
        WireMessage(type: type, transactionID: [0xC1] + random(15), attributes: Array(attributes.joined()))
    }

    static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        bigEndian(type) + bigEndian(UInt16(value.count)) + value
            + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    }

    /// CHANGE-REQUEST (RFC 3489 section 11.2.4, RFC 5780 section 7.2).
    static func change(address: Bool, port: Bool) -> [UInt8] {
        attribute(0x0003, [0, 0, 0, (address ? 4 : 0) | (port ? 2 : 0)])
    }

    var bytes: [UInt8] {
        let length = UInt16(attributes.count + (addsFingerprint ? 8 : 0))
        let head = Self.bigEndian(type) + Self.bigEndian(length) + transactionID + attributes
        guard addsFingerprint else { return head }
        // RFC 8489 section 14.7.
        let value = Self.crc32(head) ^ 0x5354_554E
        return head + Self.attribute(0x8028, (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) })
    }

    static func bigEndian(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    private static func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255) } }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in (value >> 1) ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
    }
}

/// What a test reads of an answer: its type, and the values of its attributes by number.
struct WireAnswer {
    let type: UInt16
    let transactionID: [UInt8]
    let attributes: [(type: UInt16, value: [UInt8])]

    /// Nil if the lengths do not fit, which is a failure of the server.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 20, Self.number(bytes[2...3]) == bytes.count - 20 else { return nil }
        type = UInt16(Self.number(bytes[0...1]))
        transactionID = Array(bytes[4..<20])
        var attributes: [(UInt16, [UInt8])] = []
        var rest = bytes[20...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = Self.number(rest.dropFirst(2).prefix(2))
            let padded = (length + 3) / 4 * 4
            guard rest.count >= 4 + padded else { return nil }
            attributes.append((UInt16(Self.number(rest.prefix(2))), Array(rest.dropFirst(4).prefix(length))))
            rest = rest.dropFirst(4 + padded)
        }
        self.attributes = attributes
    }

    func value(_ type: UInt16) -> [UInt8]? { attributes.first { $0.type == type }?.value }

    /// The number of ERROR-CODE (RFC 8489 section 14.8).
    var errorCode: Int? { value(0x0009).flatMap { $0.count >= 4 ? Int($0[2]) * 100 + Int($0[3]) : nil } }

    /// The port of an address attribute, which stands at the same place in all of them.
    func port(_ type: UInt16) -> UInt16? {
        value(type).flatMap { $0.count >= 4 ? UInt16(Self.number($0[2...3])) : nil }
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}
