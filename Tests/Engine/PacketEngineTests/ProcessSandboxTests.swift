// Unsafe: threads and system calls of C are given pointers; each lives as long as its call.

import Foundation
import Glibc
import PacketEngine
import Testing

/// Each in a process of its own, as nothing of it is ever given back.
@Suite("What a process gives up for good")
struct ProcessSandboxTests {
    @Test(
        "calls that no server needs are refused, new namespaces by any name too, and threads begin all the same",
        .enabled(if: ProcessSandbox.hasSeccomp, "needs a kernel with seccomp")
    )
    func calls() async {
        await #expect(processExitsWith: .success) {
            try ProcessSandbox.refuseCalls()
            // Of an address that is not there, and of namespaces: of mounts, groups, names, messages, users, processes, networks.
            #expect(SystemCall.error(SystemCall.execve, 0) == EPERM)
            for kind in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
                #expect(SystemCall.error(SystemCall.unshare, kind) == EPERM)
                #expect(SystemCall.error(SystemCall.clone, kind | Int(SIGCHLD)) == EPERM)
            }
            #expect(SystemCall.error(SystemCall.setns, 0) == EPERM)
            // With a structure of no size it would be EINVAL.
            #expect(SystemCall.error(SystemCall.clone3, 0) == ENOSYS)
            #expect(TestThread.runs { true })
            #expect(await Task.detached { true }.value)
            // More than the threads that Swift has by now.
            DispatchQueue.concurrentPerform(iterations: 64) { _ in usleep(1000) }
        }
    }

    @Test(
        "all threads, those of before too, may open what was named and nothing else",
        .enabled(if: ProcessSandbox.landlockVersion != nil, "needs a kernel with Landlock")
    )
    func files() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        await #expect(processExitsWith: .success) { [root = folder.root as String] in
            let folder = TestFolder(at: root)
            let old = TestThread()
            try ProcessSandbox.holdFiles(
                reading: [folder.path("read"), "/dev/urandom", folder.path("missing")],
                writing: [folder.path("write"), "/dev/null"]
            )
            for thread in [old, TestThread()] {
                #expect(thread.opening(folder.path("read/file")) == 0)
                #expect(thread.opening(folder.path("read/file"), O_WRONLY) == EACCES)
                #expect(thread.opening(folder.path("write/file"), O_RDWR | O_TRUNC) == 0)
                #expect(thread.opening(folder.path("write/new"), O_WRONLY | O_CREAT) == 0)
                #expect(thread.opening(folder.path("else/file")) == EACCES)
                #expect(thread.opening("/dev/null", O_RDWR) == 0 && thread.opening("/dev/urandom") == 0)
                #expect(thread.opening("/dev/zero") == EACCES && thread.opening("/dev") == EACCES)
                thread.end()
            }
        }
    }

    @Test(
        "a thread that blocks the signal is found before any other is held, and another try may do",
        .enabled(if: ProcessSandbox.landlockVersion != nil, "needs a kernel with Landlock")
    )
    func blocked() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        await #expect(processExitsWith: .success) { [root = folder.root as String] in
            let folder = TestFolder(at: root)
            let thread = TestThread()
            thread.run { SystemCall.block(SIGSYS) }
            let error = #expect(throws: SandboxError.self) {
                try ProcessSandbox.holdFiles(reading: [folder.path("read")], writing: [])
            }
            #expect(error?.isHalf == false && error?.mayPass == true, "\(String(describing: error))")
            let other = TestThread()
            #expect(other.opening(folder.path("else/file")) == 0)
            thread.end()
        }
    }

    @Test(
        "what holds some threads and not others is told as such",
        .enabled(if: ProcessSandbox.landlockVersion != nil, "needs a kernel with Landlock")
    )
    func half() async {
        await #expect(processExitsWith: .success) {
            let thread = TestThread()
            // The kernel takes no more than 16 rule sets from a thread.
            thread.run { for _ in 0..<16 { SystemCall.restrictThread() } }
            let error = #expect(throws: SandboxError.self) {
                try ProcessSandbox.holdFiles(reading: ["/"], writing: ["/"])
            }
            #expect(error?.isHalf == true && error?.mayPass == true, "\(String(describing: error))")
            thread.end()
        }
    }
}

// MARK: Helpers

/// System calls by number, which Swift cannot see.
private enum SystemCall {
    #if arch(x86_64)
    static let (clone, execve, unshare, setns) = (56, 59, 272, 308)
    private static let prctl = 157
    #else
    static let (clone, execve, unshare, setns) = (220, 221, 97, 268)
    private static let prctl = 167
    #endif
    static let clone3 = 435
    private static let (landlockCreate, landlockRestrict, noNewPrivileges) = (444, 446, 38)

    /// The error of a call, 0 for none; what it forks ends at once.
    static func error(_ number: Int, _ first: Int) -> Int32 {
        let result = call(number, first, 0)
        if number == clone, result == 0 { _exit(0) }
        return result < 0 ? errno : 0
    }

    static func block(_ signal: Int32) {
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe sigaddset(&mask, signal)
        unsafe pthread_sigmask(SIG_BLOCK, &mask, nil)
    }

    /// Has the kernel hold this thread to rules that forbid only the making of block devices.
    static func restrictThread() {
        var handled: UInt64 = 1 << 11
        let rules = unsafe withUnsafePointer(to: &handled) { call(landlockCreate, Int(bitPattern: $0), 8) }
        _ = call(prctl, noNewPrivileges, 1)
        _ = call(landlockRestrict, rules, 0)
        close(Int32(rules))
    }

    private static func call(_ number: Int, _ first: Int, _ second: Int) -> Int {
        typealias Call = @convention(c) (Int, Int, Int, Int, Int, Int) -> Int
        let function = unsafe unsafeBitCast(dlsym(nil, "syscall"), to: Call.self)
        return function(number, first, second, 0, 0, 0)
    }
}

/// A thread that does what it is told, one thing after the other.
private final class TestThread: @unchecked Sendable {
    private let (asked, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    private var work: (@Sendable () -> Void)?

    init() {
        Thread.detachNewThread { [self] in
            while true {
                asked.wait()
                guard let work else { break }
                work()
                done.signal()
            }
            done.signal()
        }
        // Its own end of the start, with all signals blocked, is over.
        run {}
    }

    func run(_ work: @escaping @Sendable () -> Void) {
        self.work = work
        asked.signal()
        done.wait()
    }

    func end() {
        work = nil
        asked.signal()
        done.wait()
    }

    /// The error of opening a file there, 0 for none.
    func opening(_ path: String, _ flags: Int32 = O_RDONLY) -> Int32 {
        nonisolated(unsafe) var code: Int32 = 0
        run {
            let descriptor = unsafe open(path, flags, 0o600)
            unsafe code = descriptor < 0 ? errno : 0
            close(descriptor)
        }
        return unsafe code
    }

    /// What a new thread says.
    static func runs(_ work: @escaping @Sendable () -> Bool) -> Bool {
        nonisolated(unsafe) var answer = false
        let thread = TestThread()
        thread.run { unsafe answer = work() }
        thread.end()
        return unsafe answer
    }
}

/// A folder with the folders `read`, `write` and `else`, each with a file.
private struct TestFolder {
    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.path + "/stund-sandbox-\(UUID().uuidString)"
        for name in ["read", "write", "else"] {
            try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
            try "text".write(toFile: path("\(name)/file"), atomically: false, encoding: .utf8)
        }
    }

    init(at root: String) { self.root = root }

    func path(_ name: String) -> String { "\(root)/\(name)" }

    func remove() { try? FileManager.default.removeItem(atPath: root) }
}
