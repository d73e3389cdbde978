public import Addresses
import Synchronization

/// The log of the server: the one way for everything but packet workers to say that something happened.
///
/// An entry whose level is enabled goes to the history in memory and to all destinations. Floods of equal entries are
/// counted instead of written. A destination that fails never stops the server: one line on standard error says so,
/// another one says when it works again. A caller waits while a destination takes its entry, so packet workers use an
/// `EventRing` instead.
///
/// The process must ignore SIGPIPE, or a pipe that is closed at its other end kills it.
public final class EventLog: Sendable {
    private struct State {
        var format = LogLineForm.text
        var sinks: [LogSink] = []
        var sampler = RepeatSampler()
        /// Takes what is to say about the other destinations.
        var complaints: LogSink?
    }

    /// The current level; packet workers read it too.
    public let levelSwitch: LogLevelSwitch
    /// The last entries.
    public let history: LogHistory
    private let state: Mutex<State>

    /// Makes a log that keeps entries in `history` only, until it is given destinations.
    public convenience init(level: LogLevelSwitch = LogLevelSwitch(), history: LogHistory = LogHistory()) {
        self.init(level: level, history: history, complaints: .standardError)
    }

    /// Makes a log that says what is wrong with its destinations somewhere else than on standard error.
    package init(level: LogLevelSwitch, history: LogHistory, complaints: LogDestination) {
        levelSwitch = level
        self.history = history
        state = Mutex(State(complaints: try? LogSink(complaints)))
    }

    /// Writes to `destinations` from now on; when a file cannot be opened, everything stays as it was.
    public func write(to destinations: [LogDestination], format: LogLineForm) throws(LogDestinationError) {
        var sinks: [LogSink] = []
        for destination in destinations {
            do throws(SystemError) {
                sinks.append(try LogSink(destination))
            } catch {
                throw LogDestinationError(
                    description: "cannot open \(destination.name): \(error.text); "
                        + "set log-file to a file in a folder that exists and that the server may write to"
                )
            }
        }
        state.withLock {
            $0.sinks = sinks
            $0.format = format
        }
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

    /// Adds an entry, if its level is enabled.
    public func append(_ entry: LogEntry) {
        guard levelSwitch.isEnabled(entry.level) else { return }
        state.withLock { state in
            for line in state.sampler.admit(entry) { write(line, &state) }
        }
    }

    /// Writes the lines that count repeats and are due at `now` (nanoseconds since 1970); to be called every second.
    public func settleRepeats(now: Int64) {
        state.withLock { state in
            for line in state.sampler.settle(now: now) { write(line, &state) }
        }
    }

    /// Writes the lines that count repeats at once, at the end of the log.
    public func finish() {
        state.withLock { state in
            for line in state.sampler.settleAll() { write(line, &state) }
        }
    }

    /// Opens log files again by their names, after they were renamed (SIGHUP); a file that cannot be opened is said
    /// once, and the old one stays in use.
    public func reopen(now: Int64) {
        state.withLock { state in
            for index in state.sinks.indices {
                do throws(SystemError) {
                    try state.sinks[index].reopen()
                } catch {
                    let name = state.sinks[index].destination.name
                    let text = "Log not reopened: \(name): \(error.text); the old file stays in use"
                    announce([LogEntry(.logNotWritten, text, at: now)], &state)
                }
            }
        }
    }

    private func write(_ entry: LogEntry, _ state: inout State) {
        history.append(entry)
        var notes: [LogEntry] = []
        for index in state.sinks.indices {
            if let note = state.sinks[index].write(entry, format: state.format) { notes.append(note) }
        }
        announce(notes, &state)
    }

    /// Says what happened to destinations, everywhere but in those that fail.
    ///
    /// It ends: a note can make another destination fail, but none work again, and one that fails gets no notes.
    private func announce(_ notes: [LogEntry], _ state: inout State) {
        var notes = notes[...]
        while let note = notes.popFirst() {
            history.append(note)
            _ = state.complaints?.write(note, format: state.format)
            for index in state.sinks.indices where state.sinks[index].isWorking {
                guard state.sinks[index].destination != state.complaints?.destination else { continue }
                if let next = state.sinks[index].write(note, format: state.format) { notes.append(next) }
            }
        }
    }
}
