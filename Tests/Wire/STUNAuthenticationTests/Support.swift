// Unsafe: seeing the elements of an array as raw bytes counts as unsafe, since padding between them may hold anything. Bytes
// have no padding.

import Foundation
import STUNCodec

@testable import STUNAuthentication

/// The bytes of a file under `Tests/Fixtures`.
func fixture(_ path: String) throws -> [UInt8] {
    let tests = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try [UInt8](Data(contentsOf: tests.appending(path: "Fixtures").appending(path: path)))
}

/// The bytes of a hex dump; blanks and newlines are passed over.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// A key as a test knows it, which can be made anew for every check.
struct Secret: Sendable {
    let algorithm: IntegrityAlgorithm
    let bytes: [UInt8]

    init(_ algorithm: IntegrityAlgorithm, _ bytes: [UInt8]) {
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The short-term password of RFC 5769.
    static let rfc5769 = Secret(.hmacSHA1, Array("VOkJxbRl1RmTxUk/WvJxBt".utf8))

    /// Checks one message with a fresh key.
    func check(_ message: [UInt8], minimumLength: Int = 32, as dialect: Dialect = .cookie) throws -> IntegrityCheck {
        var key = try IntegrityKey(algorithm, key: bytes.span)
        return try key.check(Message(parsing: message.rawSpan, as: dialect), minimumLength: minimumLength)
    }

    /// The HMAC of bytes as they stand.
    func hmac(_ bytes: [UInt8]) throws -> [UInt8] {
        var hmac = try HMAC(digest: algorithm.digestName, key: self.bytes.span)
        let code = try hmac.code(of: [UInt8]().span, bytes.rawSpan)
        return (0..<algorithm.length).map { code[$0] }
    }

    /// The message with an integrity attribute appended whose HMAC is cut to `length` bytes, or zero-extended to it.
    ///
    /// The HMAC comes from here, not from `IntegrityKey`: the length field is written into the bytes and all are hashed.
    func sign(_ message: [UInt8], length: Int? = nil) throws -> [UInt8] {
        let length = length ?? algorithm.length
        var signed = appending(algorithm.attributeType.rawValue, [UInt8](repeating: 0, count: length), to: message)
        let covered = Array(signed[..<message.count])
        let code = try hmac(covered)
        for index in 0..<min(length, code.count) { signed[message.count + 4 + index] = code[index] }
        return signed
    }
}

/// The message with one more attribute, and a length field that counts it.
func appending(_ type: UInt16, _ value: [UInt8], to message: [UInt8]) -> [UInt8] {
    var longer = message + [UInt8(type >> 8), UInt8(type & 0xFF), UInt8(value.count >> 8), UInt8(value.count & 0xFF)]
    longer += value
    while longer.count % 4 != 0 { longer.append(0) }
    return settingLength(longer.count - 20, in: longer)
}

/// The message with another number in its length field.
func settingLength(_ length: Int, in message: [UInt8]) -> [UInt8] {
    var changed = message
    changed[2] = UInt8(length >> 8)
    changed[3] = UInt8(length & 0xFF)
    return changed
}

extension [UInt8] {
    /// The bytes as the codec reads them.
    var rawSpan: RawSpan { unsafe span.bytes }
}
