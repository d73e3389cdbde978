import Foundation
import Glibc
import Synchronization
import Testing

@testable import Administration

@Suite("A running server is asked on its control socket")
struct ControlSocketTests {
    @Test("every request reaches the server and its answer comes back whole")
    func requests() async throws {
        let folder = try TemporaryFolder()
        let server = FakeServer()
        let socket = try ControlSocket.open(at: folder.socket, for: server)
        defer { socket.stop() }
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
        #expect(try await ask(.log(LogQuery(limit: 1)), at: folder.socket) == .log(FakeServer.log(rows: 1)))
        #expect(try await ask(.log(LogQuery()), at: folder.socket) == .log(FakeServer.log(rows: 3)))
        #expect(
            try await ask(.statistics(StatisticsQuery()), at: folder.socket) == .statistics(FakeServer.statistics)
        )
        #expect(try await ask(.clearLog, at: folder.socket) == .done)
        #expect(try await ask(.clearStatistics, at: folder.socket) == .done)
        #expect(server.calls.withLock { $0 } == ["clearLog", "clearStatistics"])
        #expect(try await ask(.sessions(SessionsQuery()), at: folder.socket) == .sessions(FakeServer.sessions(rows: 2)))
        #expect(
            try await ask(.sessions(SessionsQuery(limit: 1)), at: folder.socket)
                == .sessions(FakeServer.sessions(rows: 1))
        )
        #expect(try await ask(.disconnect("alice"), at: folder.socket) == .disconnected(5))
        let order = DrainOrder(seconds: 60, stays: true)
        #expect(try await ask(.drain(order), at: folder.socket) == .drain(FakeServer.drain(order)))
        #expect(server.calls.withLock { $0.last } == "drain by `stund drain`")
        await #expect(throws: ControlClientError.refused("the server got SIGTERM")) {
            try await ask(.undrain, at: folder.socket)
        }
        // What a client may call itself comes through as it is (attacks row 26).
        for subject in ["alice", "' ; -- %s%n \0 \r\n <script> \u{1B}[2J", "192.0.2.1:5"] {
            let answer = try await ask(.explain(subject), at: folder.socket)
            #expect(answer == .explanation(FakeServer.explanation(of: subject)))
        }
        #expect(try await ask(.metrics, at: folder.socket) == .metrics([]))
        #expect(try await ask(.readiness, at: folder.socket) == .readiness(ReadinessReport([])))
        #expect(try await ask(.selfTest, at: folder.socket) == .readiness(ReadinessReport([])))
        let overview = try await FakeServer().overview()
        #expect(try await ask(.overview, at: folder.socket) == .overview(overview))
        for (user, subject) in [("alice", "alice -> 192.0.2.1"), (nil, " -> 192.0.2.1")] {
            let answer = try await ask(.explainPeer(user: user, peer: "192.0.2.1"), at: folder.socket)
            guard case .explanation(let explanation) = answer else { return #expect(Bool(false), "\(answer)") }
            #expect(explanation.subject == subject)
        }
    }

    @Test("what is searched, how it is sorted and where a page begins comes through, and a short line is enough")
    func queries() throws {
        var log = LogQuery(limit: 5)
        (log.level, log.code, log.search) = (4, 1006, "\u{1B}<x>\"")
        var statistics = StatisticsQuery(limit: 0)
        (statistics.search, statistics.sort, statistics.isReversed, statistics.offset) = ("a", .keepAlive, true, 20)
        var sessions = SessionsQuery(limit: 9)
        (sessions.search, sessions.sort, sessions.isReversed, sessions.offset) = ("b", .bytes, true, 1)
        for request in [
            .log(log), .statistics(statistics), .sessions(sessions), .explainPeer(user: nil, peer: "x"),
            .drain(DrainOrder()), .drain(DrainOrder(seconds: 0, stays: true)), .undrain,
            .note(.userRemoved("a\"\u{1B}", realm: "r", by: Operator(name: "b", role: .admin, way: .command))),
        ] as [ControlRequest] {
            let bytes = try ControlProtocol.encode(request)
            #expect(try ControlProtocol.decode(ControlRequest.self, from: bytes) == request)
        }
        func read(_ line: String) throws -> ControlRequest {
            try ControlProtocol.decode(ControlRequest.self, from: Array(line.utf8))
        }
        #expect(try read(#"{"request":"statistics"}"#) == .statistics(StatisticsQuery()))
        #expect(try read(#"{"request":"log","limit":3}"#) == .log(LogQuery(limit: 3)))
        #expect(try read(#"{"request":"drain"}"#) == .drain(DrainOrder()))
        #expect(try read(#"{"request":"explain","peer":"::1"}"#) == .explainPeer(user: nil, peer: "::1"))
        for line in [
            #"{"request":"statistics","sort":"nonsense"}"#, #"{"request":"sessions","offset":-1}"#,
            #"{"request":"explain","peer":""}"#, #"{"request":"explain","subject":"","peer":"::1"}"#,
            #"{"request":"log","level":-1}"#, #"{"request":"drain","seconds":-1}"#,
            #"{"request":"drain","seconds":2592001}"#, #"{"request":"drain","stay":"yes"}"#,
            #"{"request":"note","kind":"account","sentence":""}"#, #"{"request":"note","kind":"log","sentence":"x"}"#,
            #"{"request":"note","kind":"account","sentence":"\#(String(repeating: "x", count: 4097))"}"#,
        ] {
            #expect(throws: DecodingError.self) { try read(line) }
        }
    }

    @Test("an answer far larger than a socket buffer comes back whole")
    func large() async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        let answer = try await ask(.log(LogQuery(limit: 20_000)), at: folder.socket)
        #expect(answer == .log(FakeServer.log(rows: 20_000)))
    }

    @Test("an error of the server is told to who asked")
    func serverError() async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        await #expect(throws: ControlClientError.refused("stund.yaml:3: unknown setting")) {
            try await ask(.reload, at: folder.socket)
        }
    }

    @Test("a request is answered within the limit even when the server is stuck")
    func stuckServer() async throws {
        let folder = try TemporaryFolder()
        var limits = ControlSocket.Limits()
        limits.handling = .milliseconds(50)
        let socket = try folder.open(StuckServer(), limits: limits)
        defer { socket.stop() }
        await #expect(throws: ControlClientError.refused("the server is busy: it didn't answer within 0.05 seconds")) {
            try await ask(.status, at: folder.socket)
        }
    }

    @Test("fifty clients at once are all answered, only a few at a time")
    func manyClients() async throws {
        let folder = try TemporaryFolder()
        let server = FakeServer()
        var limits = ControlSocket.Limits()
        limits.clients = 4
        let socket = try folder.open(server, limits: limits)
        defer { socket.stop() }
        let path = folder.socket
        let answers = try await withThrowingTaskGroup(of: ControlAnswer.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await ask(.statistics(StatisticsQuery()), at: path)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers == Array(repeating: .statistics(FakeServer.statistics), count: 50))
        #expect(server.mostAtOnce.withLock { $0 } <= 4)
    }
}

