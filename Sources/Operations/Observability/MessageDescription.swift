// Unsafe: a message's bytes seen as raw memory, which is not kept; the codec reads it within its bounds.
import Addresses
import STUNCodec

/// A STUN message in words: a line for its header and one for each attribute.
///
/// Takes any bytes, since anybody may have sent them, also only the beginning of a message: lines are bounded in number and
/// length, and whatever a text holds is escaped as in the log.
public struct MessageDescription: Sendable, Hashable {
    /// How many attributes are described.
    static let mostAttributes = 64
    /// How many bytes of a value are shown in hexadecimal, and how many of one that is text.
    static let mostHexBytes = 32
    static let mostTextBytes = 128

    /// The lines, the header's first.
    public private(set) var lines: [String] = []

    /// Describes a message of `length` bytes of which `bytes` were kept; nil when it is no STUN message or ChannelData.
    public init?(_ bytes: [UInt8], length: Int? = nil) {
        let length = max(length ?? 0, bytes.count)
        guard let kind = Self.kind(bytes, length: length) else { return nil }
        switch kind {
        case .channelData(let number, let count):
            lines = ["ChannelData on channel \(hexadecimal(number)), \(count) bytes of data"]
        case .message(let dialect):
            lines = unsafe Self.describe(bytes.span.bytes, as: dialect, length: length)
        }
    }

    private enum Kind {
        case message(Dialect)
        case channelData(number: UInt16, count: Int)
    }

    /// What `Demultiplexer` says, but for a message of which the end is missing.
    private static func kind(_ bytes: [UInt8], length: Int) -> Kind? {
        guard bytes.count >= 8 || bytes.count >= 4 && bytes[0] & 0xC0 == 0x40 else { return nil }
        let (type, claimed) = (UInt16(bytes[0]) << 8 | UInt16(bytes[1]), Int(bytes[2]) << 8 | Int(bytes[3]))
        if type & 0xC000 == 0x4000 {
            return 4 + claimed <= length ? .channelData(number: type, count: claimed) : nil
        }
        guard type & 0xC000 == 0 else { return nil }
        if bytes[4..<8].elementsEqual([0x21, 0x12, 0xA4, 0x42]) { return bytes.count >= 20 ? .message(.cookie) : nil }
        if 8 + claimed == length { return .message(.rosenberg) }
        guard bytes.count >= 20 else { return nil }
        // A Binding request with a wrong length is processed all the same (message 1008).
        return 20 + claimed == length || type == 1 ? .message(.classic) : nil
    }

    private static func describe(_ bytes: RawSpan, as dialect: Dialect, length: Int) -> [String] {
        let (claimed, header) = (Int(bytes.uint16(at: 2)), dialect.headerLength)
        let isPadded = claimed & 3 == 0
        let context = AttributeContext(
            transactionID: dialect == .rosenberg
                ? TransactionID(high: UInt64(bytes.uint32(at: 4)), low: 0)
                : TransactionID(high: bytes.uint64(at: 4), low: bytes.uint64(at: 12)),
            addressLayout: dialect == .rosenberg ? (isPadded ? .draft01 : .draft00) : .standard
        )
        var lines = [self.header(bytes, dialect, claimed, length)]
        let end = min(bytes.byteCount, header + claimed)
        var offset = header
        while offset + 4 <= end {
            guard lines.count <= mostAttributes else {
                lines.append("more attributes, which are not shown")
                return lines
            }
            let type = AttributeType(rawValue: bytes.uint16(at: offset))
            let count = Int(bytes.uint16(at: offset + 2))
            let start = offset + 4
            guard start + count <= end else {
                let words =
                    start + count > header + claimed ? "reaches over the end of the message" : "its end was not kept"
                lines.append("\(type.words): \(count) bytes, \(words)")
                return lines
            }
            let value = AttributeDescription(bytes.extracting(start..<(start + count)), of: type, context)
            lines.append(value.text.isEmpty ? type.words : "\(type.words): \(value.text)")
            offset = start + (isPadded ? (count + 3) & ~3 : count)
        }
        if end < header + claimed, length > bytes.byteCount { lines.append("the rest was not kept") }
        return lines
    }

    private static func header(_ bytes: RawSpan, _ dialect: Dialect, _ claimed: Int, _ length: Int) -> String {
        let type = MessageType(rawValue: bytes.uint16(at: 0))
        let id = (dialect == .cookie ? 8 : 4)..<dialect.headerLength
        let digits = id.map { LogEscape.hex(UInt32(bytes.uint8(at: $0)), digits: 2) }.joined()
        let wrong =
            dialect.headerLength + claimed == length ? "" : " (a wrong length: the datagram has \(length) bytes)"
        return
            "\(dialect.name) \(type.method.words) \(type.messageClass.words), \(claimed) bytes after the header\(wrong), "
            + "transaction \(digits)"
    }
}

