public import STUNCodec

/// PASSWORD-ALGORITHM (RFC 8489 section 14.12): how the key of a long-term credential is made.
public enum PasswordAlgorithm: UInt16, Attribute, CaseIterable {
    /// MD5, 16 bytes: the only one of RFC 5389, and the default where PASSWORD-ALGORITHM is missing.
    case md5 = 1
    /// SHA-256, 32 bytes.
    case sha256 = 2

    /// The number on the wire.
    public static var type: AttributeType { .passwordAlgorithm }

    /// The length of the key in bytes.
    public var keyLength: Int { self == .md5 ? 16 : 32 }

    /// Reads the number of a known algorithm and its parameters, of which neither has any (RFC 8489 section 18.5.1).
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4, value.uint16(at: 2) == 0 else { return nil }
        self.init(rawValue: value.uint16(at: 0))
    }

    /// Four bytes.
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the number and the parameters' length, 0.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(UInt32(rawValue) << 16, at: offset)
    }
}

/// PASSWORD-ALGORITHMS (RFC 8489 section 14.11): the two that there are, the preferred one first.
public struct PasswordAlgorithms: Attribute {
    /// The number on the wire.
    public static var type: AttributeType { .passwordAlgorithms }
    /// What this server offers: SHA-256, then MD5.
    public static var offered: Self { Self(first: .sha256, second: .md5) }
    /// The preferred one.
    public let first: PasswordAlgorithm
    /// The other one.
    public let second: PasswordAlgorithm

    /// Joins the two.
    public init(first: PasswordAlgorithm, second: PasswordAlgorithm) {
        self.first = first
        self.second = second
    }

    /// Reads a list of two known algorithms; nil for any other, which is none that this server sent.
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 8, let first = PasswordAlgorithm(value: value.extracting(first: 4), in: context),
            let second = PasswordAlgorithm(value: value.extracting(last: 4), in: context)
        else { return nil }
        self.init(first: first, second: second)
    }

    /// Eight bytes.
    public func length(in context: AttributeContext) -> Int { 8 }

    /// Writes both.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        first.write(to: &packet, at: offset, in: context)
        second.write(to: &packet, at: offset &+ 4, in: context)
    }
}
