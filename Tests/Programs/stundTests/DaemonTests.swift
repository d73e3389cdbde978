import Foundation
import Testing

@testable import stund

@Suite("The server goes into the background only where nobody watches its process")
struct DetachDecisionTests {
    @Test(
        "the decision",
        arguments: [
            (false, [:], 500, true, true),
            (false, [:], 500, false, true),
            (true, [:], 500, true, false),
            (false, [:], 1, false, false),
            (false, ["NOTIFY_SOCKET": "/run/systemd/notify"], 500, false, false),
            (false, ["NOTIFY_SOCKET": "/run/systemd/notify"], 500, true, false),
            (false, ["INVOCATION_ID": "abc"], 500, false, false),
            // Sockets for this process, or for one that left its environment.
            (false, ["LISTEN_PID": "500", "LISTEN_FDS": "1"], 500, true, false),
            (false, ["LISTEN_PID": "499", "LISTEN_FDS": "1"], 500, true, true),
            // A shell of a desktop session.
            (false, ["INVOCATION_ID": "abc"], 500, true, true),
        ] as [(Bool, [String: String], Int32, Bool, Bool)]
    )
    func decision(noDaemon: Bool, environment: [String: String], pid: Int32, terminal: Bool, expected: Bool) {
        #expect(
            Daemon.shouldDetach(noDaemon: noDaemon, environment: environment, pid: pid, hasTerminal: terminal)
                == expected
        )
    }
}

@Suite("The starter tells how the start in the background went")
struct DaemonTests {
    @Test("it returns the server's lines once it is ready, while the server goes on")
    func ready() async throws {
        let lines = try await detach("echo ready >&3; echo one >&3; echo two >&3; exec 3>&-; exec sleep 0.01")
        #expect(lines == ["one", "two"])
    }

    @Test("a failure comes with the server's sentence and exit code")
    func failed() async throws {
        await #expect(throws: Failure(.configuration, "stund.yaml:3: wrong\nand more")) {
            try await detach("printf 'failed 78\\nstund.yaml:3: wrong\\nand more\\n' >&3; exit 78")
        }
    }

    @Test(
        "a server that dies before it is ready is reported with how it died",
        arguments: [
            ("exit 3", "exit code 3"), ("kill -9 $$", "killed by signal 9"), ("printf ready >&3", "exit code 0"),
            ("echo nonsense >&3; exit 1", "exit code 1"), ("exec 3>&-; exit 4", "exit code 4"),
        ]
    )
    func death(script: String, ending: String) async throws {
        let error = await #expect(throws: Failure.self) { try await detach(script) }
        #expect(error?.status == .software)
        #expect(error?.description.contains(ending) == true, "\(error?.description ?? "")")
    }

    @Test("a server that doesn't get ready is ended")
    func patience() async throws {
        let error = await #expect(throws: Failure.self) {
            try await detach("exec sleep 20", patience: .milliseconds(100))
        }
        #expect(error?.status == .osError)
        #expect(error?.description.contains("wasn't ready within 0.1 seconds") == true)
    }

    @Test("a program that isn't there is reported")
    func noProgram() async throws {
        let error = await #expect(throws: Failure.self) { try await detach("", program: "/nonexistent") }
        #expect(error?.description.contains("No such file or directory") == true)
    }

    @Test("the server leads a session of its own, with /dev/null as input and output")
    func session() async throws {
        let script = """
            input=$(readlink /proc/$$/fd/0); output=$(readlink /proc/$$/fd/1)
            { echo ready; echo $$; cut -d ' ' -f 6 /proc/$$/stat; echo $input; echo $output; } >&3
            """
        let lines = try await detach(script)
        #expect(lines.count == 4)
        #expect(lines.first == lines.dropFirst().first, "the session has the number of its leader")
        #expect(Array(lines.suffix(2)) == ["/dev/null", "/dev/null"])
    }

    @Test("the server inherits no other descriptor, no ignored signal and the environment")
    func inheritance() async throws {
        // What a careless starter leaves: open descriptors, an ignored SIGHUP (nohup).
        let open = FileHandle(forReadingAtPath: "/dev/zero")
        let script = """
            { echo ready; ls -l /proc/$$/fd | grep -c /dev/zero; grep SigIgn /proc/$$/status; echo $MARK; } >&3
            """
        let lines = try await detach(script, environment: ["MARK": "kept"], ignoringSIGHUP: true)
        #expect(lines.first == "0")
        let ignored = lines.dropFirst().first.flatMap { UInt64($0.split(separator: "\t").last ?? "", radix: 16) }
        // 32 and 33 are the C library's own, and it always leaves them ignored.
        #expect(ignored.map { $0 & 0x7FFF_FFFF } == 0)
        #expect(lines.last == "kept")
        _ = open
    }
}

@Suite("The messages between server and starter")
struct StartMessageTests {
    @Test(
        "only whole messages are taken",
        arguments: [
            ("", nil), ("\n", nil), ("ready", nil), ("failed 78", nil), ("failed\n", nil), ("failed x\nno\n", nil),
            ("readyy\n", nil), ("failed 99999999999\nx\n", nil), ("ready\n", .ready([])),
            ("ready\na\n\nb\n", .ready(["a", "", "b"])),
            ("failed 71\nport in use\n", .failed(code: 71, reason: "port in use")),
        ] as [(String, StartMessage?)]
    )
    func parsing(text: String, expected: StartMessage?) {
        #expect(StartMessage(text) == expected)
    }

    @Test("a server writes what the starter reads")
    func written() throws {
        for (isReady, expected) in [
            (true, StartMessage.ready(["a", "b"])), (false, .failed(code: 71, reason: "c\nd")),
        ] {
            let pipe = Pipe()
            let readiness = Readiness(pipe: dup(pipe.fileHandleForWriting.fileDescriptor), releasesErrorOutput: false)
            try pipe.fileHandleForWriting.close()
            if isReady { readiness.ready(["a", "b"]) } else { #expect(readiness.report(Failure(.osError, "c\nd"))) }
            let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
            #expect(StartMessage(text) == expected)
            #expect(!readiness.report(Failure(.osError, "late")), "only the first message counts")
        }
    }

    @Test(
        "a variable that no starter of ours has set is refused",
        arguments: ["", "x", "0", "2", "-1", "999", "99999999999"]
    )
    func foreign(text: String) {
        #expect(throws: Failure(.usage, "STUND_READY_FD is for the program's own use: unset it")) {
            try Readiness.inherited(from: ["STUND_READY_FD": text])
        }
    }

    @Test("without the variable nobody waits")
    func foreground() throws {
        #expect(try Readiness.inherited(from: [:]) == nil)
        #expect(!Readiness.foreground.isDetached)
        #expect(!Readiness.foreground.report(Failure(.osError, "x")))
    }
}

/// Starts a shell in the place of the server and waits for it on a thread of its own.
@discardableResult
private func detach(
    _ script: String,
    program: String = "/bin/sh",
    environment: [String: String] = [:],
    patience: Duration = .seconds(20),
    ignoringSIGHUP: Bool = false
) async throws -> [String] {
    let environment = environment.merging(["PATH": "/usr/bin:/bin"]) { $1 }
    return try await withCheckedThrowingContinuation { continuation in
        Thread {
            let old = ignoringSIGHUP ? signal(SIGHUP, SIG_IGN) : nil
            defer { if ignoringSIGHUP { signal(SIGHUP, old) } }
            continuation.resume(
                with: Result {
                    try Daemon.detach(
                        program: program,
                        arguments: ["sh", "-c", script],
                        environment: environment,
                        patience: patience
                    )
                }
            )
        }.start()
    }
}