/// The value of an attribute in words.
struct AttributeDescription {
    /// The words; empty for an empty value.
    let text: String

    init(_ value: RawSpan, of type: AttributeType, _ context: AttributeContext) {
        text = value.byteCount == 0 ? "" : Self.known(value, type, context) ?? Self.hex(value)
    }

    /// nil for an attribute whose meaning is not known here, or whose value is none that it can have.
    private static func known(_ value: RawSpan, _ type: AttributeType, _ context: AttributeContext) -> String? {
        switch type.rawValue {
        case 0x0001, 0x0002, 0x0004, 0x0005, 0x000B, 0x8023, 0x802B, 0x802C:
            MappedAddress(value: value, in: context).map { "\($0.address)" }
        case 0x0012, 0x0016, 0x0020, 0x8020:
            XorMappedAddress(value: value, in: context).map { "\($0.address)" }
        case 0x0006, 0x0014, 0x0015, 0x8003, 0x8022: text(value)
        case 0x0003: ChangeRequest(value: value, in: context).map(change)
        case 0x0009: ErrorCode(value: value, in: context).map { "\($0.code)" + reason(value) }
        case 0x8001:
            AddressErrorCode(value: value, in: context).map { "\($0.code.code) for \(family($0.family.rawValue))" }
        case 0x000A: unknown(value)
        case 0x000C, 0x0027: value.byteCount >= 2 ? number(value, type) : nil
        case 0x000D: Lifetime(value: value, in: context).map { "\($0.seconds) s" }
        case 0x0017, 0x8000: value.byteCount == 4 ? family(value.uint8(at: 0)) : nil
        case 0x0018:
            EvenPort(value: value, in: context).map { $0.reservesNext ? "and keep the next port" : "even only" }
        case 0x0019: value.byteCount == 4 ? transport(value.uint8(at: 0)) : nil
        case 0x001D, 0x8002: algorithms(value)
        case 0x0024: value.byteCount == 4 ? "\(value.uint32(at: 0))" : nil
        case 0x8004: ICMP(value: value, in: context).map { "type \($0.type), code \($0.code), data \($0.data)" }
        default: nil
        }
    }

    private static func change(_ change: ChangeRequest) -> String {
        let words = [
            change.changesIP ? "another address" : nil, change.changesPort ? "another port" : nil,
            change.discards ? "no answer" : nil,
        ]
        let wanted = words.compactMap(\.self)
        return wanted.isEmpty ? "nothing changed" : wanted.joined(separator: ", ")
    }

    private static func number(_ value: RawSpan, _ type: AttributeType) -> String {
        type == .channelNumber ? hexadecimal(value.uint16(at: 0)) : "\(value.uint16(at: 0))"
    }

    private static func reason(_ value: RawSpan) -> String {
        value.byteCount > 4 ? " " + text(value.extracting(4..<value.byteCount)) : ""
    }

    private static func family(_ number: UInt8) -> String {
        switch number {
        case 1: "IPv4"
        case 2: "IPv6"
        default: "address family \(number)"
        }
    }

    private static func transport(_ number: UInt8) -> String {
        switch number {
        case 17: "UDP"
        case 6: "TCP"
        default: "protocol \(number)"
        }
    }

    private static func unknown(_ value: RawSpan) -> String {
        let shown = min(value.byteCount / 2, UnknownAttributes.capacity)
        let names = (0..<shown).map { AttributeType(rawValue: value.uint16(at: 2 * $0)).words }
        return names.joined(separator: ", ") + (value.byteCount / 2 > shown ? ", ..." : "")
    }

    private static func algorithms(_ value: RawSpan) -> String? {
        var names: [String] = []
        var offset = 0
        while offset + 4 <= value.byteCount, names.count < 8 {
            let (number, parameters) = (value.uint16(at: offset), Int(value.uint16(at: offset + 2)))
            names.append(number == 1 ? "MD5" : number == 2 ? "SHA-256" : "algorithm \(number)")
            offset += 4 + (parameters + 3) & ~3
        }
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }

    private static func text(_ value: RawSpan) -> String {
        let shown = min(value.byteCount, MessageDescription.mostTextBytes)
        let bytes = (0..<shown).map { value.uint8(at: $0) }
        let name = UserName(bytes: bytes, isCut: shown < value.byteCount)
        return "\"" + LogEscape.text(name.text) + "\""
    }

    private static func hex(_ value: RawSpan) -> String {
        let shown = min(value.byteCount, MessageDescription.mostHexBytes)
        let digits = (0..<shown).map { LogEscape.hex(UInt32(value.uint8(at: $0)), digits: 2) }.joined(separator: " ")
        return shown < value.byteCount ? "\(digits) ... (\(value.byteCount) bytes)" : digits
    }
}
