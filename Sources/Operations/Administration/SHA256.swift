// Unsafe: hands a buffer to OpenSSL, which takes pointers. Every pointer stays inside its call.

import COpenSSL

/// SHA-256 (FIPS 180-4), as OpenSSL computes it.
enum SHA256 {
    /// The 32 bytes of the digest.
    static func digest(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var context = SHA256_CTX()
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe stund_sha256_init(&context)
        unsafe stund_sha256_update(&context, bytes, bytes.count)
        unsafe stund_sha256_final(&digest, &context)
        return digest
    }
}
