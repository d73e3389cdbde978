public import Addresses
import Dispatch
import Synchronization

/// The log of the server: the one way for everything but packet workers to say that something happened.
///
/// An entry whose level is enabled goes to the history in memory and to all destinations. Floods of equal entries are
/// counted instead of written. A destination that fails, or that nobody reads, never stops the server: one line on
/// standard error says so, another one says when it works again. A caller waits while it writes to destinations itself,
/// so packet workers use an `EventRing` instead; nobody waits for what another thread writes.
///
/// The process must ignore SIGPIPE, or a pipe that is closed at its other end kills it.
public final class EventLog: Sendable {
    /// What the destinations have still to be given.
    ///
    /// One thread at a time writes, and whoever comes meanwhile leaves its entry here: nobody waits for a lock while a
    /// destination takes its time.
    private struct State {
        var sampler = RepeatSampler()
        var entries = InlineArray<10, UInt64>(repeating: 0)
        var jobs: [LogOutputs.Job] = []
        /// How many entries were left out because too many waited already.
        var missed = 0
        var isWriting = false
        /// Signalled when nobody writes any more.
        var waiting: [DispatchSemaphore] = []

        mutating func beginWriting() -> Bool {
            guard !isWriting, !jobs.isEmpty else { return false }
            isWriting = true
            return true
        }

        /// What is to be written next; when that is nothing, the turn of the thread that writes ends with this.
        mutating func takeJobs() -> (jobs: [LogOutputs.Job], missed: Int)? {
            guard !jobs.isEmpty else {
                endWriting()
                return nil
            }
            defer { (jobs, missed) = ([], 0) }
            return (jobs, missed)
        }

        mutating func endWriting() {
            isWriting = false
            for semaphore in waiting { semaphore.signal() }
            waiting.removeAll()
        }
    }

    /// How many entries may wait for a destination before those that follow are only kept in the history.
    private static let longestQueue = 4096
    /// How often a caller takes what others left for it to write; the rest is for those who come next.
    private static let longestTurn = 8
    /// How long the end of the log waits for another thread that writes, in milliseconds.
    private static let longestEnd = 2000

    /// The current level; packet workers read it too.
    public let levelSwitch: LogLevelSwitch
    /// The last entries.
    public let history: LogHistory
    private let standardError: Descriptor
    private let state = Mutex(State())
    /// Only for the thread that writes, which alone may wait for it.
    private let outputs: Mutex<LogOutputs>

    /// Makes a log that keeps entries in `history` only, until it is given destinations.
    public convenience init(level: LogLevelSwitch = LogLevelSwitch(), history: LogHistory = LogHistory()) {
        self.init(level: level, history: history, complaints: .standardError)
    }

    /// Makes a log that says what is wrong with its destinations in `complaints`, and takes another descriptor than the
    /// process's for standard error.
    package init(
        level: LogLevelSwitch,
        history: LogHistory,
        complaints: LogDestination,
        standardError: Int32? = nil
    ) {
        levelSwitch = level
        self.history = history
        let descriptor = standardError.map(Descriptor.init(borrowing:)) ?? .standardError
        self.standardError = descriptor
        outputs = Mutex(
            LogOutputs(history: history, complaints: try? LogSink(complaints, standardError: descriptor))
        )
    }

    /// Writes to `destinations` from now on; when a file cannot be opened, everything stays as it was.
    public func write(to destinations: [LogDestination], format: LogLineForm) throws(LogDestinationError) {
        var sinks: [LogSink] = []
        for destination in destinations {
            do throws(SystemError) {
                sinks.append(try LogSink(destination, standardError: standardError))
            } catch {
                throw LogDestinationError(
                    description: "cannot open \(destination.name): \(error.text); "
                        + "set log-file to a file in a folder that exists and that the server may write to"
                )
            }
        }
        state.withLock { $0.jobs.append(.use(sinks, format)) }
        writeWaiting()
    }

    /// Logs that `code` happened; what is left out comes from the table of messages.
    ///
    /// `time` is in nanoseconds since 1970.
    public func log(
        _ code: MessageCode,
        _ text: String? = nil,
        level: LogLevel? = nil,
        address: SocketAddress? = nil,
        pdu: [UInt8]? = nil,
        at time: Int64
    ) {
        guard levelSwitch.isEnabled(level ?? code.definition.level) else { return }
        append(LogEntry(code, text, level: level, address: address, pdu: pdu, at: time))
    }

    /// How many entries there were of each level since the start, those included that were only counted as repeats.
    public var entryCounts: [(level: LogLevel, count: UInt64)] {
        let counts = state.withLock { $0.entries }
        return LogLevel.allCases.map { ($0, counts[Int($0.rawValue)]) }
    }

    /// Adds an entry, if its level is enabled.
    public func append(_ entry: LogEntry) {
        keep([entry])
        writeWaiting()
    }

    /// Writes the lines that count repeats and are due at `now` (nanoseconds since 1970), and what other threads left
    /// unwritten; to be called every second.
    public func settleRepeats(now: Int64) {
        state.withLock { state in enqueue(state.sampler.settle(now: now), &state) }
        writeWaiting()
    }

    /// Writes the lines that count repeats at once, at the end of the log; it waits a short time for another thread that
    /// writes, but not for ever.
    public func finish() {
        state.withLock { state in enqueue(state.sampler.settleAll(), &state) }
        writeWaiting()
        let semaphore = DispatchSemaphore(value: 0)
        let isWriting = state.withLock { state in
            if state.isWriting { state.waiting.append(semaphore) }
            return state.isWriting
        }
        guard isWriting else { return }
        _ = semaphore.wait(timeout: .now() + .milliseconds(Self.longestEnd))
        writeWaiting()
    }

    /// Opens log files again by their names, after they were renamed (SIGHUP); a file that cannot be opened is said
    /// once, and the old one stays in use.
    public func reopen(now: Int64) {
        state.withLock { $0.jobs.append(.reopen(now: now)) }
        writeWaiting()
    }

    /// Adds the entries whose levels are enabled to the history and to what is to be written, without writing.
    func keep(_ entries: [LogEntry]) {
        state.withLock { state in
            var lines: [LogEntry] = []
            for entry in entries where levelSwitch.isEnabled(entry.level) {
                state.entries[Int(entry.level.rawValue)] &+= 1
                lines += state.sampler.admit(entry)
            }
            enqueue(lines, &state)
        }
    }

    /// Writes what waits to the destinations, or leaves it to the thread that writes already.
    func writeWaiting() {
        guard state.withLock({ $0.beginWriting() }) else { return }
        for _ in 0..<Self.longestTurn {
            guard let (jobs, missed) = state.withLock({ $0.takeJobs() }) else { return }
            outputs.withLock { outputs in
                for job in jobs { outputs.perform(job) }
                outputs.miss(missed)
            }
        }
        state.withLock { $0.endWriting() }
    }

    private func enqueue(_ lines: [LogEntry], _ state: inout State) {
        for line in lines { history.append(line) }
        // Asked once for all of them: what the workers told since the last time is never too much.
        guard state.jobs.count < Self.longestQueue else {
            state.missed += lines.count
            return
        }
        state.jobs += lines.map { .write($0) }
    }
}
