import Foundation
import TestTLS
import Testing

@Suite("stun load against a real server: the figures are possible ones")
struct LoadTests {
    private struct Figures {
        let values: [String: Any]

        subscript(_ key: String) -> Double { (values[key] as? NSNumber)?.doubleValue ?? -1 }
    }

    /// Runs a mode against a server and returns what it says, as JSON.
    private func load(_ mode: [String], _ ports: Ports, _ server: Program) async throws -> Figures {
        let more = ["--server", "127.0.0.1:\(ports.first)", "--pid", "\(server.processID)", "--json"]
        let end = try await Program.run([Partners.stun, "load"] + mode + more, limit: .seconds(60))
        #expect(end.exitCode == 0, "\(end.output)")
        let object = try JSONSerialization.jsonObject(with: Data(end.output.utf8))
        return Figures(values: try #require(object as? [String: Any], "\(end.output)"))
    }

    static let relaySettings = [
        "rate-limit-exempt": "127.0.0.0/8", "relay-address": "127.0.0.1", "allow-peers": "127.0.0.0/8",
        "turn-users": "\(Relay.user):\(Relay.password)", "user-allocations": "unlimited", "drain-time": "0",
    ]

    private func withRelay(_ body: (Program, Ports) async throws -> Void) async throws {
        try await withServer(Self.relaySettings) { server, _, ports in try await body(server, ports) }
    }

    static let credential = ["--user", Relay.user, "--password", Relay.password]

    @Test("binding: all answers are right, and the server's time is read", .timeLimit(.minutes(2)))
    func binding() async throws {
        try await withServer(["rate-limit-exempt": "127.0.0.0/8"]) { server, _, ports in
            let found = try await load(["binding", "--time", "1", "--warm", "0.1"], ports, server)
            #expect(found["ok"] > 1000)
            #expect(found["bad"] == 0 && found["error_responses"] == 0)
            // What was asked in the measured second may be answered after it: no more than the windows hold.
            #expect(abs(found["sent"] - found["ok"] - found["lost"]) <= 8 * 32)
            #expect(found["p50_us"] > 0 && found["p50_us"] <= found["p99_us"])
            #expect(found["server_cpu_us_per_op"] > 0 && found["server_cores"] < 3)
        }
    }

    @Test("allocate: all allocations succeed and are gone afterwards", .timeLimit(.minutes(2)))
    func allocate() async throws {
        try await withRelay { server, ports in
            let mode = ["allocate", "--sessions", "200", "--hold", "0"] + Self.credential
            let found = try await load(mode, ports, server)
            #expect(found["ok"] == 200 && found["failed"] == 0)
            #expect(found["p50_us"] > 0 && found["rss_after_kb"] > 1000)
            // Were they still there, the ports of the load would still have them, and 437 be the answer.
            let again = try await load(mode, ports, server)
            #expect(again["ok"] == 200)
        }
    }

    @Test(
        "relay: packets arrive in both directions, none of them wrong",
        .timeLimit(.minutes(2)),
        arguments: [
            ["--window", "4"], ["--rtp", "--sizes", "60,160,1200"],
            ["--pps", "100", "--trains", "8", "--size", "1000"],
        ]
    )
    func relay(pacing: [String]) async throws {
        try await withRelay { server, ports in
            let mode = ["relay", "--sessions", "10", "--duplex", "--time", "1", "--warm", "0.1"] + pacing
            let found = try await load(mode + Self.credential, ports, server)
            #expect(found["ready"] == 10)
            #expect(found["to_peer_pps"] > 0 && found["to_client_pps"] > 0)
            #expect(found["bad"] == 0)
            #expect(found["loss_pct"] < 50)
            #expect(found["p50_us"] > 0 && found["p50_back_us"] > 0)
            if pacing.contains("--rtp") { #expect(found["offered_pps"] < 1200) }
        }
    }

    @Test(
        "relay over TCP and TLS: packets of any size arrive in both directions, none of them wrong, none lost",
        .timeLimit(.minutes(2)),
        arguments: ["tcp", "tls"],
        [["--window", "16", "--size", "161"], ["--rtp", "--sizes", "60,163,1399"]]
    )
    func relayOverStreams(transport: String, pacing: [String]) async throws {
        try await withStreams { server, port in
            let ports = Ports(first: port, second: port)
            let way = ["--transport", transport, "--sessions", "10", "--duplex", "--time", "1", "--warm", "0.1"]
            let found = try await load(["relay"] + way + pacing + Self.credential, ports, server)
            #expect(found["ready"] == 10 && found["ended_connections"] == 0)
            #expect(found["to_peer_pps"] > 0 && found["to_client_pps"] > 0)
            #expect(found["bad"] == 0 && found["not_sent"] == 0)
            if pacing.contains("--rtp") { #expect(found["loss_pct"] == 0 && found["offered_pps"] < 1200) }
        }
    }

    /// A server whose port of TLS takes plain TCP too.
    private func withStreams(_ body: (Program, UInt16) async throws -> Void) async throws {
        let port = try Ports.free().first
        let files = Relay.certificate.files
        let secure = ["tls-certificate": files.chain, "tls-key": files.key, "tls-port": "\(port)"]
        try await withServer(Self.relaySettings.merging(secure) { $1 }) { server, _, _ in
            try await waitUntilListening(server, port)
            try await body(server, port)
        }
    }

    @Test(
        "allocate over TCP and TLS: each client has a connection, and its allocation",
        .timeLimit(.minutes(2)),
        arguments: ["tcp", "tls"]
    )
    func allocateOverStreams(transport: String) async throws {
        try await withStreams { server, port in
            let ports = Ports(first: port, second: port)
            let mode = ["allocate", "--transport", transport, "--sessions", "200", "--hold", "0"] + Self.credential
            let found = try await load(mode, ports, server)
            #expect(found["ok"] == 200 && found["failed"] == 0 && found["retransmits"] == 0)
        }
    }

    @Test("idle: all connections are answered and held", .timeLimit(.minutes(2)), arguments: ["tcp", "tls"])
    func idle(transport: String) async throws {
        try await withStreams { server, port in
            let ports = Ports(first: port, second: port)
            let mode = ["idle", "--transport", transport, "--connections", "300", "--hold", "0.5"]
            let found = try await load(mode, ports, server)
            #expect(found["ok"] == 300 && found["held"] == 300 && found["bad"] == 0)
            #expect(found["p50_us"] > 0 && found["rss_after_kb"] > 1000)
        }
    }

    @Test("A server that refuses connections, and one that is none, are told with the cause", .timeLimit(.minutes(2)))
    func refusedConnections() async throws {
        try await withServer(["max-connections": "5"]) { _, _, ports in
            let end = try await run(["idle", "--transport", "tcp", "--connections", "20"], ports)
            #expect(end.exitCode == 1)
            #expect(end.output.contains("5 of 20 connections were answered"), "\(end.output)")
            #expect(end.output.contains("closed the connection") || end.output.contains("reset"), "\(end.output)")
        }
        for mode in [["idle", "--transport", "tcp"], ["relay", "--transport", "tcp"] + Self.credential] {
            let end = try await run(mode, try Ports.free())
            #expect(end.exitCode == 69)
            #expect(end.output.contains("Connection refused"), "\(end.output)")
        }
    }

    private func run(_ mode: [String], _ ports: Ports) async throws -> Program.State {
        try await Program.run([Partners.stun, "load"] + mode + ["--server", "127.0.0.1:\(ports.first)"])
    }

    @Test("relay: peers that share sockets get what is theirs", .timeLimit(.minutes(2)), arguments: [1, 3])
    func sharedPeers(sockets: Int) async throws {
        try await withRelay { server, ports in
            for pacing in [["--pps", "50"], ["--window", "4"]] {
                let mode =
                    ["relay", "--sessions", "10", "--peers", "\(sockets)", "--time", "1", "--warm", "0.1"] + pacing
                let found = try await load(mode + Self.credential, ports, server)
                #expect(found["ready"] == 10 && found["to_peer_pps"] > 0 && found["to_client_pps"] == 0)
                #expect(found["bad"] == 0 && found["peer_sockets"] == Double(sockets))
            }
        }
    }

    @Test(
        "flood: what strangers send is answered as it should be, and the server lives",
        .timeLimit(.minutes(2)),
        arguments: ["garbage", "binding", "allocate", "channel-data"]
    )
    func flood(kind: String) async throws {
        try await withRelay { server, ports in
            let mode = ["flood", "--kind", kind, "--rate", "2000", "--time", "1", "--sockets", "16"]
            let found = try await load(mode, ports, server)
            #expect(found["sent"] == 2000)
            switch kind {
            case "channel-data": #expect(found["answers"] == 0)
            case "garbage": #expect(found["answers"] < 200)
            default: #expect(found["answers"] > 0 && found["answers"] <= 2000)
            }
            #expect(server.state.exitCode == nil)
            try expectAnswer(ports)
        }
    }

    @Test("SIGINT ends it early: with its figures, and without a trace in the server", .timeLimit(.minutes(2)))
    func interrupted() async throws {
        try await withServer(Self.relaySettings) { _, command, ports in
            let mode = ["relay", "--sessions", "5", "--pps", "20", "--time", "60", "--json"] + Self.credential
            let arguments = [Partners.stun, "load"] + mode + ["--server", "127.0.0.1:\(ports.first)"]
            let sessions = [Partners.stund, "sessions", "--config", command.settingsFile]
            try await Program.running(arguments, lifetime: nil) { load in
                try await waitUntil("the load has its allocations") {
                    try await Program.run(sessions).output.components(separatedBy: Relay.user).count > 5
                }
                load.signal(SIGINT)
                #expect(try await load.exitCode() == 0)
                let object = try JSONSerialization.jsonObject(with: Data(load.state.output.utf8))
                let found = Figures(values: try #require(object as? [String: Any], "\(load.state.output)"))
                #expect(found["ready"] == 5 && found["seconds"] < 60)
            }
            #expect(try await Program.run(sessions).output == "Nobody uses the relay now.\n")
        }
    }

    @Test("A wrong password, and a server that is not there, are told with the cause")
    func failures() async throws {
        try await withRelay { _, ports in
            let wrong = ["allocate", "--sessions", "3", "--user", Relay.user, "--password", "wrong"]
            let server = ["--server", "127.0.0.1:\(ports.first)"]
            let end = try await Program.run([Partners.stun, "load"] + wrong + server)
            #expect(end.exitCode == 69)
            #expect(end.output.contains("allocate 401") && end.output.contains("--password"), "\(end.output)")
        }
        let nobody = try Ports.free()
        let arguments = ["load", "binding", "--time", "0.2", "--warm", "0", "--server", "127.0.0.1:\(nobody.first)"]
        let end = try await Program.run([Partners.stun] + arguments)
        #expect(end.exitCode == 69)
        #expect(end.output.contains("127.0.0.1:\(nobody.first) answered none"), "\(end.output)")
    }

    @Test(
        "What it must not do, it refuses before it sends anything",
        arguments: [
            (["binding", "--server", "192.0.2.1:3478"], "--any"),
            (["flood", "--kind", "garbage", "--server", "192.0.2.1:3478"], "--any"),
            (["relay", "--user", "u", "--password", "p", "--server", "192.0.2.1:3478"], "--any"),
            (["binding", "--time", "241"], "--time"), (["binding", "--server", "here"], "--server"),
            (["idle", "--transport", "udp"], "--transport udp"), (["idle", "--transport", "sctp"], "udp, tcp, tls"),
            (["relay", "--user", "u", "--password", "p", "--transport", "tcp", "--trains", "8"], "--trains"),
            (["flood", "--kind", "tears"], "garbage, binding, allocate, channel-data"),
            (["relay", "--user", "u", "--password", "p", "--rtp", "--pps", "3"], "--rtp"),
        ]
    )
    func refusals(arguments: [String], word: String) async throws {
        let end = try await Program.run([Partners.stun, "load"] + arguments)
        #expect(end.exitCode == 64)
        #expect(end.output.contains(word), "\(end.output)")
    }
}
