public import STUNCodec

/// USERHASH (RFC 8489 section 14.4): names a user to those who know the name already.
public struct UserHash: Attribute, Hashable {
    /// The number on the wire.
    public static var type: AttributeType { .userHash }
    private let words: [4 of UInt64]

    /// Hashes a name and a realm that have been prepared with OpaqueString of RFC 8265.
    public init(username: String, realm: String) {
        let (username, realm) = (Array(username.utf8), Array(realm.utf8))
        self.init(username: username.rawBytes, realm: realm.rawBytes)
    }

    /// Hashes a name and a realm as they stand in a message.
    init(username: RawSpan, realm: RawSpan) {
        var hash = SHA256()
        hash.update(username)
        hash.updateWithColon()
        hash.update(realm)
        self.init(hash.finish())
    }

    /// Takes 32 bytes; nil for any other number of them.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.init(raw: bytes.rawBytes)
    }

    /// Reads 32 bytes.
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 32 else { return nil }
        self.init(raw: value)
    }

    private init(_ digest: Digest) { self.init(raw: digest.rawBytes) }

    private init(raw: RawSpan) {
        words = [raw.uint64(at: 0), raw.uint64(at: 8), raw.uint64(at: 16), raw.uint64(at: 24)]
    }

    /// The 32 bytes of the attribute's value.
    public var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - 8 * ($0 % 8))) }
    }

    /// What the server knows the user by.
    public var user: UserID { UserID(high: words[0], low: words[1]) }

    /// 32 bytes.
    public func length(in context: AttributeContext) -> Int { 32 }

    /// Writes the bytes.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        for index in words.indices { packet.write(words[index], at: offset &+ 8 &* index) }
    }

    /// Whether all 32 bytes are the same, in a time that tells nothing of where they differ.
    public static func == (left: Self, right: Self) -> Bool {
        var difference: UInt64 = 0
        for index in left.words.indices { difference |= left.words[index] ^ right.words[index] }
        return difference == 0
    }

    /// The hash is uniform: half of it will do.
    public func hash(into hasher: inout Hasher) { hasher.combine(user) }
}

/// A user of one realm: the first 16 bytes of the USERHASH (RFC 8489 section 14.4).
public struct UserID: Hashable, Comparable, Sendable {
    /// The first eight bytes.
    public let high: UInt64
    /// The next eight bytes.
    public let low: UInt64

    /// Joins the two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Orders by the bytes.
    public static func < (left: Self, right: Self) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}
