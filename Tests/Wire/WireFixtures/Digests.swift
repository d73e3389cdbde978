// Unsafe: OpenSSL takes pointers. Every pointer here comes from an array that outlives the call and goes with that array's
// own length, and none is kept.

internal import COpenSSL

/// The hashes of long-term credentials, straight from OpenSSL, without the code under test.
public enum TestHash: Sendable {
    case md5
    case sha1
    case sha256

    /// The digest of bytes.
    public func digest(_ text: [UInt8]) -> [UInt8] {
        let method =
            switch self {
            case .md5: unsafe EVP_md5()
            case .sha1: unsafe EVP_sha1()
            case .sha256: unsafe EVP_sha256()
            }
        var digest = [UInt8](repeating: 0, count: 64)
        var count: UInt32 = 0
        unsafe text.withUnsafeBufferPointer { text in
            _ = unsafe digest.withUnsafeMutableBufferPointer { digest in
                unsafe EVP_Digest(text.baseAddress, text.count, digest.baseAddress, &count, method, nil)
            }
        }
        return Array(digest.prefix(Int(count)))
    }

    /// The HMAC of bytes (RFC 2104), made of the digest alone.
    public func hmac(_ text: [UInt8], key: [UInt8]) -> [UInt8] {
        let short = key.count > 64 ? digest(key) : key
        let block = short + [UInt8](repeating: 0, count: 64 - short.count)
        return digest(block.map { $0 ^ 0x5C } + digest(block.map { $0 ^ 0x36 } + text))
    }
}

extension Wire {
    /// A message with an integrity attribute behind it: 0x0008 is HMAC-SHA1, 0x001C HMAC-SHA256, cut or extended to `length`.
    public static func signed(_ message: [UInt8], key: [UInt8], type: UInt16 = 0x0008, length: Int? = nil) -> [UInt8] {
        let hash = type == 0x001C ? TestHash.sha256 : .sha1
        let length = length ?? (type == 0x001C ? 32 : 20)
        var signed = message
        signed.replaceSubrange(2..<4, with: bytes(UInt16(message.count - 20 + 4 + (length + 3) / 4 * 4)))
        var code = hash.hmac(signed, key: key)
        while code.count < length { code.append(0) }
        signed += bytes(type) + bytes(UInt16(length)) + code.prefix(length)
        while signed.count % 4 != 0 { signed.append(0) }
        return signed
    }

    /// A message with one more attribute, and a length field that counts it.
    public static func appending(_ attribute: Attribute, to message: [UInt8]) -> [UInt8] {
        var longer = message + bytes(attribute.type) + bytes(UInt16(attribute.value.count)) + attribute.value
        while longer.count % 4 != 0 { longer.append(0) }
        longer.replaceSubrange(2..<4, with: bytes(UInt16(longer.count - 20)))
        return longer
    }

    /// A message with the FINGERPRINT of RFC 8489 section 14.7 behind it.
    public static func appendingFingerprint(to message: [UInt8]) -> [UInt8] {
        var longer = appending(Attribute(0x8028, [0, 0, 0, 0]), to: message)
        let crc = crc32(longer[..<message.count]) ^ 0x5354_554E
        longer.replaceSubrange(
            (message.count + 4)...,
            with: bytes(UInt16(crc >> 16)) + bytes(UInt16(crc & 0xFFFF))
        )
        return longer
    }

    /// Whether the integrity attribute of this number is right for a key.
    public static func isSigned(_ message: [UInt8], key: [UInt8], type: UInt16) -> Bool {
        var at = 20
        while at + 4 <= message.count {
            let count = Int(message[at + 2]) * 256 + Int(message[at + 3])
            if UInt16(message[at]) << 8 | UInt16(message[at + 1]) == type {
                let end = at + 4 + count
                return end <= message.count
                    && Array(message[..<end])
                        == signed(Array(message[..<at]), key: key, type: type, length: count)
                        .replacingLength(of: message)
            }
            at += 4 + (count + 3) / 4 * 4
        }
        return false
    }

    /// The two halves of a 32-bit number in network byte order.
    public static func bytes(_ value: UInt32) -> [UInt8] {
        bytes(UInt16(value >> 16)) + bytes(UInt16(value & 0xFFFF))
    }
}

extension [UInt8] {
    /// The same bytes with another message's length field: more may follow than what was signed.
    fileprivate func replacingLength(of message: [UInt8]) -> [UInt8] {
        Array(prefix(2)) + message[2..<4] + dropFirst(4)
    }
}