@Suite("Wrong and slow clients of the control socket are refused and disturb nobody")
struct ControlSocketMisuseTests {
    @Test(
        "what isn't a request is refused with a sentence",
        arguments: [
            "", "\n", "status\n", "{\n", #"{"request":"format-disk"}"# + "\n", #"{"request":"log","limit":-1}"# + "\n",
            #"{"request":"log","limit":1e99}"# + "\n", #"["status"]"# + "\n",
            #"{"request":"disconnect"}"# + "\n", #"{"request":"explain","subject":""}"# + "\n",
            #"{"request":"disconnect","subject":7}"# + "\n", "\u{0}\u{ff}\n",
            String(repeating: "[", count: 4000) + "\n",
        ]
    )
    func garbage(line: String) async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        let answer = try await exchange(Array(line.utf8), at: folder.socket)
        if line.isEmpty {
            #expect(answer == nil)
        } else {
            #expect(answer?.contains("the request is not one this server knows") == true)
        }
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
    }

    @Test("a request without a line end is served when the client has closed its side")
    func noLineEnd() async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        #expect(try await exchange(Array(#"{"request":"clear-log"}"#.utf8), at: folder.socket) == "{\"done\":true}\n")
    }

    @Test("a line of 4096 bytes is read, one of 4097 is refused")
    func oversized() async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        for (length, expected) in [(4096, "{\"done\":true}"), (4097, "longer than 4096 bytes"), (1 << 20, "longer")] {
            let request = #"{"request":"clear-log"}"#
            let line = request + String(repeating: " ", count: length - request.utf8.count - 1) + "\n"
            #expect(
                try await exchange(Array(line.utf8), at: folder.socket)?.contains(expected) == true,
                "\(length) bytes"
            )
        }
    }

    @Test("a client that sends nothing is told so and closed, while others are served")
    func silentClient() async throws {
        let folder = try TemporaryFolder()
        var limits = ControlSocket.Limits()
        limits.read = .milliseconds(300)
        let socket = try folder.open(FakeServer(), limits: limits)
        defer { socket.stop() }
        let silent = try UnixSocket.connected(to: folder.socket, waitsAtMost: 5)
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
        let answer = try await readLine(from: silent)
        #expect(answer.contains("no whole request line arrived"))
    }

    @Test("a client that never reads is dropped after the limit and its place is free again")
    func clientThatNeverReads() async throws {
        let folder = try TemporaryFolder()
        var limits = ControlSocket.Limits()
        limits.clients = 1
        limits.write = .milliseconds(100)
        let socket = try folder.open(FakeServer(), limits: limits)
        defer { socket.stop() }
        let deaf = try UnixSocket.connected(to: folder.socket, waitsAtMost: 5)
        try UnixSocket.write(
            Array(#"{"request":"log","limit":20000}"#.utf8) + [10],
            to: deaf,
            until: .now + .seconds(20)
        )
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
    }

    @Test("a client that leaves before its answer doesn't end the server (SIGPIPE)")
    func clientThatLeaves() async throws {
        let folder = try TemporaryFolder()
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        for _ in 0..<20 {
            let client = try UnixSocket.connected(to: folder.socket, waitsAtMost: 5)
            try UnixSocket.write(Array(#"{"request":"status"}"#.utf8) + [10], to: client, until: .now + .seconds(20))
        }
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
    }

    @Test("another user is refused by name, whatever the mode of the file")
    func otherUser() async throws {
        let folder = try TemporaryFolder()
        let server = FakeServer()
        let socket = try ControlSocket(
            path: folder.socket,
            server: server,
            limits: .init(),
            isPermitted: { $0.user != geteuid() }
        )
        defer { socket.stop() }
        let error = await #expect(throws: ControlClientError.self) { try await ask(.clearLog, at: folder.socket) }
        #expect(error?.description.contains("user \(geteuid()) may not control this server") == true)
        #expect(server.calls.withLock { $0 }.isEmpty)
    }
}

@Suite("The file of the control socket is safe")
struct SocketFileTests {
    @Test("the socket has mode 0600 and a new folder 0700, whatever the umask")
    func modes() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/new/control.sock"
        let socket = try ControlSocket.open(at: path, for: FakeServer())
        defer { socket.stop() }
        #expect(try mode(of: path) == 0o600)
        #expect(try mode(of: folder.path + "/new") == 0o700)
    }

    @Test("the socket of a dead server is replaced")
    func stale() async throws {
        let folder = try TemporaryFolder()
        // Closing a listener leaves its file, as a killed process does.
        _ = try UnixSocket.listening(at: folder.socket)
        await #expect(throws: ControlClientError.notRunning(folder.socket)) {
            try await ask(.status, at: folder.socket)
        }
        let socket = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { socket.stop() }
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
    }

    @Test("the socket of a live server is left alone and its process named")
    func live() async throws {
        let folder = try TemporaryFolder()
        let first = try ControlSocket.open(at: folder.socket, for: FakeServer())
        defer { first.stop() }
        #expect(throws: ControlSocketError.inUse(path: folder.socket, pid: getpid())) {
            try ControlSocket.open(at: folder.socket, for: FakeServer())
        }
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
    }

    @Test("a live server with a full queue is not taken for a dead one")
    func liveButBusy() throws {
        let folder = try TemporaryFolder()
        let listener = try UnixSocket.listening(at: folder.socket)
        var waiting: [Descriptor] = []
        while waiting.count < 1000, let client = try? UnixSocket.connected(to: folder.socket, waitsAtMost: 0) {
            waiting.append(client)
        }
        #expect(throws: ControlSocketError.inUse(path: folder.socket, pid: nil)) {
            try ControlSocket.open(at: folder.socket, for: FakeServer())
        }
        _ = listener
    }

    @Test("a file that is no socket is not removed")
    func foreignFile() throws {
        let folder = try TemporaryFolder()
        try Data("keep".utf8).write(to: URL(fileURLWithPath: folder.socket))
        #expect(throws: ControlSocketError.notASocket(folder.socket)) {
            try ControlSocket.open(at: folder.socket, for: FakeServer())
        }
        #expect(FileManager.default.contents(atPath: folder.socket) == Data("keep".utf8))
    }

    @Test("a folder that everybody may write to is refused")
    func openFolder() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        #expect(throws: ControlSocketError.openFolder(folder.path)) {
            try ControlSocket.open(at: folder.socket, for: FakeServer())
        }
    }

    @Test("a path that doesn't fit into a socket address is refused with the limit")
    func longPath() throws {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        let error = #expect(throws: ControlSocketError.pathTooLong(path)) {
            try ControlSocket.open(at: path, for: FakeServer())
        }
        #expect(error?.description.contains("108 bytes, the system allows 107") == true)
    }

    @Test("stopping removes the file, but not that of a successor")
    func stop() async throws {
        let folder = try TemporaryFolder()
        let first = try ControlSocket.open(at: folder.socket, for: FakeServer())
        try FileManager.default.removeItem(atPath: folder.socket)
        let second = try ControlSocket.open(at: folder.socket, for: FakeServer())
        first.stop()
        #expect(try await ask(.status, at: folder.socket) == .status(FakeServer.status))
        second.stop()
        #expect(!FileManager.default.fileExists(atPath: folder.socket))
    }

    @Test("the client says what to do when no server runs")
    func notRunning() async throws {
        let path = try TemporaryFolder().path + "/none/control.sock"
        let error = await #expect(throws: ControlClientError.notRunning(path)) { try await ask(.status, at: path) }
        #expect(error?.description.contains(path) == true)
        #expect(error?.description.contains("stund --no-daemon") == true)
        #expect(error?.description.contains("--config") == true)
    }
}
