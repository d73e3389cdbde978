import Foundation
import TestTLS
import Testing

@Suite(
    "libnice, the ICE of GStreamer's webrtcbin, with relay addresses only, behind a symmetric NAT",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .enabled(if: Partners.hasLibnice, "needs Debian's python3-gi and gir1.2-nice-0.1")
)
struct LibniceTests {
    @Test("Two agents talk through the relay, as a user and with a time-limited secret", .timeLimit(.minutes(2)))
    func talk() async throws {
        for usesSecret in [false, true] {
            let end = try await run(
                usesSecret ? ["--secret", Relay.secret] : ["--password", Relay.password],
                usesSecret
            )
            #expect(end.exitCode == 0, "\(end.output)")
        }
    }

    @Test("A wrong password gets no relay", .timeLimit(.minutes(2)))
    func wrongPassword() async throws {
        let end = try await run(["--password", "wrong", "--limit", "5"], false)
        #expect(end.exitCode == 1 && end.output.contains("\"types\": []"), "\(end.output)")
    }

    private func run(_ credentials: [String], _ usesSecret: Bool) async throws -> Program.State {
        var end: Program.State?
        try await Namespaces.with(.sym, purpose: "nice\(credentials.count)\(usesSecret)") { namespaces in
            let addresses = [Namespaces.serverAddress]
            try await Relay(addresses: addresses, usesSecret: usesSecret, namespace: namespaces.server)
                .running { ports, _ in
                    // Debian's own python3, which has Debian's packages.
                    let command = ["/usr/bin/python3", "-B", Partners.helpers + "/libnice_peers.py"]
                    let server = ["--turn", "\(Namespaces.serverAddress):\(ports.first)", "--user", Relay.user]
                    end = try await Program.run(
                        command + server + credentials,
                        namespace: namespaces.client,
                        limit: .seconds(60)
                    )
                }
        }
        return try #require(end)
    }
}

@Suite(
    "libnice as MSN's messengers spoke, with a mirror of draft-rosenberg-midcom-turn-08 for each side",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .enabled(if: Partners.hasLibnice, "needs Debian's python3-gi and gir1.2-nice-0.1")
)
struct LibniceMirrorTests {
    @Test("Two agents talk through their mirrors, with secrets that they get over TLS", .timeLimit(.minutes(2)))
    func talk() async throws {
        let end = try await run([])
        #expect(end.exitCode == 0, "\(end.output)")
    }

    @Test("A wrong password gets no mirror", .timeLimit(.minutes(2)))
    func wrongPassword() async throws {
        let end = try await run(["--wrong", "--limit", "5"])
        #expect(end.exitCode == 1 && end.output.contains("\"types\": []"), "\(end.output)")
    }

    private func run(_ more: [String]) async throws -> Program.State {
        var end: Program.State?
        try await Namespaces.with(.sym, purpose: "msn\(more.count)") { namespaces in
            let relay = Relay(
                server: .ours,
                addresses: [Namespaces.serverAddress],
                namespace: namespaces.server,
                hasCertificate: true,
                settings: ["mirror": "on", "mirror-clients": "198.18.0.0/15"]
            )
            try await relay.running { ports, _ in
                let command = ["/usr/bin/python3", "-B", Partners.helpers + "/libnice_mirrors.py"]
                let server = ["--address", Namespaces.serverAddress, "--port", "\(ports.first)"]
                end = try await Program.run(
                    command + server + ["--trust", Relay.certificate.files.chain] + more,
                    namespace: namespaces.client,
                    limit: .seconds(60)
                )
            }
        }
        return try #require(end)
    }
}
