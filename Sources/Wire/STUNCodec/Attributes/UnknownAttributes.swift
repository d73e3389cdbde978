/// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13): what a 420 answer did not understand; at most 16 numbers.
///
/// The bound keeps the list in fixed memory; a request with more unknown attributes is refused all the same.
public struct UnknownAttributes: Attribute {
    /// How many numbers one answer names at most.
    @inlinable public static var capacity: Int { 16 }
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .unknownAttributes }
    /// How many numbers are listed.
    public private(set) var count = 0
    /// Whether the last number of an odd list is written twice, which RFC 3489 section 11.2.10 demands: its clients know
    /// no padding.
    public var isFilledByRepeating = false
    private var numbers = InlineArray<16, UInt16>(repeating: 0)

    /// The first number listed.
    public var first: AttributeType? { count > 0 ? AttributeType(rawValue: numbers[0]) : nil }

    /// An empty list.
    public init() {}

    /// Adds a number unless it is there already or the list is full.
    public mutating func insert(_ type: AttributeType) {
        guard count < Self.capacity, !contains(type) else { return }
        numbers[count] = type.rawValue
        count &+= 1
    }

    /// Whether a number is listed.
    public func contains(_ type: AttributeType) -> Bool {
        for index in 0..<count where numbers[index] == type.rawValue { return true }
        return false
    }

    /// Reads at most 16 numbers.
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount & 1 == 0 else { return nil }
        for index in 0..<min(value.byteCount / 2, Self.capacity) {
            insert(AttributeType(rawValue: value.uint16(at: 2 &* index)))
        }
    }

    /// Two bytes a number.
    public func length(in context: AttributeContext) -> Int { 2 &* (count &+ (isFilledByRepeating ? count & 1 : 0)) }

    /// Writes the numbers.
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        for index in 0..<count { packet.write(numbers[index], at: offset &+ 2 &* index) }
        if isFilledByRepeating, count & 1 == 1 { packet.write(numbers[count &- 1], at: offset &+ 2 &* count) }
    }

    /// Two lists are equal when they hold the same numbers in the same order.
    public static func == (left: Self, right: Self) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left.numbers[index] != right.numbers[index] { return false }
        return true
    }
}
