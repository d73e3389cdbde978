// Unsafe: hands buffers to OpenSSL, which takes pointers. Every pointer stays inside its call.

import COpenSSL

/// One direction of an encrypted connection: AES-256-GCM with a counter as nonce, so that no frame can be changed, left
/// out, repeated or moved.
struct FleetCipher {
    /// What a frame is longer than its text by, in bytes.
    static let overhead = 16

    private let key: [UInt8]
    private var counter: UInt64 = 0

    /// Takes a key of 32 bytes that no other direction or connection has.
    init(key: [UInt8]) { self.key = key }

    /// The bytes of the next frame, which prove `header` too; nil when OpenSSL has no memory, or no nonce is left.
    mutating func seal(_ text: [UInt8], header: [UInt8]) -> [UInt8]? {
        guard let nonce = nextNonce(), let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var output = [UInt8](repeating: 0, count: text.count + Self.overhead)
        var tag = [UInt8](repeating: 0, count: Self.overhead)
        var (count, rest) = (Int32(0), Int32(0))
        guard unsafe EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            unsafe EVP_EncryptUpdate(context, nil, &rest, header, Int32(clamping: header.count)) == 1,
            unsafe EVP_EncryptUpdate(context, &output, &count, text, Int32(clamping: text.count)) == 1,
            unsafe EVP_EncryptFinal_ex(context, nil, &rest) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.overhead), &tag) == 1,
            Int(count) == text.count
        else { return nil }
        output.replaceSubrange(text.count..., with: tag)
        return output
    }

    /// The text of the next frame; nil when it is not the one that the other side sent next.
    mutating func open(_ frame: [UInt8], header: [UInt8]) -> [UInt8]? {
        guard frame.count >= Self.overhead, let nonce = nextNonce(), let context = unsafe EVP_CIPHER_CTX_new() else {
            return nil
        }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        let text = Array(frame.dropLast(Self.overhead))
        var tag = Array(frame.suffix(Self.overhead))
        // One byte more, since an empty array has no memory to point to.
        var output = [UInt8](repeating: 0, count: text.count + 1)
        var (count, rest) = (Int32(0), Int32(0))
        guard unsafe EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            unsafe EVP_DecryptUpdate(context, nil, &rest, header, Int32(clamping: header.count)) == 1,
            unsafe EVP_DecryptUpdate(context, &output, &count, text, Int32(clamping: text.count)) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.overhead), &tag) == 1,
            unsafe EVP_DecryptFinal_ex(context, nil, &rest) == 1, Int(count) == text.count
        else { return nil }
        return Array(output.prefix(text.count))
    }

    /// 12 bytes that this key never sees again.
    private mutating func nextNonce() -> [UInt8]? {
        guard counter < .max else { return nil }
        defer { counter += 1 }
        return [0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: counter >> UInt64(56 - 8 * $0)) }
    }
}

/// Keys that follow from others (RFC 5869).
enum KeyDerivation {
    /// So many bytes by HKDF with SHA-256; nil when OpenSSL cannot.
    static func derive(from secret: [UInt8], salt: [UInt8], label: String, count: Int) -> [UInt8]? {
        guard let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        let info = Array(label.utf8)
        var output = [UInt8](repeating: 0, count: count)
        var length = count
        guard unsafe EVP_PKEY_derive_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1,
            unsafe EVP_PKEY_CTX_set1_hkdf_salt(context, salt, Int32(clamping: salt.count)) == 1,
            unsafe EVP_PKEY_CTX_set1_hkdf_key(context, secret, Int32(clamping: secret.count)) == 1,
            unsafe EVP_PKEY_CTX_add1_hkdf_info(context, info, Int32(clamping: info.count)) == 1,
            unsafe EVP_PKEY_derive(context, &output, &length) == 1, length == count
        else { return nil }
        return output
    }
}
