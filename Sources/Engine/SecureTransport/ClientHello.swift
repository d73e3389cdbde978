/// What the first bytes of a TLS connection say about it, before anything is decided or kept: which server the client wants,
/// and by which protocols it would speak.
///
/// Reads only, at most some 16 kB; where a length lies it is no TLS.
public struct ClientHello: Equatable, Sendable {
    /// What can be said of the bytes that have come.
    public enum Reading: Equatable, Sendable {
        /// So far it may be a hello, but its end is missing.
        case incomplete
        /// It is none that anybody would answer.
        case notTLS
        /// All of it is there.
        case found(ClientHello)
    }

    /// The longest hello that is read: some 2 kB are usual, with keys that quantum computers do not break.
    public static let longest = 16_384

    /// The name of the server that the client wants (RFC 6066 section 3), in small letters; nil when it names none, or one that
    /// is no name.
    public var serverName: String?
    /// The protocols that it would speak, most wanted first (RFC 7301 section 3.1); names that are no text are left out.
    public var protocols: [String] = []

    /// Makes one by hand.
    public init(serverName: String? = nil, protocols: [String] = []) {
        self.serverName = serverName
        self.protocols = protocols
    }

    /// Reads the first bytes of a connection.
    ///
    /// The message may be cut into several records (RFC 8446 section 5.1).
    public static func read(_ bytes: RawSpan) -> Reading {
        var message: [UInt8] = []
        var offset = 0
        while true {
            guard let type = bytes.byte(at: offset) else { return .incomplete }
            guard type == 22 else { return .notTLS }
            if let major = bytes.byte(at: offset &+ 1), major != 3 { return .notTLS }
            guard let length = bytes.number(at: offset &+ 3, bytes: 2) else { return .incomplete }
            guard length > 0, length <= 16_384 else { return .notTLS }
            let start = offset &+ 5
            let end = min(start &+ length, bytes.byteCount)
            if end > start {
                message += bytes.array(start..<min(end, start &+ longest &+ 4 &- message.count))
            }
            if let reading = message.withRawBytes({ read(message: $0) }) { return reading }
            guard end == start &+ length else { return .incomplete }
            offset = end
        }
    }

    /// Nil while more of the message is missing.
    private static func read(message: RawSpan) -> Reading? {
        guard let type = message.byte(at: 0) else { return nil }
        guard type == 1 else { return .notTLS }
        guard let length = message.number(at: 1, bytes: 3) else { return nil }
        guard length <= longest else { return .notTLS }
        guard message.byteCount >= 4 &+ length else { return nil }
        guard let fields = HelloFields(message, body: 4..<(4 &+ length), hasCookie: false) else { return .notTLS }
        var hello = ClientHello()
        var cursor = HelloFields.Cursor(offset: fields.extensions.lowerBound, end: fields.extensions.upperBound)
        while cursor.offset < cursor.end {
            guard let type = cursor.number(2, in: message), let body = cursor.vector(2, in: message) else {
                return .notTLS
            }
            switch type {
            case 0: guard hello.readName(message, body) else { return .notTLS }
            case 16: guard hello.readProtocols(message, body) else { return .notTLS }
            default: break
            }
        }
        return .found(hello)
    }

    private mutating func readName(_ bytes: RawSpan, _ body: Range<Int>) -> Bool {
        var cursor = HelloFields.Cursor(offset: body.lowerBound, end: body.upperBound)
        guard let list = cursor.vector(2, in: bytes), cursor.offset == cursor.end else { return false }
        cursor = HelloFields.Cursor(offset: list.lowerBound, end: list.upperBound)
        while cursor.offset < cursor.end {
            guard let type = cursor.number(1, in: bytes), let name = cursor.vector(2, in: bytes) else { return false }
            guard type == 0, serverName == nil, !name.isEmpty, name.count <= 255 else { continue }
            let letters = bytes.array(name)
            guard letters.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { continue }
            serverName = String(decoding: letters, as: UTF8.self).lowercased()
        }
        return true
    }

    private mutating func readProtocols(_ bytes: RawSpan, _ body: Range<Int>) -> Bool {
        var cursor = HelloFields.Cursor(offset: body.lowerBound, end: body.upperBound)
        guard let list = cursor.vector(2, in: bytes), cursor.offset == cursor.end else { return false }
        cursor = HelloFields.Cursor(offset: list.lowerBound, end: list.upperBound)
        while cursor.offset < cursor.end {
            guard let name = cursor.vector(1, in: bytes), !name.isEmpty else { return false }
            if let text = String(validating: bytes.array(name), as: UTF8.self) { protocols.append(text) }
        }
        return true
    }
}
