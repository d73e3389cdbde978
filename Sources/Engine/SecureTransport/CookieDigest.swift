// Unsafe: OpenSSL takes pointers. Every pointer here comes from a span or an inline array that outlives the call and goes with that
// memory's own length, and no pointer is kept.

internal import CSecureTransport

/// HMAC-SHA-256 (RFC 2104) with its key taken in, a value of fixed size: a stranger's datagram takes no memory.
struct CookieDigest: Sendable {
    private var inner = SHA256_CTX()
    private var outer = SHA256_CTX()

    /// Takes in a key of at most 64 bytes; more of it does not count.
    init(key: RawSpan) {
        unsafe secure_sha256_init(&inner)
        unsafe secure_sha256_init(&outer)
        var block = [64 of UInt8](repeating: 0)
        for index in 0..<min(64, key.byteCount) { block[index] = (key.byte(at: index) ?? 0) ^ 0x36 }
        for index in min(64, key.byteCount)..<64 { block[index] = 0x36 }
        Self.update(&inner, block.rawBytes)
        for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
        Self.update(&outer, block.rawBytes)
    }

    /// Takes in the next piece.
    mutating func update(_ text: RawSpan) { Self.update(&inner, text) }

    /// The digest of all pieces; the value is used up.
    mutating func finish() -> [32 of UInt8] {
        let digest = Self.finish(&inner)
        Self.update(&outer, digest.rawBytes)
        return Self.finish(&outer)
    }

    private static func update(_ context: inout SHA256_CTX, _ text: RawSpan) {
        unsafe text.withUnsafeBytes { unsafe secure_sha256_update(&context, $0.baseAddress, $0.count) }
    }

    private static func finish(_ context: inout SHA256_CTX) -> [32 of UInt8] {
        var digest = [32 of UInt8](repeating: 0)
        var span = digest.mutableSpan
        unsafe span.withUnsafeMutableBufferPointer { unsafe secure_sha256_final($0.baseAddress, &context) }
        return digest
    }

    /// Whether two pieces are the same, in a time that tells nothing of where they differ (attacks row 17).
    static func areEqual(_ first: RawSpan, _ second: RawSpan) -> Bool {
        guard first.byteCount == second.byteCount else { return false }
        return unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
            }
        }
    }
}
