// Unsafe: posix_spawn, pipe, poll and waitpid take C pointers; Foundation's Process can't make a session of its own.
import Foundation
import Glibc

/// A system call of starting a process failed.
struct SpawnError: Error, CustomStringConvertible {
    /// The errno.
    let code: Int32

    var description: String { unsafe String(cString: strerror(code)) }
}

/// The program started anew in a session of its own, with a pipe on which it tells how its start went.
struct BackgroundProcess {
    private let pid: Int32
    private let pipe: FileHandle

    /// The descriptor at which the new process finds the pipe.
    private static let pipeNumber: Int32 = 3
    /// The flag of spawn.h that Swift's Glibc module hides.
    private static let newSession: Int16 = 0x80

    init(_ program: String, _ arguments: [String], _ environment: [String: String]) throws(SpawnError) {
        Self.keepDescriptorsFromChildren()
        var ends: [Int32] = [-1, -1]
        try Self.check(unsafe Glibc.pipe(&ends) == 0 ? 0 : errno)
        pipe = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        defer { close(ends[1]) }
        // Both ends close on exec; the copy that dup2 makes in the child doesn't.
        let writeEnd = fcntl(ends[1], F_DUPFD_CLOEXEC, Self.pipeNumber + 1)
        try Self.check(writeEnd >= 0 ? 0 : errno)
        defer { close(writeEnd) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var environment = environment
        environment[Readiness.variable] = "\(Self.pipeNumber)"
        pid = try Self.spawn(program, arguments, environment.map { "\($0)=\($1)" }, writeEnd: writeEnd)
    }

    /// Everything that the process writes until it closes the pipe; nil when it takes too long.
    func output(within patience: Duration) -> String? {
        let deadline = ContinuousClock.now + patience
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let rest = deadline - .now
            guard rest > .zero, bytes.count < 1 << 20 else { return nil }
            var entry = pollfd(fd: pipe.fileDescriptor, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&entry, 1, Int32(clamping: Int(rest / .milliseconds(1)) + 1))
            if ready == 0 || (ready < 0 && errno == EINTR) { continue }
            let count = unsafe read(pipe.fileDescriptor, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    /// Asks the process to end.
    func terminate() { kill(pid, SIGTERM) }

    /// How the process ended; waits for its end.
    var ending: String {
        var status: Int32 = 0
        var result: Int32
        repeat { result = unsafe waitpid(pid, &status, 0) } while result < 0 && errno == EINTR
        guard result == pid else { return "nobody knows how" }
        // The macros WIFSIGNALED and WEXITSTATUS (wait(2)), which Swift doesn't import.
        let signal = status & 0x7F
        if signal != 0 { return "killed by signal \(signal) (\(unsafe String(cString: strsignal(signal))))" }
        return "exit code \(status >> 8 & 0xFF)"
    }

    // MARK: - Below

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        _ environment: [String],
        writeEnd: Int32
    ) throws(SpawnError) -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        try check(unsafe posix_spawn_file_actions_init(&actions))
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        try check(unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0))
        try check(unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0))
        try check(unsafe posix_spawn_file_actions_adddup2(&actions, writeEnd, pipeNumber))

        var attributes = posix_spawnattr_t()
        try check(unsafe posix_spawnattr_init(&attributes))
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // A starter under nohup ignores SIGHUP, which is how the server is told to reread its settings.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        try check(unsafe posix_spawnattr_setsigmask(&attributes, &signals))
        unsafe sigfillset(&signals)
        try check(unsafe posix_spawnattr_setsigdefault(&attributes, &signals))
        let flags = newSession | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
        try check(unsafe posix_spawnattr_setflags(&attributes, flags))

        var argumentPointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var environmentPointers = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            for index in unsafe argumentPointers.indices { unsafe free(argumentPointers[index]) }
            for index in unsafe environmentPointers.indices { unsafe free(environmentPointers[index]) }
        }
        var pid: pid_t = 0
        try check(
            unsafe posix_spawn(&pid, program, &actions, &attributes, &argumentPointers, &environmentPointers)
        )
        return pid
    }

    private static func check(_ code: Int32) throws(SpawnError) {
        guard code == 0 else { throw SpawnError(code: code) }
    }

    /// A script that waits for the end of a pipe it gave us must not wait for the server's end.
    private static func keepDescriptorsFromChildren() {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for number in numbers.compactMap({ Int32($0) }) where number > STDERR_FILENO {
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        }
    }
}
