import Dispatch
import Synchronization

/// Wakes the thread of the log; many may signal, one waits.
///
/// A signal costs a system call only when the waiting thread sleeps and nobody has woken it yet.
final class LogThreadSignal: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let isSignalled = Atomic(false)

    /// Wakes the waiting thread, now or when it waits next.
    func signal() {
        // Acquiring and releasing on both sides: who finds true here knows that the waiting thread has not yet looked
        // at its rings, and will see what was written before this call.
        guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        semaphore.signal()
    }

    /// Waits for a signal, at most `milliseconds`.
    func wait(atMost milliseconds: Int) {
        _ = semaphore.wait(timeout: .now() + .milliseconds(milliseconds))
        _ = isSignalled.exchange(false, ordering: .acquiringAndReleasing)
    }
}
