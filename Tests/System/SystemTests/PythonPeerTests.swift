import Foundation
import TestTLS
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

    @Test(
        "The same over TCP, over TLS with a certificate that is checked, and from one transport to another",
        .timeLimit(.minutes(2)),
        arguments: [["tcp"], ["tls"], ["udp", "tls"], ["tls", "tcp"]]
    )
    func streams(transports: [String]) async throws {
        let secure = try Ports.free().first
        try await Relay(securePort: secure).running { ports, server in
            let end = try await Self.run(["ice"] + Self.asUser(ports) + Self.over(transports, secure))
            #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
        }
    }

    @Test("A certificate that aioice does not trust gets it no relay")
    func untrusted() async throws {
        let secure = try Ports.free().first
        try await Relay(securePort: secure).running { ports, _ in
            let words = ["ice"] + Self.asUser(ports) + Self.over(["tls"], secure)
            let end = try await Self.run(words, trusting: TestCertificate.other.files.chain)
            #expect(end.exitCode == 1 && end.output.contains("ConnectionError"), "\(end.output)")
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

    @Test(
        "A data channel carries 4 MB each way through the relay",
        .timeLimit(.minutes(3)),
        arguments: [["udp"], ["udp", "tls"]]
    )
    func dataChannel(transports: [String]) async throws {
        let secure = try Ports.free().first
        try await Places.heavy.withPlace {
            try await Relay(securePort: secure).running { ports, server in
                let size = ["--bytes", "4000000", "--limit", "120"]
                let end = try await Self.run(["data"] + size + Self.asUser(ports) + Self.over(transports, secure))
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

    private static func over(_ transports: [String], _ port: UInt16) -> [String] {
        ["--tls", "127.0.0.1:\(port)"] + transports.flatMap { ["--transport", $0] }
    }

    static func run(
        _ arguments: [String],
        namespace: String? = nil,
        trusting file: String = Relay.certificate.files.chain
    ) async throws -> Program.State {
        let command =
            ["env", "SSL_CERT_FILE=\(file)", Partners.python, "-B", Partners.helpers + "/python_peers.py"] + arguments
        return try await Program.run(command, namespace: namespace, limit: .seconds(150))
    }
}
