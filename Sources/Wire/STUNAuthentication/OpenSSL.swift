// Unsafe: OpenSSL takes pointers, and seeing bytes as a raw span counts as unsafe. Every pointer here comes from a span or
// an inline array that outlives the call and goes with that memory's own length, and no pointer is kept. No other file of
// this target is unsafe.

internal import COpenSSL

/// Room for the longest digest here; a shorter one is followed by zeros.
typealias Digest = [32 of UInt8]

/// A hash that takes its text piece by piece and allocates nothing.
protocol HashFunction: Sendable {
    /// The length of the digest in bytes, at most 32.
    static var length: Int { get }
    /// Starts with no text.
    init()
    /// Takes in the next piece.
    mutating func update(_ text: RawSpan)
    /// The digest of all pieces; the value is used up.
    mutating func finish() -> Digest
}

/// MD5 (RFC 1321).
struct MD5: HashFunction {
    static var length: Int { 16 }
    private var context = MD5_CTX()

    init() { unsafe stund_md5_init(&context) }

    mutating func update(_ text: RawSpan) {
        unsafe text.withUnsafeBytes { unsafe stund_md5_update(&context, $0.baseAddress, $0.count) }
    }

    mutating func finish() -> Digest {
        unsafe withDigest { unsafe stund_md5_final($0, &context) }
    }
}

/// SHA-1 (RFC 3174).
struct SHA1: HashFunction {
    static var length: Int { 20 }
    private var context = SHA_CTX()

    init() { unsafe stund_sha1_init(&context) }

    mutating func update(_ text: RawSpan) {
        unsafe text.withUnsafeBytes { unsafe stund_sha1_update(&context, $0.baseAddress, $0.count) }
    }

    mutating func finish() -> Digest {
        unsafe withDigest { unsafe stund_sha1_final($0, &context) }
    }
}

/// SHA-256 (RFC 6234).
struct SHA256: HashFunction {
    static var length: Int { 32 }
    private var context = SHA256_CTX()

    init() { unsafe stund_sha256_init(&context) }

    mutating func update(_ text: RawSpan) {
        unsafe text.withUnsafeBytes { unsafe stund_sha256_update(&context, $0.baseAddress, $0.count) }
    }

    mutating func finish() -> Digest {
        unsafe withDigest { unsafe stund_sha256_final($0, &context) }
    }
}

/// A digest of 32 zeros that `write` fills from its start, which no hash here outgrows.
private func withDigest(_ write: (UnsafeMutablePointer<UInt8>?) -> Void) -> Digest {
    var digest = Digest(repeating: 0)
    var span = digest.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer { unsafe write($0.baseAddress) }
    return digest
}

/// Whether two pieces are the same, in a time that tells nothing of where they differ (attacks row 17).
func constantTimeEquals(_ first: RawSpan, _ second: RawSpan) -> Bool {
    guard first.byteCount == second.byteCount else { return false }
    return unsafe first.withUnsafeBytes { first in
        unsafe second.withUnsafeBytes { second in
            unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
        }
    }
}

extension InlineArray where Element == UInt8 {
    /// The bytes as the codec reads them.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}

extension [UInt8] {
    /// The bytes as the codec reads them.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}
