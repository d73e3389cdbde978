// Unsafe: a job that waits to be run has no owner that the compiler sees. It is run once, as SE-0417 wants.
import Glibc
import NIOCore

/// Runs all tasks of the console on the one thread of its event loop, which has a lower priority than the packet workers.
///
/// On the threads that all tasks share, the making of a page would hold up a relayed packet for a time slice wherever there
/// are no more processors than workers.
final class ConsoleExecutor: TaskExecutor {
    /// Low enough that a packet goes first, high enough that the console answers beside a saturated relay (setpriority(2)).
    private static let niceness: Int32 = 10

    private let eventLoop: any EventLoop

    /// Runs tasks on `eventLoop`, whose thread gets its priority now.
    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        // On Linux 0 means the calling thread.
        eventLoop.execute { setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.niceness) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        eventLoop.execute { unsafe job.runSynchronously(on: executor) }
    }
}
