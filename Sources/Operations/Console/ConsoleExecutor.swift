// Unsafe: sched_setscheduler(2) takes a pointer to its parameters, which stays inside the call.
import Glibc
import NIOCore

/// Runs tasks of the console on the one thread of an event loop, which stands back behind the packet workers.
///
/// On the threads that all tasks share, the making of a page would hold up a relayed packet for a time slice wherever there
/// are no more processors than workers.
final class ConsoleExecutor: TaskExecutor {
    /// How far its thread stands back.
    enum Priority {
        /// Packets go first, and yet pages are made beside a saturated relay: setpriority(2).
        case pages
        /// Runs when nothing else wants the processor, and gives it up at once: SCHED_IDLE of sched(7).
        ///
        /// For what is made again and again while somebody looks.
        case live
    }

    private static let niceness: Int32 = 10
    /// SCHED_IDLE of linux/sched.h, which Swift's Glibc module does not have.
    private static let idlePolicy: Int32 = 5

    private let eventLoop: any EventLoop

    /// Runs tasks on `eventLoop`, whose thread gets its priority now.
    init(_ eventLoop: any EventLoop, _ priority: Priority) {
        self.eventLoop = eventLoop
        // On Linux 0 means the calling thread, in both calls.
        eventLoop.execute {
            switch priority {
            case .pages:
                setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.niceness)
            case .live:
                var parameters = sched_param()
                unsafe sched_setscheduler(0, Self.idlePolicy, &parameters)
            }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        eventLoop.execute { unsafe job.runSynchronously(on: executor) }
    }
}
