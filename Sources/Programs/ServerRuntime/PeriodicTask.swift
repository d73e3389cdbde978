import Synchronization

/// Work that is done again and again until it is stopped.
final class PeriodicTask: Sendable {
    private let period: Duration
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Work for every so many seconds; it begins with `start`.
    init(every seconds: Int) { period = .seconds(seconds) }

    /// Begins; the first time comes after one period, or at once.
    func start(atOnce: Bool = false, _ work: @escaping @Sendable () async -> Void) {
        let period = period
        task.withLock { task in
            task?.cancel()
            task = Task {
                if atOnce { await work() }
                while (try? await Task.sleep(for: period)) != nil { await work() }
            }
        }
    }

    /// Ends; work that is being done is finished meanwhile or soon after.
    func stop() { task.withLock { $0?.cancel() } }

    deinit { stop() }
}
