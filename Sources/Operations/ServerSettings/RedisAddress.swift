package import Addresses

/// Where a Redis is, and which of its databases is meant.
public struct RedisAddress: Sendable, Hashable {
    /// How it is reached.
    public enum Place: Sendable, Hashable {
        /// By a socket of this host.
        case unix(path: String)
        /// By TCP, in the clear: a host name in lower case, or the text of an IP address without brackets.
        case tcp(host: String, port: UInt16)
    }

    /// How it is reached.
    public let place: Place
    /// The number of the database.
    public let database: Int

    /// The port of a Redis that is written without one.
    public static let defaultPort: UInt16 = 6379
    /// The longest path: a socket's address has room for 107 bytes.
    private static let longestPath = 107
    private static let databases = 0...9999

    /// Reads `unix:/path`, `unix:/path?db=2`, `redis://host`, `redis://host:port` or `redis://host:port/2`.
    init(reading text: String) throws(InvalidValue) {
        let text = try withoutControlCharacters(text, maximumBytes: 512)
        if text.hasPrefix("unix:") {
            try self.init(unix: text.dropFirst(5))
        } else if text.hasPrefix("redis://") {
            try self.init(tcp: text.dropFirst(8))
        } else if text.hasPrefix("rediss:") {
            throw InvalidValue("asks for TLS, which is not there: use a unix socket or a private network")
        } else {
            throw InvalidValue("begins neither with unix:/ nor with redis://")
        }
    }

    private init(unix text: Substring) throws(InvalidValue) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        // unix:///path is the same socket, as other programs write it.
        let path = parts[0].hasPrefix("///") ? parts[0].dropFirst(2) : parts[0]
        guard path.hasPrefix("/"), !path.hasSuffix("/") else {
            throw InvalidValue("has no path of a socket that begins with a slash")
        }
        guard path.utf8.count <= Self.longestPath else {
            throw InvalidValue("has a path of more than \(Self.longestPath) bytes, which no socket has room for")
        }
        place = .unix(path: String(path))
        guard parts.count == 2 else {
            database = 0
            return
        }
        guard parts[1].hasPrefix("db=") else {
            throw InvalidValue("has something else than db= after its question mark")
        }
        database = try Self.database(parts[1].dropFirst(3))
    }

    private init(tcp text: Substring) throws(InvalidValue) {
        // A password here would be shown with the address.
        guard !text.contains("@") else {
            throw InvalidValue("has a user or password in it: write it to redis-password")
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let server = OtherServer(parts[0]) else {
            throw InvalidValue("has no host name or IP address with an optional port")
        }
        let bare = parts[0].hasPrefix("[") ? String(parts[0].dropFirst().dropLast()) : parts[0]
        let hasPort = parts[0].contains(":") && IPAddress(bare) == nil
        place = .tcp(host: server.host, port: hasPort ? server.port : Self.defaultPort)
        database = parts.count == 2 && !parts[1].isEmpty ? try Self.database(parts[1][...]) : 0
    }

    private static func database(_ text: Substring) throws(InvalidValue) -> Int {
        do throws(InvalidValue) {
            return try parseInteger(String(text), in: databases)
        } catch {
            throw InvalidValue("has a database that \(error.reason)")
        }
    }

    /// The address by which everybody on the way could read what is sent; nil for a socket, a name and a private address.
    package var publicAddress: IPAddress? {
        guard case .tcp(let host, _) = place, let address = IPAddress(host) else { return nil }
        return address.isLoopback || address.isPrivate || address.isLinkLocal ? nil : address
    }
}

extension RedisAddress: CustomStringConvertible {
    /// The text that reads back as this value.
    public var description: String {
        switch place {
        case .unix(let path): "unix:\(path)" + (database == 0 ? "" : "?db=\(database)")
        case .tcp(let host, let port):
            "redis://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)" + (database == 0 ? "" : "/\(database)")
        }
    }
}

/// Who a server is to a Redis.
public struct RedisLogin: Sendable, Hashable {
    /// The user of its access lists; nil means the one whom a password alone lets in.
    public let user: String?
    /// The password.
    public let password: String

    /// Names a user, or none, and a password.
    package init(user: String?, password: String) {
        self.user = user
        self.password = password
    }

    /// Reads `password` or `user:password`.
    init(reading text: String) throws(InvalidValue) {
        let text = try withoutControlCharacters(text, maximumBytes: 1024)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let last = parts.last, !last.isEmpty, parts.count == 1 || !parts[0].isEmpty else {
            throw InvalidValue("has an empty user or password")
        }
        user = parts.count == 2 ? parts[0] : nil
        password = last
    }

    /// The text that reads back as this value.
    var text: String { (user.map { "\($0):" } ?? "") + password }
}

extension RedisLogin: CustomStringConvertible {
    /// Hides the password, so that no log shows it.
    public var description: String { "RedisLogin" }
}

extension SettingSyntax<RedisAddress?> {
    static var redis: Self {
        Self(
            kind: .text(
                "unix:/path of a socket, ?db=number behind it for another database than 0; or redis://host:port/number; "
                    + "or nothing",
                mayBeEmpty: true
            ),
            parse: { (text) throws(InvalidValue) in text.isEmpty ? nil : try RedisAddress(reading: text) },
            format: { $0.map { "\($0)" } ?? "" }
        )
    }
}

extension SettingSyntax<RedisLogin?> {
    static var redisLogin: Self {
        Self(
            kind: .text("password or user:password, or nothing", mayBeEmpty: true),
            parse: { (text) throws(InvalidValue) in text.isEmpty ? nil : try RedisLogin(reading: text) },
            format: { $0?.text ?? "" }
        )
    }
}
