import Foundation
import TestTLS
import Testing

/// A server that relays, as a test wants it: ours, or coturn, which shows that the clients themselves are right.
struct Relay: Sendable {
    static let user = "alice"
    static let password = "wonderland-of-the-tests"
    static let secret = "shared-secret-of-the-tests"

    /// The server of the tests that ask only one: ours, unless a person wants to know whether it is the test that is
    /// wrong (`RELAY_UNDER_TEST=coturn swift test ...`).
    static let underTest = ProcessInfo.processInfo.environment["RELAY_UNDER_TEST"] == "coturn" ? Server.coturn : .ours

    /// For the names and addresses that clients of the tests ask.
    static let certificate = TestCertificate.make(
        "system",
        newKey: "ec",
        names: "DNS:localhost,IP:127.0.0.1,IP:\(Namespaces.serverAddress)"
    )

    /// What Chromium takes a certificate by that no authority has signed: the digest of its public key.
    static let keyPin: String = {
        let file = certificate.folder + "/public.der"
        let key = certificate.files.key
        TestCertificate.run(["pkey", "-in", key, "-pubout", "-outform", "der", "-out", file])
        TestCertificate.run(["dgst", "-sha256", "-binary", "-out", file + ".sha256", file])
        return FileManager.default.contents(atPath: file + ".sha256")?.base64EncodedString() ?? ""
    }()

    var server = Relay.underTest
    /// Where it relays from; the first is also where clients ask it.
    var addresses = ["127.0.0.1"] + (Partners.hasIPv6 ? ["::1"] : [])
    /// Ours knows users and secrets at the same time, coturn one of them.
    var usesSecret = false
    /// Whether peers may have these addresses, which are denied unless somebody allows them.
    var allowsPeers = true
    var namespace: String?
    /// The port of TLS; nil for none.
    var securePort: UInt16?
    /// Whether ours has a certificate, for TLS and DTLS, which it has with a `securePort` too.
    var hasCertificate = false
    /// Further settings of ours.
    var settings: [String: String] = [:]

    /// Runs `body` while the server answers on all addresses of its namespace, at the first of the ports.
    nonisolated(nonsending) func running<Result: Sendable>(
        _ body: (Ports, Program) async throws -> Result
    ) async throws -> Result {
        let ports = try Ports.free()
        return try await withTemporaryFolder { folder in
            let command = try command(ports, folder)
            return try await Program.running(command, namespace: namespace) { program in
                // With one address, coturn does not bind the second port.
                let bound = server == .coturn ? Ports(first: ports.first, second: ports.first) : ports
                try await waitUntilBound(program, bound, namespace: namespace)
                if let securePort { try await waitUntilListening(program, securePort) }
                return try await body(ports, program)
            }
        }
    }

    private func command(_ ports: Ports, _ folder: String) throws -> [String] {
        guard server == .coturn else {
            var all = ["stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)"]
            all["turn-users"] = "\(Self.user):\(Self.password)"
            all["turn-secrets"] = Self.secret
            all["relay-address"] = addresses.joined(separator: " ")
            // Allocations that a test leaves behind shall not keep its server.
            all["drain-time"] = "0"
            if hasCertificate || securePort != nil {
                all["tls-certificate"] = Self.certificate.files.chain
                all["tls-key"] = Self.certificate.files.key
                all["tls-port"] = "\(try securePort ?? Ports.free().first)"
            }
            if allowsPeers { all["allow-peers"] = "127.0.0.0/8 ::1/128 198.18.0.0/15" }
            return try StundCommand(folder: folder, settings: all.merging(settings) { $1 }).arguments
        }
        let credentials =
            usesSecret
            ? ["--use-auth-secret", "--static-auth-secret", Self.secret]
            : ["--lt-cred-mech", "--user", "\(Self.user):\(Self.password)"]
        let files = Self.certificate.files
        let secure =
            securePort.map { ["--tls-listening-port", "\($0)", "--cert", files.chain, "--pkey", files.key] }
            ?? ["--no-tls", "--no-dtls"]
        return ["turnserver", "-n", "--no-cli", "--realm", "stund"] + secure + credentials
            + (allowsPeers ? ["--allow-loopback-peers"] : []) + addresses.flatMap { ["-L", $0, "-E", $0] }
            + ["-p", "\(ports.first)", "--alt-listening-port", "\(ports.second)", "--userdb", folder + "/turndb"]
            + ["--pidfile", folder + "/pid", "--log-file", "stdout"]
    }
}
