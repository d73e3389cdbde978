// Unsafe: OpenSSL's certificates and keys are pointers. Each is owned by one value here, which frees it.

internal import CSecureTransport

/// A certificate.
@safe
final class Certificate {
    let pointer: OpaquePointer

    /// Takes over a certificate.
    init(owned pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe X509_free(pointer) }

    /// Whether a key is its own.
    func matches(_ key: PrivateKey) -> Bool { unsafe X509_check_private_key(pointer, key.pointer) == 1 }
}

/// A private key.
@safe
final class PrivateKey {
    let pointer: OpaquePointer

    /// Takes over a key.
    init(owned pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }
}

/// Certificates and keys as text (RFC 7468).
enum PEM {
    /// All certificates, the server's own first.
    static func certificates(_ bytes: [UInt8]) throws(TLSContextError) -> [Certificate] {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let found: [Certificate] = unsafe withBIO(bytes) { bio in
            var found: [Certificate] = []
            while let next = unsafe secure_read_certificate(bio) { unsafe found.append(Certificate(owned: next)) }
            return found
        }
        let code = ERR_peek_last_error()
        // The end of the text shows as a missing first line.
        guard code == 0 || isEnd(code) else {
            throw TLSContextError(.badCertificate(number: found.count + 1, SessionFailure.libraryText(code)))
        }
        guard !found.isEmpty else { throw TLSContextError(.noCertificate) }
        return found
    }

    /// The first key.
    static func key(_ bytes: [UInt8]) throws(TLSContextError) -> PrivateKey {
        ERR_clear_error()
        defer { ERR_clear_error() }
        var isEncrypted: Int32 = 0
        let key = unsafe withBIO(bytes) { bio in unsafe secure_read_key(bio, &isEncrypted) }
        if let key = unsafe key { return unsafe PrivateKey(owned: key) }
        guard isEncrypted == 0 else { throw TLSContextError(.encryptedKey) }
        // OpenSSL calls text without a key "unsupported", as it does a broken one.
        guard String(decoding: bytes, as: UTF8.self).contains("PRIVATE KEY-----") else { throw TLSContextError(.noKey) }
        throw TLSContextError(.badKey(SessionFailure.libraryText(ERR_peek_last_error())))
    }

    private static func isEnd(_ code: UInt) -> Bool {
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE
    }

    private static func withBIO<Result>(_ bytes: [UInt8], _ use: (OpaquePointer?) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { bytes in
            let bio = unsafe BIO_new_mem_buf(
                bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1),
                Int32(clamping: bytes.count)
            )
            defer { unsafe BIO_free(bio) }
            return unsafe use(bio)
        }
    }
}
