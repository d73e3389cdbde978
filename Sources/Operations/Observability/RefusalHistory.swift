public import Addresses
import Synchronization

/// One request that was refused, in words, and how often the client repeated it.
public struct RefusalRecord: Sendable, Hashable {
    /// When it was, the last time, in nanoseconds since 1970 (UTC).
    public private(set) var time: Int64
    /// How often it was refused.
    public private(set) var count = 1
    /// Who asked.
    public let client: SocketAddress
    /// The user's name that the request gave; nil when it gave none.
    public let username: UserName?
    /// The realm that the request was for, where that is known.
    public let realm: String?
    /// The peer that it was about.
    public let peer: IPAddress?
    /// The method, such as `Allocate`.
    public let method: String
    /// The error code that the client was told.
    public let code: UInt16
    /// Why, in one sentence with the exact facts; of several times those of the last.
    public private(set) var cause: String
    /// What to do about it, in one sentence.
    public let cure: String

    /// Joins them.
    public init(
        time: Int64,
        client: SocketAddress,
        username: UserName?,
        realm: String? = nil,
        peer: IPAddress? = nil,
        method: String,
        code: UInt16,
        cause: String,
        cure: String
    ) {
        self.time = time
        self.client = client
        self.username = username
        self.realm = realm
        self.peer = peer
        self.method = method
        self.code = code
        self.cause = cause
        self.cure = cure
    }

    /// Whether both are the same request refused for the same reason; facts such as seconds may differ.
    fileprivate func isRepeated(by other: RefusalRecord) -> Bool {
        client == other.client && code == other.code && method == other.method && username == other.username
            && peer == other.peer && cure == other.cure
    }

    fileprivate mutating func add(_ other: RefusalRecord) {
        time = max(time, other.time)
        cause = other.cause
        count += 1
    }

    /// The time as RFC 3339 writes it, with milliseconds.
    public var timestamp: String { CivilTime(nanosecondsSince1970: time).rfc3339 }
}

/// The last refusals, whatever the log's level: what `stund explain` looks through.
///
/// Packet workers never touch it: it is guarded by a lock.
public final class RefusalHistory: Sendable {
    private let list: Mutex<BoundedList<RefusalRecord>>

    /// Among how many of the newest a repetition is looked for.
    private static let repetitions = 64

    /// Keeps the last `capacity` refusals (at least one).
    public init(capacity: Int = 1000) {
        list = Mutex(BoundedList(capacity: capacity))
    }

    /// Adds a refusal; the oldest one goes when there is no room.
    ///
    /// A client that tries again and again is counted, and does not drive out the others.
    public func append(_ record: RefusalRecord) {
        list.withLock { list in
            let isCounted = list.change(amongNewest: Self.repetitions) {
                $0.isRepeated(by: record)
            } _: {
                $0.add(record)
            }
            if !isCounted { list.append(record) }
        }
    }

    /// The refusals of a user, newest first: by the whole name, or of a time-limited one by the part after the colon.
    public func records(ofUser subject: String) -> [RefusalRecord] {
        newestFirst { $0.username?.isMeant(by: subject) == true }
    }

    /// The refusals of a client's address, and those of a peer's; newest first.
    ///
    /// - `port`: only those of this client's port, when given.
    public func records(of address: IPAddress, port: UInt16? = nil) -> [RefusalRecord] {
        newestFirst { record in
            record.client.address == address && (port == nil || record.client.port == port)
                || record.peer == address
        }
    }

    /// All refusals that are remembered, newest first.
    public var newestFirst: [RefusalRecord] { newestFirst { _ in true } }

    private func newestFirst(where isMeant: (RefusalRecord) -> Bool) -> [RefusalRecord] {
        // A reference to the list is copied under the lock, so that nobody waits for the search.
        list.withLock { $0 }.inOrder.reversed().filter(isMeant).sorted { $0.time > $1.time }
    }
}
