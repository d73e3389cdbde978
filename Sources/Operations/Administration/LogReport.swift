/// The recent log messages.
public struct LogReport: Codable, Hashable, Sendable {
    /// One message.
    public struct Entry: Codable, Hashable, Sendable {
        /// The level, 0 (most urgent) to 9.
        public var level: Int
        /// The number of the message: 1001-1034 as in the manual, new ones from 1100.
        public var code: Int
        /// The time in GMT, such as `2002-08-13T15:30:48Z`.
        public var time: String
        /// The message without level, time and packet.
        public var text: String
        /// The source or destination, when there is one.
        public var address: String?
        /// What more there is to say, such as why a request was refused.
        public var remark: String?
        /// The packet in hexadecimal digits, when it was kept.
        public var pdu: String?
        /// The packet in words, a line for the header and each attribute; nil when it is no STUN message.
        public var decoded: [String]?

        /// Makes an entry.
        public init(
            level: Int,
            code: Int,
            time: String,
            text: String,
            address: String? = nil,
            remark: String? = nil,
            pdu: String? = nil,
            decoded: [String]? = nil
        ) {
            self.decoded = decoded
            self.level = level
            self.code = code
            self.time = time
            self.text = text
            self.address = address
            self.remark = remark
            self.pdu = pdu
        }
    }

    /// The messages as the manual prints them, oldest first; one string may hold several lines (a hex dump).
    public var lines: [String]
    /// The same messages for programs.
    public var entries: [Entry]

    /// Makes a report.
    public init(lines: [String], entries: [Entry]) {
        self.lines = lines
        self.entries = entries
    }
}
