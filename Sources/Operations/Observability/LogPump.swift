import Dispatch
import Foundation
import Synchronization

/// Carries events from the rings of the packet workers to the log: on a thread of its own between `start` and `stop`,
/// or by calls of `pump`.
public final class LogPump: Sendable {
    /// How long the thread sleeps at most in milliseconds, so that counted repeats are written in time.
    private static let longestSleep = 1000
    /// How long `stop` waits for the thread at most in milliseconds.
    private static let longestEnd = 2000

    /// A ring of one worker: what has happened to take out, and how much did not fit.
    private struct Source {
        let entries: @Sendable () -> [LogEntry]
        let dropped: @Sendable () -> UInt64
    }

    private struct State {
        var sources: [Source] = []
        /// How many lost events have been told of.
        var reportedLosses: UInt64 = 0
    }

    private let log: EventLog
    private let clock: @Sendable () -> Int64
    private let threadSignal = LogThreadSignal()
    /// The lock also makes sure that a ring has one consumer, whoever calls `pump`.
    private let state = Mutex(State())
    private let isStopping = Atomic(false)
    /// Signalled by the thread when it ends; nil while there is no thread.
    private let threadEnd = Mutex<DispatchSemaphore?>(nil)

    /// Makes a pump into `log`; `clock` gives nanoseconds since 1970.
    public init(into log: EventLog, clock: @escaping @Sendable () -> Int64) {
        self.log = log
        self.clock = clock
    }

    /// Makes a ring for one packet worker, which this pump empties from now on.
    public func makeRing(slots: Int = 256) -> EventRing {
        let ring = EventRing(slots: slots, threadSignal: threadSignal)
        let source = Source {
            var entries: [LogEntry] = []
            ring.drain { entries.append(LogEntry($0)) }
            return entries
        } dropped: {
            ring.dropped
        }
        state.withLock { $0.sources.append(source) }
        return ring
    }

    /// Makes a ring for the facts of one packet worker, which this pump empties from now on.
    ///
    /// - `tell`: makes of a fact what is to be logged, if anything, on the thread of the log.
    public func makeRing<Fact: Sendable>(
        of fact: Fact.Type,
        slots: Int = 256,
        tell: @escaping @Sendable (Fact) -> LogEntry?
    ) -> FactRing<Fact> {
        let ring = FactRing<Fact>(slots: slots, threadSignal: threadSignal)
        let source = Source {
            var entries: [LogEntry] = []
            ring.drain { if let entry = tell($0) { entries.append(entry) } }
            return entries
        } dropped: {
            ring.dropped
        }
        state.withLock { $0.sources.append(source) }
        return ring
    }

    /// Empties all rings into the log, the oldest event first, and writes the counted repeats that are due at `now`.
    public func pump(now: Int64) {
        state.withLock { state in
            let entries = state.sources.flatMap { $0.entries() }
            // The sort is stable, so events of one worker keep their order. They are written when the lock is free again.
            log.keep(entries.sorted { $0.time < $1.time })
            let losses = state.sources.reduce(0) { $0 &+ $1.dropped() }
            let new = losses &- state.reportedLosses
            if new > 0 {
                state.reportedLosses = losses
                log.keep([LogEntry(.logEntriesLost, "Log entries lost: \(new)", at: now)])
            }
        }
        log.settleRepeats(now: now)
    }

    /// Starts the thread, which sleeps until a ring is signalled.
    ///
    /// It does nothing when the thread runs already.
    public func start() {
        let end: DispatchSemaphore? = threadEnd.withLock { current in
            guard current == nil else { return nil }
            let end = DispatchSemaphore(value: 0)
            current = end
            return end
        }
        guard let end else { return }
        isStopping.store(false, ordering: .releasing)
        let thread = Thread { [self] in
            // From within: only so does `top` show it.
            Thread.current.name = "log"
            while !isStopping.load(ordering: .acquiring) {
                threadSignal.wait(atMost: Self.longestSleep)
                pump(now: clock())
            }
            end.signal()
        }
        thread.start()
    }

    /// Ends the thread and empties the rings to the end; the workers must have stopped before.
    ///
    /// It does not wait for ever for a thread that a destination holds up.
    public func stop() {
        let end = threadEnd.withLock { current in
            defer { current = nil }
            return current
        }
        if let end {
            isStopping.store(true, ordering: .releasing)
            threadSignal.signal()
            _ = end.wait(timeout: .now() + .milliseconds(Self.longestEnd))
        }
        pump(now: clock())
        log.finish()
    }
}

extension LogEntry {
    /// The entry for what a packet worker told.
    init(_ event: EventRing.Event) {
        let definition = event.code.definition
        let detail: String? =
            switch definition.detail {
            // A prefix is written with its address.
            case .none, .prefixLength: nil
            case .systemError: SystemError(number: Int32(clamping: event.detail)).text
            case .type: "0x" + LogEscape.hex(event.detail, digits: 4)
            }
        self.init(
            event.code,
            detail.map { "\(definition.text) (\($0))" },
            level: event.level,
            address: event.address,
            prefixLength: definition.detail == .prefixLength ? Int(event.detail) : nil,
            pdu: event.pdu,
            pduLength: event.pduLength,
            at: event.time
        )
    }
}
