// Unsafe: unsetenv takes a C pointer.
import Foundation
import Glibc
import Synchronization

/// Tells whoever started the server that it is ready, or why it isn't.
///
/// In the background that is another process, which waits at a pipe: its message is `ready` or `failed <exit code>` in
/// the first line, and what is to be printed in the others.
final class Readiness: Sendable {
    /// The variable that carries the number of the pipe's descriptor from the starter to the server; nothing else.
    static let variable = "STUND_READY_FD"

    /// For a server that its user sees.
    static let foreground = Readiness(pipe: nil)

    private let pipe: Mutex<Int32?>
    /// Whether the server runs in the background.
    let isDetached: Bool

    private let releasesErrorOutput: Bool

    init(pipe: Int32?, releasesErrorOutput: Bool = true) {
        self.pipe = Mutex(pipe)
        isDetached = pipe != nil
        self.releasesErrorOutput = releasesErrorOutput
    }

    /// The pipe to the process that started this one; nil when there is none.
    static func inherited(from environment: [String: String]) throws(Failure) -> Readiness? {
        guard let text = environment[variable] else { return nil }
        unsafe unsetenv(variable)
        guard let number = Int32(text), number > STDERR_FILENO, isPipe(number),
            fcntl(number, F_SETFD, FD_CLOEXEC) == 0
        else {
            throw Failure(.usage, "\(variable) is for the program's own use: unset it")
        }
        ProcessName.set("stund")
        return Readiness(pipe: number)
    }

    /// Whether an open descriptor is a pipe (proc(5)).
    private static func isPipe(_ number: Int32) -> Bool {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"))?
            .hasPrefix("pipe:") == true
    }

    /// Tells that the server answers, with lines to print; in the background the error output ends here.
    func ready(_ lines: [String]) {
        guard isDetached else {
            print(lines.joined(separator: "\n"))
            fflush(nil)
            return
        }
        // A starter that is gone doesn't hear it; the server goes on all the same.
        _ = send(["ready"] + lines)
        if releasesErrorOutput, let null = FileHandle(forWritingAtPath: "/dev/null") {
            dup2(null.fileDescriptor, STDERR_FILENO)
        }
    }

    /// The server can't start: tells it; false when nobody waits for that any more.
    func report(_ failure: Failure) -> Bool {
        send(["failed \(failure.status.rawValue)", failure.description])
    }

    private func send(_ lines: [String]) -> Bool {
        let number = pipe.withLock { pipe in
            defer { pipe = nil }
            return pipe
        }
        guard let number else { return false }
        let handle = FileHandle(fileDescriptor: number, closeOnDealloc: false)
        defer { try? handle.close() }
        return (try? handle.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))) != nil
    }
}

/// What the server told its starter, read from the pipe.
enum StartMessage: Hashable {
    /// It is ready; the lines are to be printed.
    case ready([String])
    /// It ends with this exit code, for this reason.
    case failed(code: Int32, reason: String)

    /// Reads a whole message; nil when the server ended before it told anything.
    init?(_ text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard text.hasSuffix("\n") else { return nil }
        lines.removeLast()
        let head = (lines.first ?? "").split(separator: " ")
        let rest = Array(lines.dropFirst())
        if head == ["ready"] {
            self = .ready(rest)
        } else if head.count == 2, head[0] == "failed", let code = Int32(head[1]) {
            self = .failed(code: code, reason: rest.joined(separator: "\n"))
        } else {
            return nil
        }
    }
}

/// The name that `ps` and `pidof` show.
enum ProcessName {
    /// Sets it: a program that was started as /proc/self/exe would be called `exe`.
    static func set(_ name: String) {
        try? Data(name.utf8).write(to: URL(fileURLWithPath: "/proc/self/comm"))
    }
}
