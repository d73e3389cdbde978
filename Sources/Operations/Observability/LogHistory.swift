import Synchronization

/// The last entries of the log in memory, first in, first out.
///
/// Packet workers never touch it: it is guarded by a lock.
public final class LogHistory: Sendable {
    private let list: Mutex<BoundedList<LogEntry>>

    /// Keeps the last `capacity` entries (at least one).
    public init(capacity: Int = 200) {
        list = Mutex(BoundedList(capacity: capacity))
    }

    /// How many entries are kept at most; setting it keeps the newest.
    public var capacity: Int {
        get { list.withLock { $0.capacity } }
        set { list.withLock { $0.capacity = newValue } }
    }

    /// Adds an entry; the oldest one goes when there is no room.
    public func append(_ entry: LogEntry) { list.withLock { $0.append(entry) } }

    /// All entries kept now, the oldest first.
    public var entries: [LogEntry] { list.withLock { $0.inOrder } }

    /// Forgets all entries.
    public func clear() { list.withLock { $0.removeAll() } }
}
