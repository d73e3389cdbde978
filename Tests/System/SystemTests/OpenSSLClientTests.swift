import Foundation
import TestTLS
import Testing

@Suite("openssl s_client: TLS of the server, and STUN through it (RFC 8489 section 6.2.3, RFC 7443)")
struct OpenSSLClientTests {
    private struct Told: Decodable {
        let ok: Bool
        let answer: String
        let alpn: String?
        let version: String?
        let verified: String?
        let told: String
    }

    private func ask(_ more: [String], trusting file: String = Relay.certificate.files.chain) async throws -> Told {
        let secure = try Ports.free().first
        return try await Relay(server: .ours, securePort: secure).running { _, _ in
            let command = ["python3", "-B", Partners.helpers + "/openssl_client.py"]
            let words = ["--server", "127.0.0.1:\(secure)", "--trust", file, "--"] + more
            let end = try await Program.run(command + words, limit: .seconds(40))
            return try JSONDecoder().decode(Told.self, from: Data(end.output.utf8))
        }
    }

    @Test(
        "Its handshake succeeds by any version and name of a protocol, and a Binding request is answered with its address",
        .timeLimit(.minutes(1)),
        arguments: [
            (["-alpn", "stun.turn"], "stun.turn", "TLSv1.3"),
            (["-alpn", "stun.nat-discovery"], "stun.nat-discovery", "TLSv1.3"),
            (["-alpn", "h2,stun.turn", "-tls1_2"], "stun.turn", "TLSv1.2"), ([], nil, "TLSv1.3"),
        ] as [([String], String?, String)]
    )
    func binding(more: [String], alpn: String?, version: String) async throws {
        let told = try await ask(more)
        #expect(told.ok && told.alpn == alpn && told.version == version && told.verified == "0", "\(told)")
        // Success, and XOR-MAPPED-ADDRESS of 127.0.0.1 (RFC 8489 section 14.2).
        #expect(told.answer.hasPrefix("0101") && told.answer.contains("00200008"), "\(told.answer)")
        #expect(told.answer.contains("5e12a443"), "\(told.answer)")
    }

    @Test("Versions before TLS 1.2 are refused, and another's certificate is told from ours", .timeLimit(.minutes(1)))
    func refused() async throws {
        let old = try await ask(["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        #expect(!old.ok, "\(old)")
        let other = try await ask([], trusting: TestCertificate.other.files.chain)
        #expect(!other.ok && other.told.contains("verify error"), "\(other)")
    }
}
