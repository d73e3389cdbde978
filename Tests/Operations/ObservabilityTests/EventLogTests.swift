import Addresses
import Foundation
import Glibc
import Observability
import Testing

@Suite("What the log keeps")
struct EventLogTests {
    @Test("only enabled levels are kept, and the level changes while it runs")
    func levels() {
        let log = EventLog()
        log.log(.messageReceived, at: 0)
        log.log(.started, at: 0)
        log.levelSwitch.level = .debug
        log.log(.messageReceived, at: 1)
        log.append(LogEntry(.started, level: .trace, at: 2))
        #expect(log.history.entries.map(\.code) == [.started, .messageReceived])
    }

    @Test("beyond ten entries of a code in a second only their number is written")
    func repeats() throws {
        let log = EventLog()
        for number in 0..<25 {
            let address = SocketAddress(IPAddress(v4: UInt32(number)), port: 1)
            log.log(.hostUnresolved, address: address, at: Int64(number) * 1000)
        }
        #expect(log.history.entries.count == 10)
        log.settleRepeats(now: 999_999_999)
        #expect(log.history.entries.count == 10)
        log.settleRepeats(now: 1_000_000_000)
        log.settleRepeats(now: 1_000_000_000)
        let last = try #require(log.history.entries.last)
        #expect(log.history.entries.count == 11 && last.repeats == 15 && last.time == 24_000)
        #expect(last.formatted(.text).hasSuffix("from 0.0.0.24:1 (the last of 15 messages with this number)"))
        #expect(last.formatted(.json).hasSuffix(#","repeats":15}"#))
    }

    @Test("the count is written before the next entry of its code, and one code does not silence another")
    func repeatsAndOthers() {
        let log = EventLog()
        for _ in 0..<12 { log.log(.hostUnresolved, at: 5) }
        log.log(.started, at: 6)
        log.log(.hostUnresolved, at: 1_000_000_005)
        let entries = log.history.entries
        #expect(entries.map(\.code).suffix(3) == [.started, .hostUnresolved, .hostUnresolved])
        #expect(entries.map(\.repeats).suffix(3) == [0, 2, 0])
        #expect(
            entries.suffix(2).first?.formatted(.text).hasSuffix("Host name not resolved (repeated 2 times)") == true
        )
        #expect(entries.count == 13)
    }

    @Test("levels 8 and 9 are never counted away")
    func everyMessage() {
        let log = EventLog(level: LogLevelSwitch(.debug))
        for _ in 0..<100 { log.log(.messageReceived, at: 0) }
        #expect(log.history.entries.count == 100)
    }

    @Test("a clock that is set back silences nothing")
    func clockSetBack() {
        let log = EventLog()
        for _ in 0..<11 { log.log(.started, at: 1_000_000_000_000) }
        log.log(.started, at: 5)
        #expect(log.history.entries.map(\.repeats).suffix(2) == [1, 0])
    }

    @Test("the end of the log writes what was only counted")
    func finish() {
        let log = EventLog()
        for _ in 0..<11 { log.log(.started, at: 0) }
        log.finish()
        log.finish()
        #expect(log.history.entries.map(\.repeats) == Array(repeating: 0, count: 10) + [1])
    }
}

@Suite("Log files")
struct LogFileTests {
    @Test("a new file is readable for owner and group only, an old one is continued")
    func modeAndAppend() throws {
        let folder = try TemporaryFolder()
        let log = EventLog()
        // The mask of the process must not be what makes it so. No other test asks for the mode of a new file.
        let mask = umask(0)
        defer { umask(mask) }
        try log.write(to: [.file(path: folder.path("log"))], format: .text)
        log.log(.started, "one", at: 0)
        #expect(try folder.mode("log") == 0o640)
        try log.write(to: [.file(path: folder.path("log"))], format: .json)
        log.log(.started, "two", at: 0)
        let lines = try folder.lines("log")
        #expect(lines.count == 2 && lines[0].hasSuffix(": one") && lines[1].hasSuffix(#""text":"two"}"#))
    }

