import AccountStore
import Foundation

/// How records are written: JSON with names, so that newer versions may add to them and older ones still read them.
enum StoreRecord {
    static func write(_ value: some Encodable, _ what: String) throws(ClusterStoreError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value), data.count <= StoreLimits.recordBytes else {
            throw .tooLarge(what, limit: StoreLimits.recordBytes)
        }
        return Array(data)
    }

    /// nil when it is none.
    static func read<Value: Decodable>(_ bytes: [UInt8], as type: Value.Type) -> Value? {
        guard bytes.count <= StoreLimits.recordBytes else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// A user as the store keeps it: the keys, never the password.
struct UserRecord: Codable {
    let name: String
    let realm: String
    let md5: String
    let sha256: String
    let created: Int64
    let comment: String

    init(_ user: StoredUser) {
        name = user.name
        realm = user.realm
        md5 = Data(user.md5Key).base64EncodedString()
        sha256 = Data(user.sha256Key).base64EncodedString()
        created = user.created
        comment = user.comment
    }

    /// nil when a name is empty or a key is none.
    var user: StoredUser? {
        guard !name.isEmpty, !realm.isEmpty, let md5 = Data(base64Encoded: md5),
            let sha256 = Data(base64Encoded: sha256),
            md5.count == 16, sha256.count == 32
        else { return nil }
        return StoredUser(
            name: name,
            realm: realm,
            md5Key: Array(md5),
            sha256Key: Array(sha256),
            created: created,
            comment: comment
        )
    }

    /// What the user is found by: no name or realm has a line feed in it (RFC 8265 section 4.2.2).
    static func field(name: String, realm: String) -> String { "\(realm)\n\(name)" }
}

/// A secret as the store keeps it.
struct SecretRecord: Codable {
    let id: String
    let secret: String
    let created: Int64
    let retired: Int64?

    init(_ secret: StoredSecret) {
        id = secret.id
        self.secret = secret.secret
        created = secret.created
        retired = secret.retired
    }

    /// nil when it is empty.
    var stored: StoredSecret? {
        guard !id.isEmpty, !secret.isEmpty else { return nil }
        return StoredSecret(id: id, secret: secret, created: created, retired: retired)
    }
}

/// Counts of allocations as 20 bytes each: the account, then the number, in network byte order.
enum CountRecord {
    static let size = 20

    static func write(_ counts: [AllocationCount]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(counts.count * size)
        for count in counts {
            append(count.high, to: &bytes)
            append(count.low, to: &bytes)
            let number = UInt32(clamping: count.allocations)
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
        }
        return bytes
    }

    /// What is no whole count at the end is left out.
    static func read(_ bytes: [UInt8]) -> [AllocationCount] {
        (0..<bytes.count / size).map { index in
            let start = index * size
            return AllocationCount(
                high: number(bytes[start..<start + 8]),
                low: number(bytes[start + 8..<start + 16]),
                allocations: Int(clamping: number(bytes[start + 16..<start + 20]))
            )
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
