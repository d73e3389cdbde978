import Foundation
import Testing

@Suite(
    "Chromium with iceTransportPolicy relay, behind symmetric NATs",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .enabled(if: Partners.has("chromium", "python3"), "needs chromium and python3")
)
struct BrowserTests {
    @Test("Two browsers, each behind its own symmetric NAT, exchange 20 MB each way", .timeLimit(.minutes(4)))
    func exchange() async throws {
        try await Places.heavy.withPlace {
            try await Namespaces.with(.sym, isPair: true, purpose: "pair") { namespaces in
                try await Self.relay(namespaces).running { ports, server in
                    try await exchange(namespaces, ports, server)
                }
            }
        }
    }

    @Test(
        "One over UDP or TCP, the other over TLS or TCP: the browsers exchange their bytes whole",
        .timeLimit(.minutes(4)),
        arguments: [(["udp", "tls"], 20_000_000), (["tcp", "tcp"], 2_000_000), (["tls", "tcp"], 2_000_000)]
    )
    func streams(transports: [String], bytes: Int) async throws {
        let secure = try Ports.free().first
        try await Places.heavy.withPlace {
            try await Namespaces.with(.sym, isPair: true, purpose: "pair") { namespaces in
                try await Self.relay(namespaces, securePort: secure).running { ports, server in
                    let command =
                        ["exchange", "--bytes", "\(bytes)", "--limit", "150", "--key-pin", Relay.keyPin]
                        + ["--namespace", namespaces.client, "--namespace", namespaces.secondClient]
                        + ["--tls", "\(Namespaces.serverAddress):\(secure)"]
                        + transports.flatMap { ["--transport", $0] } + Self.asUser(ports)
                    let end = try await Self.run(command)
                    #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
                    let legs = transports.map { "\"\($0)\"" }.joined(separator: ", ")
                    #expect(end.output.contains("\"legs\": [\(legs)]"), "\(end.output)")
                    print("Chromium over \(transports) through \(Relay.underTest): \(end.output)")
                }
            }
        }
    }

    private func exchange(_ namespaces: Namespaces, _ ports: Ports, _ server: Program) async throws {
        let clients = ["--namespace", namespaces.client, "--namespace", namespaces.secondClient]
        let command = ["exchange", "--bytes", "20000000", "--limit", "150"] + clients + Self.asUser(ports)
        let work = {
            let end = try await Self.run(command)
            #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
            print("Chromium through \(Relay.underTest): \(end.output)")
        }
        guard Capture.isPossible else { return try await work() }
        // The first packets are like the others; decoding all would take longer than sending them.
        let frames = try await Capture.of(ports.first, on: "any", in: namespaces.server, most: 5000, work)
        expectDecoded(frames)
    }

    @Test("A wrong password is 401 in the browser's own icecandidateerror event", .timeLimit(.minutes(2)))
    func wrongPassword() async throws {
        try await expectRefused(purpose: "wrong", usesSecret: false) { Self.asUser($0, password: "wrong") }
    }

    @Test("An expired secret is 401 in the browser's own icecandidateerror event", .timeLimit(.minutes(2)))
    func expiredSecret() async throws {
        try await expectRefused(purpose: "expired", usesSecret: true) {
            Self.turn($0) + ["--user", "bob", "--secret", Relay.secret, "--ttl", "-60"]
        }
    }

    private func expectRefused(
        purpose: String,
        usesSecret: Bool,
        _ credentials: (Ports) -> [String]
    ) async throws {
        try await Namespaces.with(.sym, purpose: purpose) { namespaces in
            try await Self.relay(namespaces, usesSecret: usesSecret).running { ports, server in
                let command = ["refused", "--limit", "60", "--namespace", namespaces.client] + credentials(ports)
                let end = try await Self.run(command)
                #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
                #expect(end.output.contains("\"errorCode\": 401"), "\(end.output)")
            }
        }
    }

    /// The server in its namespace, whose addresses are of a range for tests that is denied unless somebody allows it.
    private static func relay(
        _ namespaces: Namespaces,
        usesSecret: Bool = false,
        securePort: UInt16? = nil
    ) -> Relay {
        Relay(
            addresses: [Namespaces.serverAddress],
            usesSecret: usesSecret,
            namespace: namespaces.server,
            securePort: securePort
        )
    }

    private static func turn(_ ports: Ports) -> [String] {
        ["--turn", "\(Namespaces.serverAddress):\(ports.first)"]
    }

    private static func asUser(_ ports: Ports, password: String = Relay.password) -> [String] {
        turn(ports) + ["--user", Relay.user, "--password", password]
    }

    static func run(_ arguments: [String]) async throws -> Program.State {
        try await Program.run(
            ["python3", "-B", Partners.helpers + "/browsers.py"] + arguments,
            limit: .seconds(200)
        )
    }
}
