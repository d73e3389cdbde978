// Unsafe: hands buffers to OpenSSL, which takes pointers. Every pointer stays inside its call.
import COpenSSL

/// HMAC-SHA-256 (RFC 2104) with a key that only this process has: names secrets in memory without keeping them.
public struct KeyedDigest: Sendable {
    private let key: [UInt8]

    /// Makes a random key.
    public init() {
        var generator = SystemRandomNumberGenerator()
        key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// 32 bytes that tell nothing of `text`.
    public func bytes(of text: String) -> [UInt8] {
        let input = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        unsafe HMAC(EVP_sha256(), key, Int32(key.count), input, input.count, &output, &length)
        return output
    }
}
