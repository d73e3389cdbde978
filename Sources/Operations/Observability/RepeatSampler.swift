/// Keeps a flood of equal events from flooding the log: beyond some entries of one code in a second it only counts.
///
/// The memory is bounded by the number of codes. Entries of one code are equal here whatever their address, or a flood
/// with forged addresses would pass.
struct RepeatSampler {
    private struct Window {
        var start: Int64
        var written = 0
        var suppressed = 0
        var last: LogEntry?
        /// Whether those that were only counted told of different things.
        var differs = false
    }

    private static let windowLength: Int64 = 1_000_000_000
    private var windows: [MessageCode: Window] = [:]

    /// What is to be written now that `entry` arrives: nothing, the entry, or before it the line that counts repeats.
    mutating func admit(_ entry: LogEntry) -> [LogEntry] {
        // Who asks for levels 8 and 9 wants to see every message.
        guard entry.level < .debug else { return [entry] }
        let counted = settle(entry.code, now: entry.time)
        var window = windows[entry.code] ?? Window(start: entry.time)
        defer { windows[entry.code] = window }
        guard window.written < entry.code.definition.linesPerSecond else {
            window.suppressed += 1
            if let last = window.last, !last.tells(sameAs: entry) { window.differs = true }
            window.last = entry
            return counted
        }
        window.written += 1
        return counted + [entry]
    }

    /// The lines that count the repeats of windows which are over at `now`.
    mutating func settle(now: Int64) -> [LogEntry] {
        windows.keys.flatMap { settle($0, now: now) }.sorted { $0.time < $1.time }
    }

    /// The lines that count all repeats not yet written, for the end of the log.
    mutating func settleAll() -> [LogEntry] {
        defer { windows.removeAll() }
        return windows.values.compactMap(Self.line).sorted { $0.time < $1.time }
    }

    private mutating func settle(_ code: MessageCode, now: Int64) -> [LogEntry] {
        guard let window = windows[code] else { return [] }
        let elapsed = now &- window.start
        // A clock that was set back ends the window too, or the code would stay silent until the old time comes again.
        guard elapsed < 0 || elapsed >= Self.windowLength else { return [] }
        windows[code] = nil
        return Self.line(of: window).map { [$0] } ?? []
    }

    private static func line(of window: Window) -> LogEntry? {
        var line = window.last
        line?.repeats = window.suppressed
        line?.repeatsDiffer = window.differs
        return line
    }
}

extension LogEntry {
    /// Whether both say the same, whenever they were written and whatever message they are about.
    fileprivate func tells(sameAs other: LogEntry) -> Bool {
        text == other.text && address == other.address && remark == other.remark
    }
}
