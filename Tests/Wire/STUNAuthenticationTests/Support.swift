import STUNCodec
import WireFixtures

@testable import STUNAuthentication

/// A key as a test knows it: any bytes, with the HMAC that they are for.
struct Secret: Sendable {
    let algorithm: IntegrityAlgorithm
    let bytes: [UInt8]

    init(_ algorithm: IntegrityAlgorithm, _ bytes: [UInt8]) {
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The short-term password of RFC 5769.
    static let rfc5769 = Secret(.hmacSHA1, Array("VOkJxbRl1RmTxUk/WvJxBt".utf8))

    /// Checks one message.
    func check(_ message: [UInt8], as dialect: Dialect = .cookie) throws -> IntegrityCheck {
        try Message(parsing: message.raw, as: dialect).checkIntegrity(algorithm, key: bytes.raw)
    }

    /// The HMAC of bytes as they stand.
    func hmac(_ text: [UInt8]) -> [UInt8] {
        let code =
            switch algorithm {
            case .hmacSHA1: HMAC<SHA1>(key: bytes.raw).code(of: text.raw)
            case .hmacSHA256: HMAC<SHA256>(key: bytes.raw).code(of: text.raw)
            }
        return (0..<algorithm.length).map { code[$0] }
    }

    /// The message with an integrity attribute appended whose HMAC is cut to `length` bytes, or zero-extended to it.
    ///
    /// Nothing of the code under test but the bare HMAC: the length field is written into the bytes and all are hashed.
    func sign(_ message: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? algorithm.length
        var signed = appending(algorithm.attributeType.rawValue, [UInt8](repeating: 0, count: length), to: message)
        let code = hmac(Array(signed[..<message.count]))
        for index in 0..<min(length, code.count) { signed[message.count + 4 + index] = code[index] }
        return signed
    }
}

/// The message with one more attribute, and a length field that counts it.
func appending(_ type: UInt16, _ value: [UInt8], to message: [UInt8]) -> [UInt8] {
    var longer = message + Wire.bytes(type) + Wire.bytes(UInt16(value.count)) + value
    while longer.count % 4 != 0 { longer.append(0) }
    return settingLength(longer.count - 20, in: longer)
}

/// The message with another number in its length field.
func settingLength(_ length: Int, in message: [UInt8]) -> [UInt8] {
    var changed = message
    changed.replaceSubrange(2..<4, with: Wire.bytes(UInt16(length)))
    return changed
}
