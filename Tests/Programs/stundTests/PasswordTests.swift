// Unsafe: a pseudo-terminal is opened by C functions only.
import Foundation
import Glibc
import ServerSettings
import Synchronization
import Testing

@testable import stund

@Suite("stund password takes a password from the environment, a person or a pipe")
struct NewPasswordTests {
    @Test("the variable wins, and nobody is asked")
    func environment() throws {
        let source = FakeSource(isInteractive: true, answers: [])
        #expect(try NewPassword.read(environment: ["STUND_HTTP_PASSWORD": "s e"], from: source) == "s e")
        #expect(source.prompts.withLock { $0 }.isEmpty)
    }

    @Test("a person is asked twice")
    func person() throws {
        let source = FakeSource(isInteractive: true, answers: ["a", "a"])
        #expect(try NewPassword.read(environment: [:], from: source) == "a")
        #expect(source.prompts.withLock { $0 } == ["New password: ", "Once more: "])
    }

    @Test("a pipe gives one line")
    func pipe() throws {
        #expect(
            try NewPassword.read(environment: [:], from: FakeSource(isInteractive: false, answers: ["a", "b"])) == "a"
        )
    }

    @Test(
        "empty and differing ones are refused, exit code 65",
        arguments: [
            (true, [""], [:]), (true, [], [:]), (true, ["a", "b"], [:]), (true, ["a", ""], [:]), (true, ["a"], [:]),
            (false, [""], [:]), (false, [], [:]), (true, ["a", "a"], ["STUND_HTTP_PASSWORD": ""]),
        ] as [(Bool, [String], [String: String])]
    )
    func refused(isInteractive: Bool, answers: [String], environment: [String: String]) {
        let source = FakeSource(isInteractive: isInteractive, answers: answers)
        let error = #expect(throws: Failure.self) { try NewPassword.read(environment: environment, from: source) }
        #expect(error?.status == .dataError)
    }
}

@Suite("stund password tells who reaches the console from now on")
struct ConsoleReachTests {
    @Test(
        "all addresses, some, or this host alone; with and without HTTPS",
        arguments: [
            ([:], ["port 80 of all addresses", "nothing is encrypted", "http-address: 127.0.0.1"]),
            (["http-address": "::", "http-port": "8080"], ["port 8080 of all addresses"]),
            (["http-address": "192.0.2.1 ::1"], ["of 192.0.2.1 and ::1, and nothing is encrypted"]),
            (["http-address": "127.0.0.1"], ["port 80 of 127.0.0.1: only this host"]),
            (
                ["http-tls": "on", "tls-certificate": "/c.pem", "tls-port": "5350"],
                ["of all addresses of this host, not encrypted, and by HTTPS at port 5350"]
            ),
        ] as [([String: String], [String])]
    )
    func reach(flags: [String: String], words: [String]) throws {
        let sources = SettingsSources(file: "/nonexistent/stund.yaml", flags: flags)
        let text = try Settings.load(from: sources).settings.consoleReach
        for word in words { #expect(text.contains(word), "\(text)") }
    }
}

@Suite("The terminal shows no password", .timeLimit(.minutes(1)))
struct TerminalTests {
    @Test("a line from a pipe is read without its line end, one at a time")
    func pipe() throws {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data("one\ntwo\n\nlast".utf8))
        try pipe.fileHandleForWriting.close()
        let terminal = Terminal(input: pipe.fileHandleForReading.fileDescriptor)
        #expect(!terminal.isInteractive)
        for expected in ["one", "two", "", "last", nil] { #expect(try terminal.readLine() == expected) }
    }

    @Test("a line that is too long or not UTF-8 is refused")
    func refused() throws {
        for bytes in [[UInt8](repeating: 65, count: 1025), [0xFF, 10], [0xC3, 10]] {
            let pipe = Pipe()
            try pipe.fileHandleForWriting.write(contentsOf: Data(bytes))
            try pipe.fileHandleForWriting.close()
            let terminal = Terminal(input: pipe.fileHandleForReading.fileDescriptor)
            let error = #expect(throws: Failure.self) { try terminal.readLine() }
            #expect(error?.status == .dataError)
        }
    }

    @Test("nothing is echoed while a password is typed, and the terminal is then as before")
    func silent() async throws {
        let pty = try PseudoTerminal()
        let terminal = Terminal(input: pty.user)
        #expect(terminal.isInteractive)
        #expect(pty.echoes)
        let answer = Task.onThread { try terminal.askSecretly("") }
        try await pty.waitUntilSilent()
        try pty.type("seccret\u{7F}\u{7F}\u{7F}\u{7F}ret\n")
        #expect(try await answer.value == "secret")
        #expect(pty.echoes)
        #expect(!pty.shown.contains("s"), "\(pty.shown)")
    }

    @Test("Ctrl-C gives up and leaves the terminal as before")
    func interrupted() async throws {
        let pty = try PseudoTerminal()
        let terminal = Terminal(input: pty.user)
        let answer = Task.onThread { try terminal.askSecretly("") }
        try await pty.waitUntilSilent()
        try pty.type("abc\u{3}")
        // Were Ctrl-C not taken for the end of the line, this would be.
        try pty.type("\n")
        await #expect(throws: Failure(.dataError, "interrupted: nothing is changed")) { try await answer.value }
        #expect(pty.echoes)
    }
}

private final class FakeSource: PasswordSource {
    let isInteractive: Bool
    let prompts = Mutex<[String]>([])
    private let answers: Mutex<[String]>

    init(isInteractive: Bool, answers: [String]) {
        self.isInteractive = isInteractive
        self.answers = Mutex(answers)
    }

    func askSecretly(_ prompt: String) throws(Failure) -> String? {
        prompts.withLock { $0.append(prompt) }
        return next()
    }

    func readLine() throws(Failure) -> String? { next() }

    private func next() -> String? { answers.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}

/// A terminal without a person: what is typed at one end is read at the other.
private final class PseudoTerminal: Sendable {
    /// The end that programs use.
    let user: Int32
    private let keyboard: Int32

    init() throws {
        var ends: (keyboard: Int32, user: Int32) = (-1, -1)
        try #require(unsafe openpty(&ends.keyboard, &ends.user, nil, nil, nil) == 0)
        (keyboard, user) = ends
        _ = fcntl(keyboard, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(user)
        close(keyboard)
    }

    var echoes: Bool {
        var state = termios()
        unsafe tcgetattr(user, &state)
        return state.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Waits for a program to turn the echo off; throws when it doesn't for 20 seconds.
    func waitUntilSilent() async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while echoes {
            try #require(ContinuousClock.now < deadline, "the terminal still shows what is typed")
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    func type(_ text: String) throws {
        try FileHandle(fileDescriptor: keyboard, closeOnDealloc: false).write(contentsOf: Data(text.utf8))
    }

    /// What the terminal has shown so far.
    var shown: String {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = unsafe read(keyboard, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}

extension Task where Failure == any Error {
    /// Runs blocking work on a thread of its own, so that the tests' few threads stay free.
    fileprivate static func onThread(_ work: @escaping @Sendable () throws -> Success) -> Task {
        Task {
            try await withCheckedThrowingContinuation { continuation in
                Thread { continuation.resume(with: Swift.Result { try work() }) }.start()
            }
        }
    }
}
