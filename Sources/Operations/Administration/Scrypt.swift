// Unsafe: hands buffers to OpenSSL, which takes pointers. Every pointer stays inside its closure.

import COpenSSL

/// scrypt (RFC 7914) and its helpers, as OpenSSL computes them.
enum Scrypt {
    /// The cost of one computation (RFC 7914 section 2).
    struct Cost: Hashable, Sendable {
        /// Binary logarithm of N, the CPU and memory cost.
        var logN: Int
        /// The block size r.
        var blockSize: Int
        /// The parallelization p.
        var parallelization: Int

        /// 32 MiB and about a tenth of a second: affordable on a small virtual server, costly to guess against.
        static let standard = Cost(logN: 15, blockSize: 8, parallelization: 1)

        /// Most memory that one computation may take, so that a settings file can't ask for 64 GB.
        static let memoryLimit = 128 << 20

        /// Whether the cost is valid (RFC 7914 section 6) and one that this program is ready to pay.
        ///
        /// The limits of the single numbers come first: they keep the product far from overflow.
        var isAcceptable: Bool {
            (1...24).contains(logN) && (1...32).contains(blockSize) && (1...16).contains(parallelization)
                && logN < 16 * blockSize && 128 * blockSize * (parallelization + (1 << logN)) <= Self.memoryLimit
        }
    }

    /// Derives a key of `length` bytes; nil when OpenSSL can't (no memory) or the cost is out of bounds.
    static func derive(password: String, salt: [UInt8], cost: Cost, length: Int) -> [UInt8]? {
        guard cost.isAcceptable, length > 0 else { return nil }
        var password = password
        var key = [UInt8](repeating: 0, count: length)
        // `withUTF8` lends a native string's own storage: no copy of the password is left behind.
        let isDerived = password.withUTF8 { secret in
            unsafe secret.withMemoryRebound(to: CChar.self) { secret in
                unsafe EVP_PBE_scrypt(
                    secret.baseAddress,
                    secret.count,
                    salt,
                    salt.count,
                    1 << UInt64(cost.logN),
                    UInt64(cost.blockSize),
                    UInt64(cost.parallelization),
                    UInt64(2 * Cost.memoryLimit),
                    &key,
                    key.count
                ) == 1
            }
        }
        return isDerived ? key : nil
    }

    /// Fresh random bytes from OpenSSL's generator; nil when it has no entropy.
    static func randomBytes(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return unsafe RAND_bytes(&bytes, Int32(clamping: count)) == 1 ? bytes : nil
    }

    /// Compares in a time that doesn't depend on the bytes.
    static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        unsafe left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Overwrites a secret so that the optimizer can't leave it in memory.
    static func wipe(_ secret: inout [UInt8]) {
        unsafe OPENSSL_cleanse(&secret, secret.count)
        secret = []
    }
}
