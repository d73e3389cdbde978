import PacketEngine
import ServerCore
import Synchronization

/// What is asked of a worker between two batches of packets.
enum WorkerMessage: Sendable {
    /// Take over a new policy.
    case adopt(Policy)
    /// Hand out a copy of what was counted.
    case report(@Sendable (WorkerReport) -> Void)
    /// Forget the statistics' sources.
    case clearSources
    /// End.
    case stop
}

/// A copy of what one worker has counted.
struct WorkerReport: Sendable {
    let counters: Counters
    let sources: [SourceTable.Row]
    /// Answers that the system refused to send.
    let sendFailures: UInt64
    /// The clock to which the sources' last access belongs.
    let now: Instant
}

/// Messages to a worker: the only way to change or ask it anything while it runs.
final class Mailbox: Sendable {
    let wakeUp: WakeUp
    private let messages = Mutex<[WorkerMessage]>([])

    init() throws(SocketError) {
        wakeUp = try WakeUp()
    }

    /// Puts in a message and wakes the worker.
    func send(_ message: WorkerMessage) {
        messages.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Takes out all messages.
    func takeAll() -> [WorkerMessage] {
        wakeUp.clear()
        return messages.withLock { waiting in
            defer { waiting.removeAll() }
            return waiting
        }
    }
}
