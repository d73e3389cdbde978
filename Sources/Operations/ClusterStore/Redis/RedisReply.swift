/// One word of a command: any bytes.
struct RedisArgument: Sendable, Hashable, ExpressibleByStringInterpolation {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    init(stringLiteral text: String) { bytes = Array(text.utf8) }
}

/// A command and its arguments.
typealias RedisCommand = [RedisArgument]

/// What a Redis answers to one command.
enum RedisReply: Sendable, Hashable {
    case nothing
    case integer(Int64)
    case bytes([UInt8])
    case list([RedisReply])
    /// The word that the error began with. The rest is left out: it may repeat what was sent, a password even.
    case error(code: String)
}

extension RedisReply {
    /// The first word of an error, when it is one of capital letters.
    static func error(_ text: some Collection<UInt8>) -> RedisReply {
        let word = text.prefix { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        return .error(code: word.isEmpty || word.count > 16 ? "ERR" : String(decoding: word, as: UTF8.self))
    }

    /// Throws when it is an error.
    func check(_ place: String) throws(ClusterStoreError) {
        if case .error(let code) = self { throw .refused(place: place, code: code) }
    }

    func integer(_ place: String) throws(ClusterStoreError) -> Int64 {
        try check(place)
        guard case .integer(let number) = self else { throw .unexpected(place: place) }
        return number
    }

    /// The bytes; none for nothing.
    func bytes(_ place: String) throws(ClusterStoreError) -> [UInt8] {
        try check(place)
        switch self {
        case .bytes(let bytes): return bytes
        case .nothing: return []
        default: throw .unexpected(place: place)
        }
    }

    func list(_ place: String) throws(ClusterStoreError) -> [RedisReply] {
        try check(place)
        guard case .list(let replies) = self else { throw .unexpected(place: place) }
        return replies
    }

    /// A list of texts; what is no UTF-8 is left out.
    func texts(_ place: String) throws(ClusterStoreError) -> [String] {
        var texts: [String] = []
        for reply in try list(place) {
            if let text = String(validating: try reply.bytes(place), as: UTF8.self) { texts.append(text) }
        }
        return texts
    }
}
