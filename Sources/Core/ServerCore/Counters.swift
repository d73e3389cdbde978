import STUNCodec

/// What a server has done since it started; written by its worker alone and copied on request.
public struct Counters: Sendable {
    /// Messages whose dialect could be told, by `Dialect.rawValue`.
    public private(set) var received = InlineArray<3, UInt64>(repeating: 0)
    /// Success answers, by `Dialect.rawValue`.
    public private(set) var answered = InlineArray<3, UInt64>(repeating: 0)
    /// Error answers: 400, 420 and 433 in this order.
    public private(set) var refused = InlineArray<3, UInt64>(repeating: 0)
    /// Datagrams without an answer, by `DropReason.rawValue`.
    public private(set) var dropped = InlineArray<14, UInt64>(repeating: 0)

    /// All zero.
    public init() {}

    mutating func countReceived(_ dialect: Dialect) { received[Int(dialect.rawValue)] &+= 1 }
    mutating func countAnswered(_ dialect: Dialect) { answered[Int(dialect.rawValue)] &+= 1 }
    mutating func countDropped(_ reason: DropReason) { dropped[reason.rawValue] &+= 1 }
    mutating func countRefused(_ error: ErrorCode) {
        refused[error == .badRequest ? 0 : error == .unknownAttribute ? 1 : 2] &+= 1
    }

    /// Adds another server's counters, so that workers can be shown as one.
    public mutating func add(_ other: Counters) {
        for index in received.indices { received[index] &+= other.received[index] }
        for index in answered.indices { answered[index] &+= other.answered[index] }
        for index in refused.indices { refused[index] &+= other.refused[index] }
        for index in dropped.indices { dropped[index] &+= other.dropped[index] }
    }

    /// Name and value of each, in a fixed order: `requests-rfc8489`, `answers-rfc3489`, `errors-420`, `drops-not-stun`.
    public var named: [(name: String, value: UInt64)] {
        var list: [(name: String, value: UInt64)] = []
        for dialect in Dialect.allCases { list.append(("requests-\(dialect.name)", received[Int(dialect.rawValue)])) }
        for dialect in Dialect.allCases { list.append(("answers-\(dialect.name)", answered[Int(dialect.rawValue)])) }
        for (index, code) in [400, 420, 433].enumerated() { list.append(("errors-\(code)", refused[index])) }
        for reason in DropReason.allCases { list.append(("drops-\(reason.name)", dropped[reason.rawValue])) }
        return list
    }
}
