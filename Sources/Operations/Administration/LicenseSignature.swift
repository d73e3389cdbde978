// Unsafe: hands keys and buffers to OpenSSL, which takes pointers. Every pointer stays inside its call.

import COpenSSL

/// Signatures by Ed25519 (RFC 8032), as OpenSSL makes and checks them.
enum LicenseSignature {
    /// How long a signature is, in bytes.
    static let length = 64

    /// A private key and its public key, 32 bytes each; nil when the system has no randomness.
    static func newKey() -> (secret: [UInt8], open: [UInt8])? {
        var secret = [UInt8](repeating: 0, count: 32)
        guard unsafe RAND_priv_bytes(&secret, 32) == 1, let open = publicKey(of: secret) else { return nil }
        return (secret, open)
    }

    /// The public key of a private one.
    static func publicKey(of secret: [UInt8]) -> [UInt8]? {
        guard let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, secret, secret.count) else {
            return nil
        }
        defer { unsafe EVP_PKEY_free(key) }
        var open = [UInt8](repeating: 0, count: 32)
        var count = open.count
        return unsafe EVP_PKEY_get_raw_public_key(key, &open, &count) == 1 && count == 32 ? open : nil
    }

    /// The signature of a text; nil when OpenSSL cannot make one.
    static func sign(_ text: [UInt8], with secret: [UInt8]) -> [UInt8]? {
        guard let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, secret, secret.count) else {
            return nil
        }
        defer { unsafe EVP_PKEY_free(key) }
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: length)
        var count = length
        guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else { return nil }
        return unsafe EVP_DigestSign(context, &signature, &count, text, text.count) == 1 && count == length
            ? signature : nil
    }

    /// Whether a signature is that of a text, made with the private key of `open`.
    static func isRight(_ signature: [UInt8], of text: [UInt8], by open: [UInt8]) -> Bool {
        guard signature.count == length,
            let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, open, open.count)
        else { return false }
        defer { unsafe EVP_PKEY_free(key) }
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return unsafe EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
    }
}
