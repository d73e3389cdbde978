/// How much a store may hold, so that no fleet and nobody who can write to the store exhausts a server's memory.
package enum StoreLimits {
    /// The most servers.
    package static let members = 10_000
    /// The longest name of a server, in bytes.
    package static let nameBytes = 80
    /// The longest record of a server, a user or a secret, in bytes.
    package static let recordBytes = 4096
    /// The most users.
    package static let users = 100_000
    /// The most secrets, retired ones among them.
    package static let secrets = 64
    /// The most accounts whose allocations one server publishes.
    package static let accounts = 20_000
    /// The most that a server reads of what the others have published about accounts, in bytes.
    package static let countBytes = 64 << 20
    /// The longest key of nonces, in bytes.
    package static let nonceKeyBytes = 64
    /// The most servers that are asked to drain by name.
    package static let drains = 10_000
    /// The most bytes that are read in one round trip.
    package static let replyBytes = 16 << 20

    /// Whether a server may be called so: up to 80 letters, digits and `.-_:[]`.
    package static func isName(_ text: String) -> Bool {
        (1...nameBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".-_:[]".utf8.contains(byte)
            }
    }

    static func check(name: String) throws(ClusterStoreError) {
        guard isName(name) else { throw .notAName }
    }

    static func check(_ counts: [AllocationCount]) throws(ClusterStoreError) {
        guard counts.count <= accounts else { throw .tooMany("accounts of one server", limit: accounts) }
    }

    static func check(nonceKey key: [UInt8]) throws(ClusterStoreError) {
        guard (1...nonceKeyBytes).contains(key.count) else {
            throw .tooLarge("the key of nonces", limit: nonceKeyBytes)
        }
    }

    /// Whole milliseconds, at least one.
    static func milliseconds(_ lifetime: Duration) -> Int64 {
        let (seconds, attoseconds) = lifetime.components
        // A year is more than anybody means, and far from what would overflow.
        return max(1, min(max(0, seconds), 31_536_000) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
