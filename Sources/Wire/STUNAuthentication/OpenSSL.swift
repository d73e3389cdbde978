// Unsafe: OpenSSL takes pointers. Every pointer here comes from a span or an array that outlives the call and goes with
// that memory's own length; the only one kept is the context of `HMAC`, which owns it and frees it once. No other file of
// this target is unsafe.

internal import COpenSSL

/// An HMAC (RFC 2104) with its key already taken in.
///
/// Sendable all the same: OpenSSL ties a context to no thread, and only `mutating` methods touch it, to which Swift gives
/// the value for themselves.
@safe
struct HMAC: ~Copyable, @unchecked Sendable {
    /// Room for the longest HMAC here; one by SHA-1 fills 20 bytes and leaves zeros.
    typealias Code = [32 of UInt8]

    private let context: OpaquePointer
    private let name: String

    /// Takes in a key of at least one byte for a hash by OpenSSL's name.
    init(digest: String, key: Span<UInt8>) throws(CryptographyError) {
        name = "HMAC-" + digest
        guard !key.isEmpty else { throw .emptyKey }
        ERR_clear_error()
        // OpenSSL's constructor of contexts would follow a null algorithm.
        guard let algorithm = unsafe EVP_MAC_fetch(nil, OSSL_MAC_NAME_HMAC, nil) else {
            throw .unavailable(algorithm: name, reason: latestReason())
        }
        // The context holds on to the algorithm.
        defer { unsafe EVP_MAC_free(algorithm) }
        guard let context = unsafe EVP_MAC_CTX_new(algorithm) else {
            throw .failed(algorithm: name, reason: latestReason())
        }
        guard unsafe Self.start(context, digest: digest, key: key) else {
            unsafe EVP_MAC_CTX_free(context)
            throw .unavailable(algorithm: name, reason: latestReason())
        }
        unsafe self.context = context
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// The HMAC of two pieces of text, one after the other.
    mutating func code(of head: Span<UInt8>, _ tail: RawSpan) throws(CryptographyError) -> Code {
        var code = Code(repeating: 0)
        ERR_clear_error()
        // No key: OpenSSL starts again with the one it has.
        guard unsafe EVP_MAC_init(context, nil, 0, nil) == 1, unsafe update(head.bytes), update(tail), finish(&code)
        else {
            throw .failed(algorithm: name, reason: latestReason())
        }
        return code
    }

    private mutating func update(_ text: RawSpan) -> Bool {
        unsafe text.withUnsafeBytes { text in
            unsafe EVP_MAC_update(context, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count) == 1
        }
    }

    private mutating func finish(_ code: inout Code) -> Bool {
        var span = code.mutableSpan
        var length = 0
        return unsafe span.withUnsafeMutableBufferPointer { code in
            unsafe EVP_MAC_final(context, code.baseAddress, &length, code.count) == 1
        }
    }

    private static func start(_ context: OpaquePointer, digest: String, key: Span<UInt8>) -> Bool {
        var digest = Array(digest.utf8CString)
        return unsafe digest.withUnsafeMutableBufferPointer { digest in
            let parameters = unsafe [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            return unsafe key.withUnsafeBufferPointer { key in
                unsafe EVP_MAC_init(context, key.baseAddress, key.count, parameters) == 1
            }
        }
    }
}

/// The hash of a text's UTF-8, by OpenSSL's name of the hash.
func digest(_ text: String, named name: String) throws(CryptographyError) -> [UInt8] {
    let text = Array(text.utf8)
    // OpenSSL takes no size here and writes at most EVP_MAX_MD_SIZE bytes.
    var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length = 0
    ERR_clear_error()
    guard unsafe EVP_Q_digest(nil, name, nil, text, text.count, &hash, &length) == 1 else {
        throw .unavailable(algorithm: name, reason: latestReason())
    }
    return Array(hash.prefix(length))
}

/// Whether two pieces of the same length are the same, in a time that tells nothing of where they differ.
func constantTimeEquals(_ first: Span<UInt8>, _ second: RawSpan) -> Bool {
    guard first.count == second.byteCount else { return false }
    return unsafe first.bytes.withUnsafeBytes { first in
        unsafe second.withUnsafeBytes { second in
            unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
        }
    }
}

/// What OpenSSL says of the latest failure on this thread.
private func latestReason() -> String {
    let code = ERR_get_error()
    guard code != 0, let reason = unsafe ERR_reason_error_string(code) else { return "no reason given" }
    return unsafe String(cString: reason)
}
