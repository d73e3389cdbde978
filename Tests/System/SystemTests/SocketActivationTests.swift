import Foundation
import TestTLS
import Testing

@Suite("Ports that systemd has opened (sd_listen_fds(3))")
struct SocketActivationTests {
    @Test("all kinds are taken, with a worker for each UDP socket; calls find their worker; what nobody wants is named")
    func taken() async throws {
        let unwanted = try Ports.free().first
        try await Self.withServer(
            [
                "udp:FIRST", "udp:FIRST", "udp:SECOND", "tcp:FIRST", "tcp:SECOND", "udp:127.0.0.1:\(unwanted)",
                "unix:FOLDER/socket",
            ],
            LoadTests.relaySettings.merging(["workers": "3"]) { $1 }
        ) { server, command, ports in
            let log = server.state.output
            #expect(
                log.contains(
                    """
                    From systemd: udp 127.0.0.1:\(ports.first) (2 sockets), udp 127.0.0.1:\(ports.second), \
                    tcp 127.0.0.1:\(ports.first), tcp 127.0.0.1:\(ports.second); 2 workers of 3
                    """
                )
            )
            #expect(log.contains("systemd has passed udp 127.0.0.1:\(unwanted), which no setting asks for"))
            #expect(log.contains("systemd has passed 1 descriptor without use: only sockets of UDP and TCP are"))
            #expect(log.contains("The console is at http://127.0.0.1:\(ports.second)/"))
            try expectAnswer(ports)
            let status = try await Program.run([Partners.stund, "status", "--config", command.settingsFile]).output
            #expect(status.contains("which no setting asks for"), "\(status)")
            let page = try await Program.run(["curl", "-si", "http://127.0.0.1:\(ports.second)/api/v1/status"]).output
            #expect(page.contains("200 OK") && page.contains("\"version\"") && page.contains(" GMT\r\n"), "\(page)")
            // Every client's datagrams stay with one worker, or its channels would not be known.
            for transport in ["udp", "tcp"] {
                let load = [
                    "load", "relay", "--transport", transport, "--sessions", "20", "--pps", "20", "--time", "1",
                ]
                let target = ["--server", "127.0.0.1:\(ports.first)", "--json"]
                let done = try await Program.run([Partners.stun] + load + target + LoadTests.credential)
                #expect(done.exitCode == 0, "\(done.output)")
            }
            // No program that the server might start gets one of them.
            let process = try #require(command.processID)
            for file in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fdinfo")
            where (Int32(file) ?? 0) > 2 {
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\(file)")
                guard target?.hasPrefix("socket:") == true,
                    let text = try? String(contentsOfFile: "/proc/\(process)/fdinfo/\(file)", encoding: .utf8),
                    let flags = text.firstMatch(of: /flags:\s+([0-7]+)/).flatMap({ Int($0.1, radix: 8) })
                else { continue }
                #expect(flags & 0o2_000_000 != 0, "descriptor \(file) is not closed on exec: \(target ?? "")")
            }
        }
    }

    @Test("they stay open while the server starts anew: what comes meanwhile is answered")
    func restart() async throws {
        try await withTemporaryFolder { folder in
            let again = folder + "/again"
            try await Self.withServer(["--again", again, "udp:FIRST", "tcp:FIRST"]) { server, command, ports in
                #expect(server.state.output.contains("; opened by the server: udp 127.0.0.1:\(ports.second)"))
                try expectAnswer(ports)
                let first = try #require(command.processID)
                kill(first, SIGTERM)
                try await waitUntil("it has ended") { server.state.output.contains("ended 0") }
                let client = try UDPClient()
                try client.send(WireMessage.modern().bytes, to: .init("127.0.0.1", ports.first))
                _ = FileManager.default.createFile(atPath: again, contents: nil)
                let answer = try client.receive(within: 40_000)
                #expect(WireAnswer(answer?.bytes ?? [])?.type == 0x0101)
                #expect(command.processID != first)
            }
        }
    }

    @Test(
        "calls by UDP, TLS and DTLS go on while the server drains",
        .enabled(if: Partners.has("turnutils_uclient"), "needs turnutils_uclient, of Debian's coturn"),
        .timeLimit(.minutes(2)),
        arguments: [[], ["-t", "-S"], ["-S"]]
    )
    func drain(flags: [String]) async throws {
        let own = try Ports.free().first
        let files = Relay.certificate.files
        let settings = [
            "turn-users": "\(Relay.user):\(Relay.password)", "relay-address": "127.0.0.1", "allow-peers": "127.0.0.0/8",
            "rfc5766-channels": "on", "drain-time": "86400", "tls-certificate": files.chain, "tls-key": files.key,
            "tls-port": "\(own)",
        ]
        let sockets = [
            "udp:FIRST", "udp:FIRST", "tcp:FIRST", "udp:127.0.0.1:\(own)", "udp:127.0.0.1:\(own)",
            "tcp:127.0.0.1:\(own)",
        ]
        try await Self.withServer(sockets, settings.merging(["workers": "2"]) { $1 }) { server, command, ports in
            for text in ["udp 127.0.0.1:\(own) (2 sockets)", "tcp 127.0.0.1:\(own)"] {
                #expect(server.state.output.contains(text), "\(server.state.output)")
            }
            let client = [
                "stdbuf", "-oL", "turnutils_uclient", "-y", "-c", "-n", "500", "-z", "10", "-u", Relay.user, "-w",
                Relay.password,
                "-p", "\(flags.isEmpty ? ports.first : own)",
            ]
            try await Program.running(client + flags + ["127.0.0.1"]) { client in
                let config = ["--config", command.settingsFile]
                try await waitUntil("the call has its allocations") {
                    let text = try await Program.run([Partners.stund, "metrics"] + config)
                    return text.lines.contains("stund_allocations 3")
                }
                kill(try #require(command.processID), SIGTERM)
                #expect(await server.wait { $0.output.contains("Drain began: SIGTERM asked for it; 3 allocations") })
                #expect(client.state.exitCode == nil, "the call must outlast that: \(client.state.output)")
                #expect(try await client.exitCode(within: .seconds(90)) == 0)
                // On a busy host the client loses some by itself; of a call that has ended it would be most.
                let lost = try #require(client.state.output.firstMatch(of: #/Total lost packets (\d+) /#))
                #expect(Int(lost.1).map { $0 < 100 } == true, "\(client.state.output)")
                // The client leaves one behind.
                _ = try await Program.run([Partners.stund, "disconnect", Relay.user] + config)
                #expect(try await server.exitCode(within: .seconds(30)) == 0)
            }
        }
    }

    @Test("a port that the console has left is told of, as systemd keeps it, until the console is back")
    func consoleMoves() async throws {
        try await Self.withServer(["udp:FIRST", "tcp:SECOND"]) { server, command, ports in
            func status() async throws -> String {
                try await Program.run([Partners.stund, "status", "--config", command.settingsFile]).output
            }
            func waitForConsole(at port: UInt16) async throws {
                try await waitUntil("the console is at \(port)") {
                    let url = try String(contentsOfFile: command.settingsFile + ".d/http.url", encoding: .utf8)
                    return url.contains(":\(port)/")
                }
            }
            let sentence = "systemd keeps tcp 127.0.0.1:\(ports.second) open, where the console is no more"
            let other = try Ports.free().first
            _ = try await SandboxTests.change(["http-port": "\(other)"], ports.second)
            try await waitForConsole(at: other)
            #expect(await server.wait { $0.output.contains(sentence) }, "\(server.state.output)")
            #expect(try await status().contains(sentence))
            _ = try await SandboxTests.change(["http-port": "\(ports.second)"], other)
            try await waitForConsole(at: ports.second)
            try await waitUntil("nothing is left to say") { try await !status().contains(sentence) }
            let page = try await Program.run(["curl", "-si", "http://127.0.0.1:\(ports.second)/api/v1/status"]).output
            #expect(page.contains("200 OK"), "\(page)")
        }
    }

    @Test("sockets that do not fit, and variables that are wrong, end the start with what to do")
    func refused() async throws {
        for (socket, words) in [
            ("both:udp:[::]", "set BindIPv6Only=ipv6-only in the .socket unit"),
            ("udp:127.0.0.1", "systemd has passed 127.0.0.1:PORT instead; name 0.0.0.0:PORT in the .socket unit"),
        ] {
            try await withTemporaryFolder { folder in
                let ports = try Ports.free()
                let settings = loopback(ports).merging(["address": "0.0.0.0"]) { $1 }
                let command = try StundCommand(folder: folder, settings: settings)
                let end = try await Program.run(
                    Self.helper + ["\(socket):\(ports.first)", "--"] + command.arguments,
                    limit: .seconds(60)
                )
                #expect(end.exitCode == 71, "\(end.output)")
                #expect(end.output.contains(words.replacing("PORT", with: "\(ports.first)")), "\(end.output)")
            }
        }
        let variables = ["sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=\"$0\" exec \"$@\""]
        for (value, words) in [("two", "LISTEN_FDS is \"two\""), ("4000", "is not open")] {
            let end = try await Program.run(variables + [value, Partners.stund, "--no-daemon"])
            #expect(end.exitCode == 64 && end.output.contains(words), "\(end.output)")
        }
    }

    @Test(
        "a server that root starts keeps them when it becomes another user",
        .enabled(if: geteuid() == 0, "needs root")
    )
    func runAs() async throws {
        try await Self.withServer(["udp:FIRST", "tcp:FIRST"], ["run-as": "nobody"]) { server, _, ports in
            #expect(server.state.output.contains("From systemd: udp 127.0.0.1:\(ports.first), tcp"))
            try expectAnswer(ports)
        }
    }

    // MARK: Helpers

    private static let helper = ["python3", "-B", Partners.helpers + "/passed_sockets.py"]

    /// - `sockets`: as the helper takes them, with FIRST and SECOND for the addresses of the two STUN ports.
    private nonisolated(nonsending) static func withServer(
        _ sockets: [String],
        _ more: [String: String] = [:],
        _ body: (Program, StundCommand, Ports) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let ports = try Ports.free()
            // Without --no-daemon: a server that was given sockets stays in the foreground.
            let command = try StundCommand(
                folder: folder,
                settings: loopback(ports).merging(more) { $1 },
                flags: []
            )
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: command.settingsFile)
            let words = sockets.map { word in
                word.replacing("FIRST", with: "127.0.0.1:\(ports.first)")
                    .replacing("SECOND", with: "127.0.0.1:\(ports.second)").replacing("FOLDER", with: folder)
            }
            try await Program.running(helper + words + ["--"] + command.arguments) { server in
                let isReady = await server.wait(.seconds(60)) {
                    $0.output.contains("try:") || $0.exitCode != nil
                }
                try #require(isReady && server.state.exitCode == nil, "\(server.state.output)")
                try await body(server, command, ports)
            }
        }
    }
}