    @Test("a file that cannot be opened is refused with its name and reason, and the old one stays")
    func cannotOpen() throws {
        let folder = try TemporaryFolder()
        let log = EventLog()
        try log.write(to: [.file(path: folder.path("log"))], format: .text)
        let error = #expect(throws: LogDestinationError.self) {
            try log.write(to: [.file(path: folder.path("none/log"))], format: .json)
        }
        #expect(error?.description.contains("\(folder.path("none/log")): No such file or directory") == true)
        log.log(.started, "still", at: 0)
        #expect(try folder.lines("log").map { $0.hasSuffix(": still") } == [true])
    }

    @Test("a renamed file is left and a new one begun on demand")
    func reopen() throws {
        let folder = try TemporaryFolder()
        let log = EventLog()
        try log.write(to: [.file(path: folder.path("log"))], format: .text)
        log.log(.started, "one", at: 0)
        try folder.move("log", to: "log.1")
        log.log(.started, "two", at: 0)
        log.reopen(now: 0)
        log.log(.started, "three", at: 0)
        #expect(try folder.lines("log.1").count == 2)
        #expect(try folder.lines("log").map { $0.hasSuffix(": three") } == [true])
    }

    @Test("when a new file cannot be begun the old one stays in use, and the history says why")
    func reopenFails() throws {
        let folder = try TemporaryFolder()
        let log = try quietLog(folder)
        try folder.make("inner")
        try log.write(to: [.file(path: folder.path("inner/log"))], format: .text)
        try folder.move("inner", to: "moved")
        log.reopen(now: 0)
        log.log(.started, "after", at: 0)
        #expect(log.history.entries.map(\.code) == [.logNotWritten, .started])
        #expect(log.history.entries.first?.text.contains("inner/log: No such file or directory") == true)
        #expect(try folder.lines("moved/log").last?.hasSuffix(": after") == true)
    }

    @Test("a full disk is told once, and once more when there is room again")
    func diskFull() throws {
        let folder = try TemporaryFolder()
        let log = try quietLog(folder)
        try folder.link("log", to: "/dev/full")
        try log.write(to: [.file(path: folder.path("log")), .file(path: folder.path("other"))], format: .text)
        for number in 0..<3 { log.log(.started, "\(number)", at: 0) }
        let complaint =
            "[1] Thu Jan  1 00:00:00 1970: Log not written: log file \(folder.path("log")): "
            + "No space left on device; the server goes on"
        #expect(try folder.lines("complaints") == [complaint])
        #expect(try folder.lines("other").count == 4)
        #expect(log.history.entries.map(\.code) == [.started, .logNotWritten, .started, .started])

        try folder.remove("log")
        log.reopen(now: 0)
        for number in 3..<5 { log.log(.started, "\(number)", at: 0) }
        let lines = try folder.lines("log")
        #expect(lines.count == 3)
        #expect(lines[0].hasSuffix(": 3") && lines[2].hasSuffix(": 4"))
        #expect(lines[1].hasSuffix("Log written again: log file \(folder.path("log")); entries missing there: 3"))
        #expect(try folder.lines("complaints") == [complaint, lines[1]])
    }

    @Test("an entry that was written in part does not spoil the next one")
    func partialLine() throws {
        let folder = try TemporaryFolder()
        let log = try quietLog(folder)
        log.levelSwitch.level = .debug
        let pipe = try NamedPipe(folder.path("pipe"))
        try log.write(to: [.file(path: folder.path("pipe"))], format: .json)
        // Longer than what a pipe takes only as a whole (PIPE_BUF, 4,096 bytes).
        let entry = LogEntry(
            .messageReceived,
            String(repeating: "x", count: 4000),
            level: .debug,
            pdu: Array(repeating: 1, count: 200),
            at: 0
        )
        var written = 0
        while try folder.lines("complaints").isEmpty, written < 1000 {
            log.append(entry)
            written += 1
        }
        let full = pipe.readAll()
        let isCut = !full.hasSuffix("\n")
        #expect(isCut, "the pipe took only whole entries, so this shows nothing")
        log.log(.started, "after", at: 0)
        let rest = pipe.readAll().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(rest.count == 4 && rest[0].isEmpty && rest[1].hasSuffix(#""text":"after"}"#))
        #expect(rest[2].contains(#""code":1109"#))
        let whole = full.split(separator: "\n").dropLast().allSatisfy { $0 == entry.formatted(.json) }
        #expect(whole)
    }

    private func quietLog(_ folder: TemporaryFolder) throws -> EventLog {
        EventLog(
            level: LogLevelSwitch(),
            history: LogHistory(),
            complaints: .file(path: folder.path("complaints"))
        )
    }
}

@Suite("Syslog (RFC 3164)")
struct SyslogTests {
    @Test("an entry is one datagram with priority, local time, name, process and code")
    func datagram() throws {
        let folder = try TemporaryFolder()
        let daemon = try DatagramReceiver(folder.path("socket"))
        let log = EventLog(level: LogLevelSwitch(.debug))
        try log.write(to: [.syslog(identifier: "stund", socketPath: folder.path("socket"))], format: .text)
        let address = try #require(SocketAddress("192.0.2.1:5"))
        let time: Int64 = 1_029_252_648_000_000_000
        log.log(.messageReceived, address: address, pdu: [0, 1, 0xFF], at: time)
        log.log(.started, "a\nb", at: time)
        let name = "stund[\(ProcessInfo.processInfo.processIdentifier)]"
        #expect(daemon.receive() == "<31>\(localStamp(time)) \(name): [8] 1006 Received pdu from 192.0.2.1:5: 00 01 ff")
        #expect(daemon.receive() == "<29>\(localStamp(time)) \(name): [5] 1026 a\\u{a}b")
    }

    @Test("a missing syslog daemon is told once, and it is found when it comes back")
    func missing() throws {
        let folder = try TemporaryFolder()
        let log = EventLog(
            level: LogLevelSwitch(),
            history: LogHistory(),
            complaints: .file(path: folder.path("complaints"))
        )
        let path = folder.path("socket")
        try log.write(to: [.syslog(identifier: "stund", socketPath: path)], format: .json)
        for _ in 0..<3 { log.log(.started, at: 0) }
        #expect(try folder.lines("complaints").count == 1)
        #expect(try folder.lines("complaints")[0].contains("syslog socket \(path): No such file or directory"))
        for round in 1...2 {
            let daemon = try DatagramReceiver(path)
            log.log(.started, "round \(round)", at: 0)
            #expect(daemon.receive()?.contains("round \(round)") == true)
            #expect(try folder.lines("complaints").count == 2)
            try folder.remove("socket")
        }
    }

    @Test("a socket path that is too long is an error, not a crash")
    func longPath() throws {
        let folder = try TemporaryFolder()
        let log = EventLog(
            level: LogLevelSwitch(),
            history: LogHistory(),
            complaints: .file(path: folder.path("complaints"))
        )
        let path = "/" + String(repeating: "x", count: 300)
        try log.write(to: [.syslog(identifier: "stund", socketPath: path)], format: .text)
        log.log(.started, at: 0)
        #expect(try folder.lines("complaints").first?.contains("File name too long") == true)
    }

    /// The local date and time, by Foundation's knowledge of the time zone.
    private func localStamp(_ time: Int64) -> String {
        let date = Date(timeIntervalSince1970: Double(time / 1_000_000_000))
        let shifted = time + Int64(TimeZone.current.secondsFromGMT(for: date)) * 1_000_000_000
        return String(LogEntry(.started, at: shifted).formatted(.text).dropFirst(8).prefix(15))
    }
}
