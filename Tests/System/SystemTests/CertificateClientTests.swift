import Foundation
import Testing

@Suite(
    "certbot and lego get and renew the certificate, from Debian's pebble; the server follows (docs/certificates.md)",
    .enabled(if: Partners.has("pebble", "certbot", "lego", "openssl"), "needs pebble, certbot, lego and openssl")
)
struct CertificateClientTests {
    private static let name = "turn.example.org"

    @Test("What certbot renews through its links is served to the next client without a hook", .timeLimit(.minutes(3)))
    func certbot() async throws {
        try await Self.withAuthority { authority, folder in
            func certbot(_ words: [String]) async throws {
                let places = ["config", "work", "logs"].flatMap { ["--\($0)-dir", "\(folder)/certbot/\($0)"] }
                let command = ["certbot", "--non-interactive", "--server", authority.url] + places + words
                try await Self.succeed(command, ["REQUESTS_CA_BUNDLE": authority.certificate])
            }
            let challenge = ["--standalone", "--http-01-port", "\(authority.challengePort)"]
            let terms = ["--agree-tos", "--register-unsafely-without-email", "-d", Self.name]
            try await certbot(["certonly"] + challenge + terms)
            let live = "\(folder)/certbot/config/live/\(Self.name)"
            try await Self.serving(live + "/fullchain.pem", live + "/privkey.pem") {
                // It waits at random up to eight minutes else.
                try await certbot(["renew", "--force-renewal", "--no-random-sleep-on-renew"])
            }
        }
    }

    @Test("What lego renews in its folder, too", .timeLimit(.minutes(3)))
    func lego() async throws {
        try await Self.withAuthority { authority, folder in
            func lego(_ words: [String]) async throws {
                let options = ["--server", authority.url, "--path", folder + "/lego", "--email", "admin@example.org"]
                let challenge = [
                    "--http", "--http.port", "127.0.0.1:\(authority.challengePort)", "--domains", Self.name,
                ]
                let command = ["lego"] + options + ["--accept-tos"] + challenge + words
                try await Self.succeed(command, ["LEGO_CA_CERTIFICATES": authority.certificate])
            }
            try await lego(["run"])
            let files = "\(folder)/lego/certificates/\(Self.name)"
            try await Self.serving(files + ".crt", files + ".key") {
                // Its certificates last five years, which is longer than lego waits for.
                try await lego(["renew", "--days", "10000", "--no-random-sleep"])
            }
        }
    }

    // MARK: Helpers

    /// An authority of certificates that believes everybody.
    private struct Authority {
        let url: String
        /// What its own HTTPS is trusted by.
        let certificate: String
        /// A port that is free for those who prove a name.
        let challengePort: UInt16
    }

    private nonisolated(nonsending) static func withAuthority(
        _ body: (Authority, String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let (ports, challengePort) = (try Ports.free(), try Ports.free().first)
            let (certificate, key) = (folder + "/pebble.pem", folder + "/pebble.key")
            try await succeed([
                "openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-keyout", key, "-out", certificate,
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            ])
            let settings: [String: Any] = [
                "listenAddress": "127.0.0.1:\(ports.first)", "managementListenAddress": "127.0.0.1:\(ports.second)",
                "certificate": certificate, "privateKey": key, "httpPort": Int(challengePort), "tlsPort": 1,
                "ocspResponderURL": "", "externalAccountBindingRequired": false,
            ]
            let file = folder + "/pebble.json"
            try JSONSerialization.data(withJSONObject: ["pebble": settings]).write(to: URL(fileURLWithPath: file))
            let environment = ["PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"]
            try await Program.running(["pebble", "-config", file], environment: environment) { pebble in
                _ = await pebble.wait { $0.output.contains("Listening on") || $0.exitCode != nil }
                let url = "https://localhost:\(ports.first)/dir"
                try await body(Authority(url: url, certificate: certificate, challengePort: challengePort), folder)
            }
        }
    }

    /// A server that has the certificate serves it, and after `renewal` the new one.
    private nonisolated(nonsending) static func serving(
        _ certificate: String,
        _ key: String,
        renewal: () async throws -> Void
    ) async throws {
        let port = try Ports.free().first
        let settings = ["tls-certificate": certificate, "tls-key": key, "tls-port": "\(port)"]
        try await withServer(settings) { server, _, _ in
            let first = try await serial(of: certificate)
            #expect(try await served(port) == first)
            try await renewal()
            let second = try await serial(of: certificate)
            #expect(second != first)
            try await waitUntil("the new certificate is served") { try await served(port) == second }
            #expect(server.state.output.contains("certificate"), "\(server.state.output)")
        }
    }

    private static func serial(of file: String) async throws -> String {
        try await succeed(["openssl", "x509", "-noout", "-serial", "-in", file])
    }

    private static func served(_ port: UInt16) async throws -> String {
        let client = "openssl s_client -connect 127.0.0.1:\(port) -servername \(name) </dev/null 2>/dev/null"
        return try await succeed(["bash", "-c", client + " | openssl x509 -noout -serial"])
    }

    @discardableResult
    private static func succeed(_ command: [String], _ environment: [String: String?] = [:]) async throws -> String {
        let end = try await Program.run(command, environment: environment, limit: .seconds(60))
        guard end.exitCode == 0 else {
            throw Program.Failure(description: "\(command.joined(separator: " ")):\n\(end.output)")
        }
        return end.output
    }
}
