import Foundation
import Testing

@Suite(
    "aioice and aiortc, WebRTC in Python, with relay addresses only",
    .enabled(if: Partners.hasPythonPeers, "needs aiortc of PyPI (`Scripts/install-packages test` fetches it)")
)
struct PythonPeerTests {
    @Test("Two ICE agents find each other and talk through the relay", .timeLimit(.minutes(2)))
    func ice() async throws {
        try await Relay().running { ports, server in
            let end = try await Self.run(["ice"] + Self.asUser(ports))
            #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
        }
    }

    @Test("The same with the user name and password of a time-limited secret", .timeLimit(.minutes(2)))
    func secret() async throws {
        try await Relay(usesSecret: true).running { ports, server in
            let end = try await Self.run(["ice"] + Self.withSecret(ports, ttl: 60))
            #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
        }
    }

    @Test("A wrong password, an expired user name and a wrong secret get no relay", .timeLimit(.minutes(2)))
    func refused() async throws {
        for usesSecret in [false, true] {
            try await Relay(usesSecret: usesSecret).running { ports, _ in
                let attempts =
                    usesSecret
                    ? [Self.withSecret(ports, ttl: -1), Self.withSecret(ports, ttl: 60, secret: "another")]
                    : [Self.asUser(ports, password: "wrong"), Self.asUser(ports, user: "nobody")]
                for attempt in attempts {
                    let end = try await Self.run(["ice"] + attempt)
                    #expect(end.exitCode == 1 && end.output.contains("ConnectionError"), "\(end.output)")
                }
            }
        }
    }

    @Test("A data channel carries 4 MB each way through the relay", .timeLimit(.minutes(3)))
    func dataChannel() async throws {
        try await Places.heavy.withPlace {
            try await Relay().running { ports, server in
                let size = ["--bytes", "4000000", "--limit", "120"]
                let end = try await Self.run(["data"] + size + Self.asUser(ports))
                #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
                print("aiortc through \(Relay.underTest): \(end.output)")
            }
        }
    }

    static func asUser(_ ports: Ports, user: String = Relay.user, password: String = Relay.password) -> [String] {
        ["--turn", "127.0.0.1:\(ports.first)", "--user", user, "--password", password]
    }

    private static func withSecret(_ ports: Ports, ttl: Int, secret: String = Relay.secret) -> [String] {
        ["--turn", "127.0.0.1:\(ports.first)", "--user", "bob", "--secret", secret, "--ttl", "\(ttl)"]
    }

    static func run(_ arguments: [String], namespace: String? = nil) async throws -> Program.State {
        let command = [Partners.python, "-B", Partners.helpers + "/python_peers.py"] + arguments
        return try await Program.run(command, namespace: namespace, limit: .seconds(150))
    }
}
