public import Addresses

/// One entry of the log.
public struct LogEntry: Sendable, Hashable {
    /// The longest text kept, in bytes of UTF-8; what is longer is cut.
    public static let longestText = 4000
    /// The longest message kept, in bytes; of a longer one the first bytes stay.
    public static let longestPDU = 1500

    /// When it happened, in nanoseconds since 1970 (UTC).
    public let time: Int64
    /// How urgent it is.
    public let level: LogLevel
    /// The stable number of the message.
    public let code: MessageCode
    /// What happened, without the address; may hold any characters.
    public let text: String
    /// The address it is about.
    public let address: SocketAddress?
    /// How many bits of the address count, when it is about all addresses that share them, whatever the port.
    public let prefixLength: Int?
    /// What more there is to say, after the address; may hold any characters.
    public let remark: String?
    /// The first bytes of the message it is about.
    public let pdu: [UInt8]?
    /// How long that message was; more than `pdu.count` when it was cut.
    public let pduLength: Int
    /// How many entries of this code were not written before this one, itself included; zero for an ordinary entry.
    public internal(set) var repeats = 0
    /// Whether those entries told of other things than this one: another text, remark or address.
    var repeatsDiffer = false

    /// Makes an entry; what is nil comes from the table of messages.
    ///
    /// `pduLength` tells the true length when `pdu` holds only the beginning.
    public init(
        _ code: MessageCode,
        _ text: String? = nil,
        level: LogLevel? = nil,
        address: SocketAddress? = nil,
        prefixLength: Int? = nil,
        remark: String? = nil,
        pdu: [UInt8]? = nil,
        pduLength: Int? = nil,
        at time: Int64
    ) {
        self.time = time
        self.code = code
        self.level = level ?? code.definition.level
        self.text = Self.shortened(text ?? code.definition.text)
        self.address = address
        self.prefixLength = prefixLength
        self.remark = remark.map(Self.shortened)
        self.pdu = pdu.map { $0.count > Self.longestPDU ? Array($0.prefix(Self.longestPDU)) : $0 }
        self.pduLength = max(pduLength ?? 0, pdu?.count ?? 0)
    }

    /// When it happened, as RFC 3339 writes it, with milliseconds.
    public var timestamp: String { CivilTime(nanosecondsSince1970: time).rfc3339 }

    /// The address as people read it: `192.0.2.1:5`, or the prefix `2001:db8::/64`.
    public var addressText: String? {
        guard let address else { return nil }
        guard let prefixLength else { return "\(address)" }
        return "\(address.address)/\(prefixLength)"
    }

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        // The view of scalars rounds an index inside one down to its beginning, so no character is torn.
        let end = text.utf8.index(text.startIndex, offsetBy: longestText)
        return String(text.unicodeScalars[..<end]) + "..."
    }
}
