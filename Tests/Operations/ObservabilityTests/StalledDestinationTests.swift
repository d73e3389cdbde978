// Unsafe: pipes, sockets and terminals for the tests; the system calls take pointers that live only during the call.
import Dispatch
import Foundation
import Glibc
import Observability
import Testing

@Suite("A destination that nobody reads never stops the server")
struct StalledDestinationTests {
    @Test(
        "entries that find no room are counted, told of once, and once more when there is room again",
        arguments: Stall.allCases
    )
    func counted(stall: Stall) throws {
        let folder = try TemporaryFolder()
        let stream = try stall.makeStream()
        let log = try stalledLog(folder, stream)
        #expect(ends { for _ in 0..<2000 { log.log(.messageReceived, at: 0) } })
        let complaints = try folder.lines("complaints")
        #expect(complaints.count == 1)
        #expect(
            complaints.first?.hasSuffix(
                "Log not written: standard error: its reader does not keep up; the server goes on"
            ) == true
        )
        #expect(try folder.lines("log").count == 2001)

        let before = stream.readAll()
        #expect(ends { log.log(.messageReceived, "after", at: 0) })
        let after = stream.readAll()
        // A last one without its newline is not whole.
        let written = before.count { $0 == "\n" }
        #expect(
            after.split(separator: "\n").map { $0.dropFirst(30) } == [
                "after", "Log written again: standard error; entries missing there: \(2000 - written)",
            ]
        )
    }

    @Test("the thread of the log ends while nobody reads standard error")
    func pumpEnds() throws {
        let folder = try TemporaryFolder()
        let stream = try Stall.pipe.makeStream()
        let log = try stalledLog(folder, stream)
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing()
        pump.start()
        for round in 1...2000 {
            ring.append(.messageReceived, .debug, time: 0)
            ring.signal()
            guard ends({ while log.history.entries.count < round { sched_yield() } }) else {
                Issue.record("the thread hangs in round \(round)")
                break
            }
        }
        #expect(ends { pump.stop() })
        #expect(try folder.lines("complaints").count == 1)
    }

    @Test("while one thread is held up by a write, no other one is", arguments: [true, false])
    func noLockIsHeld(isLogThread: Bool) throws {
        let folder = try TemporaryFolder()
        let stream = try CrampedSocket()
        let log = try stalledLog(folder, stream)
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing()
        pump.start()
        let pdu = [UInt8](repeating: 1, count: 1500)
        if isLogThread {
            ring.append(.messageReceived, .debug, time: 0, pdu: pdu)
            ring.signal()
        } else {
            _ = Held { log.log(.messageReceived, pdu: pdu, at: 0) }
        }
        #expect(ends { while !stream.isBegun { sched_yield() } })
        ring.append(.messageReceived, .debug, time: 0)
        #expect(ends { pump.pump(now: 0) })
        #expect(ends { log.log(.stopping, at: 0) })
        #expect(ends { log.reopen(now: 0) })
        #expect(ends { pump.stop() })
        #expect(log.history.entries.map(\.code) == [.messageReceived, .messageReceived, .stopping])
        #expect(try folder.lines("log").isEmpty, "the write was not held up, so this shows nothing")
        // What was left to the thread that is held up is written when it goes on.
        let path = folder.path("log")
        #expect(
            ends {
                while (try? String(contentsOfFile: path, encoding: .utf8))?.contains(": Stopping") != true {
                    _ = stream.readAll()
                }
            }
        )
    }

    private func stalledLog(_ folder: TemporaryFolder, _ stream: some Stream) throws -> EventLog {
        let log = EventLog(
            level: LogLevelSwitch(.debug),
            history: LogHistory(capacity: 5000),
            complaints: .file(path: folder.path("complaints")),
            standardError: stream.writer
        )
        try log.write(to: [.standardError, .file(path: folder.path("log"))], format: .text)
        return log
    }

    /// Whether `body` ends in a time that is only too short for what hangs.
    private func ends(_ body: @escaping @Sendable () -> Void) -> Bool {
        Held(body).ends(within: 60)
    }
}

/// Work on a thread of its own.
private final class Held: Sendable {
    private let end = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) {
        Thread { [end] in
            body()
            end.signal()
        }.start()
    }

    func ends(within seconds: Double) -> Bool {
        end.wait(timeout: .now() + seconds) == .success
    }
}

/// The ways in which standard error can stall.
enum Stall: CaseIterable {
    /// A pipe whose reader does not read.
    case pipe
    /// A terminal whose window does not read.
    case terminal
    /// A terminal whose user has pressed the stop key, Ctrl-S.
    case stopKey

    func makeStream() throws -> Stream {
        switch self {
        case .pipe:
            var ends: [Int32] = [0, 0]
            guard unsafe Glibc.pipe(&ends) == 0 else { throw TestSystemError() }
            return try Stream(reader: ends[0], writer: ends[1])
        case .terminal, .stopKey:
            var window: Int32 = -1
            var terminal: Int32 = -1
            guard unsafe openpty(&window, &terminal, nil, nil, nil) == 0 else { throw TestSystemError() }
            guard self == .terminal || tcflow(terminal, TCOOFF) == 0 else { throw TestSystemError() }
            return try Stream(reader: window, writer: terminal)
        }
    }
}

/// A stream that stands for standard error, with the end that nobody reads before the test says so.
class Stream: @unchecked Sendable {
    let writer: Int32
    fileprivate let reader: Int32

    init(reader: Int32, writer: Int32) throws {
        self.reader = reader
        self.writer = writer
        // As the program does: a writer that is still held up when a test fails gets an error instead.
        _ = signal(SIGPIPE, SIG_IGN)
        guard fcntl(reader, F_SETFL, O_NONBLOCK) == 0 else { throw TestSystemError() }
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// What is there now, with the line ends that a terminal makes made newlines again; the user presses Ctrl-Q.
    func readAll() -> String {
        _ = tcflow(writer, TCOON)
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(reader, &part, part.count)
            guard count > 0 else { return String(decoding: all.filter { $0 != 13 }, as: UTF8.self) }
            all += part.prefix(count)
        }
    }
}

/// A stream socket that says it has room, but for so little that a long entry is held up in its midst.
private final class CrampedSocket: Stream, @unchecked Sendable {
    init() throws {
        var ends: [Int32] = [0, 0]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { throw TestSystemError() }
        try super.init(reader: ends[0], writer: ends[1])
        var size: Int32 = 1
        let length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(writer, SOL_SOCKET, SO_SNDBUF, &size, length) == 0 else { throw TestSystemError() }
        guard unsafe send(writer, "\n", 1, 0) == 1 else { throw TestSystemError() }
    }

    /// Whether some of the entry has arrived.
    var isBegun: Bool {
        var bytes = [UInt8](repeating: 0, count: 2)
        return unsafe recv(reader, &bytes, bytes.count, Int32(MSG_PEEK)) == 2
    }
}
