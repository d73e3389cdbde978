// Unsafe: the signal mask of a thread is set through pointers. The threads that tests run on block all signals, and a
// program inherits that: without unblocking them, no SIGTERM or SIGHUP would reach what a test starts.
import Foundation
import Synchronization
import Testing

/// A program that a test started: its output so far, its end, and bounded waits for either.
///
/// Everything the program writes, to standard output and to standard error, is one text in the order it came.
final class Program: Sendable {
    struct State: Sendable {
        var output = ""
        /// The exit code, or minus the number of the signal that ended the program.
        var exitCode: Int32?
        /// True once nobody holds the writing end of the pipe any more.
        var outputEnded = false

        var lines: [Substring] { output.split(separator: "\n", omittingEmptySubsequences: true) }
        /// Ended, and nothing of what it wrote is still on its way.
        var isFinished: Bool { exitCode != nil && outputEnded }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Held from the making of a pipe to the start of its program: a program that is started by another test in
    /// between would inherit the pipe and keep its end from being seen.
    static let starting = NSLock()

    let processID: Int32
    let name: String
    private let shared: Shared

    /// Starts a program; `namespace` is the network namespace to start it in, and a variable that is nil is removed.
    ///
    /// - Parameter lifetime: seconds after which `timeout` ends a program that the test, having crashed, left behind;
    ///   nil for programs whose own process id and exit code are what is tested.
    private init(
        _ arguments: [String],
        namespace: String?,
        environment: [String: String?],
        lifetime: Int?
    ) throws {
        var command = arguments
        if let lifetime { command = ["timeout", "--kill-after=5", "\(lifetime)"] + command }
        // `ip netns exec` becomes the program, so that the process id is the program's own.
        if let namespace { command = ["ip", "netns", "exec", namespace] + command }
        guard let path = Partners.path(of: command[0]) else { throw Failure(description: "no program \(command[0])") }
        Self.starting.lock()
        defer { Self.starting.unlock() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = Array(command.dropFirst())
        // What a developer's shell or a service that runs the tests tells a server is not for the one under test. With
        // the service manager's variables it would stay in the foreground, and a test would wait for the command's end.
        let inherited = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("STUND_") && $0.key != "INVOCATION_ID" && $0.key != "NOTIFY_SOCKET"
        }
        process.environment = inherited.merging(environment.compactMapValues(\.self)) { $1 }
            .filter { environment[$0.key] != .some(nil) }
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        let shared = Shared()
        // A thread that reads, since `readabilityHandler` now and then never tells the end of a pipe.
        let output = pipe.fileHandleForReading
        Thread.detachNewThread {
            var hasEnded = false
            while !hasEnded {
                let data = output.availableData
                hasEnded = data.isEmpty
                shared.change { state in
                    state.outputEnded = data.isEmpty
                    state.output += String(decoding: data, as: UTF8.self)
                }
            }
            // Foundation keeps it open for ever, and with more than a thousand open files its next `run` may read beyond its memory.
            try? output.close()
        }
        process.terminationHandler = { process in
            let code = process.terminationStatus
            shared.change { $0.exitCode = process.terminationReason == .uncaughtSignal ? -code : code }
        }
        var mask = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe pthread_sigmask(SIG_SETMASK, &mask, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
        self.shared = shared
        processID = process.processIdentifier
        name = arguments.joined(separator: " ")
    }

    /// Runs `body` beside a program and ends the program after it, whatever happened.
    nonisolated(nonsending) static func running<Result: Sendable>(
        _ arguments: [String],
        namespace: String? = nil,
        environment: [String: String?] = [:],
        lifetime: Int? = 300,
        _ body: (Program) async throws -> Result
    ) async throws -> Result {
        let program = try Program(arguments, namespace: namespace, environment: environment, lifetime: lifetime)
        do {
            let result = try await body(program)
            await program.end()
            return result
        } catch {
            await program.end()
            throw Failure(description: "\(error)\n\(program.name) had written:\n\(program.state.output)")
        }
    }

    /// Runs a program to its end, or for `limit` at most, and returns what it wrote.
    @discardableResult
    static func run(
        _ arguments: [String],
        namespace: String? = nil,
        environment: [String: String?] = [:],
        limit: Duration = .seconds(30)
    ) async throws -> State {
        try await running(arguments, namespace: namespace, environment: environment) { program in
            _ = await program.wait(limit) { $0.isFinished }
            return program.state
        }
    }

    var state: State { shared.state }

    func signal(_ number: Int32) { kill(processID, number) }

    /// Waits until the condition holds, for `limit` at most, and tells whether it does.
    func wait(_ limit: Duration = .seconds(10), until condition: @escaping @Sendable (State) -> Bool) async -> Bool {
        await shared.wait(limit, until: condition)
    }

    /// Waits for the end and returns the exit code; throws what the program wrote if it does not end.
    func exitCode(within limit: Duration = .seconds(10)) async throws -> Int32 {
        _ = await wait(limit) { $0.isFinished }
        guard let code = state.exitCode else { throw Failure(description: "\(name) did not end within \(limit)") }
        return code
    }

    private func end() async {
        guard state.exitCode == nil else { return }
        signal(SIGTERM)
        // `timeout` kills what it started after 5 seconds; if it were killed itself by then, that would be left behind.
        if await !wait(.seconds(10), until: { $0.exitCode != nil }) {
            signal(SIGKILL)
            _ = await wait(.seconds(5)) { $0.exitCode != nil }
        }
    }
}

/// What the handlers of a running process change and the waits look at.
private final class Shared: Sendable {
    private struct Waiter {
        let condition: @Sendable (Program.State) -> Bool
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct Contents {
        var state = Program.State()
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
    }

    private let contents = Mutex(Contents())

    var state: Program.State { contents.withLock { $0.state } }

    func change(_ body: (inout Program.State) -> Void) {
        let satisfied = contents.withLock { contents in
            body(&contents.state)
            let state = contents.state
            let satisfied = contents.waiters.filter { $0.value.condition(state) }
            for key in satisfied.keys { contents.waiters[key] = nil }
            return satisfied.values.map(\.continuation)
        }
        for continuation in satisfied { continuation.resume(returning: true) }
    }

    func wait(_ limit: Duration, until condition: @escaping @Sendable (Program.State) -> Bool) async -> Bool {
        let number = contents.withLock { contents in
            contents.lastWaiter += 1
            return contents.lastWaiter
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            contents.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume(returning: false)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            let holds = contents.withLock { contents in
                if condition(contents.state) { return true }
                contents.waiters[number] = Waiter(condition: condition, continuation: continuation)
                return false
            }
            if holds { continuation.resume(returning: true) }
        }
    }
}
