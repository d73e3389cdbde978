/// The destinations of a log, and what is said of those that fail.
struct LogOutputs {
    /// What the destinations are to do.
    enum Job: Sendable {
        case write(LogEntry)
        /// Opens log files again by their names.
        case reopen(now: Int64)
        /// Takes these destinations instead of the ones before.
        case use([LogSink], LogLineForm)
    }

    private var format = LogLineForm.text
    private var sinks: [LogSink] = []
    /// Takes what is to say about the other destinations.
    private var complaints: LogSink?
    private let history: LogHistory

    init(history: LogHistory, complaints: LogSink?) {
        self.history = history
        self.complaints = complaints
    }

    mutating func perform(_ job: Job) {
        switch job {
        case .write(let entry): write(entry)
        case .reopen(let now): reopen(now: now)
        case .use(let sinks, let format): (self.sinks, self.format) = (sinks, format)
        }
    }

    /// Counts entries that no destination was given.
    mutating func miss(_ count: Int) {
        for index in sinks.indices { sinks[index].miss(count) }
    }

    private mutating func write(_ entry: LogEntry) {
        var notes: [LogEntry] = []
        for index in sinks.indices {
            if let note = sinks[index].write(entry, format: format) { notes.append(note) }
        }
        announce(notes)
    }

    private mutating func reopen(now: Int64) {
        for index in sinks.indices {
            do throws(SystemError) {
                try sinks[index].reopen()
            } catch {
                let name = sinks[index].destination.name
                let text = "Log not reopened: \(name): \(error.text); the old file stays in use"
                announce([LogEntry(.logNotWritten, text, at: now)])
            }
        }
    }

    /// Says what happened to destinations, everywhere but in those that fail.
    ///
    /// It ends: a note can make another destination fail, but none work again, and one that fails gets no notes.
    private mutating func announce(_ notes: [LogEntry]) {
        var notes = notes[...]
        while let note = notes.popFirst() {
            history.append(note)
            _ = complaints?.write(note, format: format)
            for index in sinks.indices where sinks[index].isWorking {
                guard sinks[index].destination != complaints?.destination else { continue }
                if let next = sinks[index].write(note, format: format) { notes.append(next) }
            }
        }
    }
}
