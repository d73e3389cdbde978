import Synchronization

/// The last entries of the log in memory, first in, first out.
///
/// Packet workers never touch it: it is guarded by a lock.
public final class LogHistory: Sendable {
    private struct State {
        var capacity: Int
        /// A circle once it is full; `oldest` is where it begins.
        var entries: [LogEntry] = []
        var oldest = 0

        var inOrder: [LogEntry] { Array(entries[oldest...] + entries[..<oldest]) }
    }

    private let state: Mutex<State>

    /// Keeps the last `capacity` entries (at least one).
    public init(capacity: Int = 200) {
        state = Mutex(State(capacity: max(1, capacity)))
    }

    /// How many entries are kept at most; setting it keeps the newest.
    public var capacity: Int {
        get { state.withLock { $0.capacity } }
        set {
            state.withLock {
                $0.capacity = max(1, newValue)
                $0.entries = Array($0.inOrder.suffix($0.capacity))
                $0.oldest = 0
            }
        }
    }

    /// Adds an entry; the oldest one goes when there is no room.
    public func append(_ entry: LogEntry) {
        state.withLock {
            guard $0.entries.count == $0.capacity else {
                $0.entries.append(entry)
                return
            }
            $0.entries[$0.oldest] = entry
            $0.oldest = ($0.oldest + 1) % $0.capacity
        }
    }

    /// All entries kept now, the oldest first.
    public var entries: [LogEntry] { state.withLock { $0.inOrder } }

    /// Forgets all entries.
    public func clear() {
        state.withLock {
            $0.entries.removeAll()
            $0.oldest = 0
        }
    }
}
