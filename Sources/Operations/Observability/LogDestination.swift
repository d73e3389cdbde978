import Glibc

/// Where the log is written, beside the history in memory.
public enum LogDestination: Sendable, Hashable {
    /// The standard error of the process.
    case standardError
    /// A file, written at its end; made with mode 0640 when it does not exist.
    case file(path: String)
    /// The syslog daemon of the host, under the name `identifier`.
    case syslog(identifier: String, socketPath: String = "/dev/log")

    /// The destination as error texts name it.
    var name: String {
        switch self {
        case .standardError: "standard error"
        case .file(let path): "log file \(path)"
        case .syslog(_, let path): "syslog socket \(path)"
        }
    }
}

/// A log file that cannot be opened; the text says which, why and what to do.
public struct LogDestinationError: Error, Sendable, CustomStringConvertible {
    /// What happened and what to do.
    public let description: String
}

/// One destination that is open, and whether it works.
struct LogSink {
    enum Output {
        case stream(Descriptor)
        case file(Descriptor, path: String)
        case syslog(SyslogSocket)
    }

    let destination: LogDestination
    private var output: Output
    /// How many entries in a row could not be written; zero while it works.
    private var lost = 0
    /// Whether it was said that it fails.
    private var isToldOf = false
    /// Whether the last entry was written only in part, so that the next one must begin on a new line.
    private var isMidLine = false

    /// How long a stream that works is waited for when its reader does not keep up, in milliseconds.
    private static let patience: Int32 = 100

    /// Opens a destination; only a file can fail.
    init(_ destination: LogDestination, standardError: Descriptor) throws(SystemError) {
        self.destination = destination
        switch destination {
        case .standardError: output = .stream(standardError)
        case .file(let path): output = .file(try Descriptor.appending(to: path), path: path)
        case .syslog(let identifier, let path):
            output = .syslog(SyslogSocket(identifier: identifier, path: path))
        }
    }

    /// Whether the last entry could be written.
    var isWorking: Bool { lost == 0 }

    /// Writes an entry; the answer is what there is to say when the destination begins to fail or works again.
    mutating func write(_ entry: LogEntry, format: LogLineForm) -> LogEntry? {
        if let error = attempt(entry, format: format) {
            lost += 1
            guard !isToldOf else { return nil }
            isToldOf = true
            let reason = error.number == EAGAIN ? "its reader does not keep up" : error.text
            let text = "Log not written: \(destination.name): \(reason); the server goes on"
            return LogEntry(.logNotWritten, text, at: entry.time)
        }
        guard lost > 0 else { return nil }
        defer { (lost, isToldOf) = (0, false) }
        let text = "Log written again: \(destination.name); entries missing there: \(lost)"
        return LogEntry(.logWrittenAgain, text, at: entry.time)
    }

    /// Counts entries that it was not given, because too many waited already.
    mutating func miss(_ count: Int) { lost += count }

    /// Opens a file again by its name, after it was renamed; when that fails the open file stays in use.
    mutating func reopen() throws(SystemError) {
        guard case .file(_, let path) = output else { return }
        output = .file(try Descriptor.appending(to: path), path: path)
        isMidLine = false
    }

    private mutating func attempt(_ entry: LogEntry, format: LogLineForm) -> SystemError? {
        switch output {
        case .stream(let descriptor):
            // A stream that fails already is not waited for: each entry would cost the time anew.
            let patience = isWorking ? Self.patience : 0
            return note(descriptor.writeWithoutBlocking(bytes(of: entry, format), patience: patience))
        case .file(let descriptor, _): return note(descriptor.write(bytes(of: entry, format)))
        case .syslog(var socket):
            defer { output = .syslog(socket) }
            do throws(SystemError) {
                try socket.send(entry, format: format)
                return nil
            } catch { return error }
        }
    }

    private func bytes(of entry: LogEntry, _ format: LogLineForm) -> [UInt8] {
        Array(((isMidLine ? "\n" : "") + entry.formatted(format) + "\n").utf8)
    }

    /// Takes note of where in its line a file or stream is left.
    private mutating func note(_ result: (written: Int, error: SystemError?)) -> SystemError? {
        if result.error == nil { isMidLine = false } else if result.written > 0 { isMidLine = true }
        return result.error
    }
}
