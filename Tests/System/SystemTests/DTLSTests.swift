import Foundation
import Testing

@Suite("TLS and DTLS by other people's clients, on loopback")
struct DTLSTests {
    /// The ways in which coturn's client uses a relay over TLS and DTLS.
    static let modes = [
        RelayClientTests.Mode(
            name: "TLS, IPv6 relay, IPv6 client",
            flags: ["-S", "-t", "-x"],
            server: "::1",
            peer: "::1"
        ),
        RelayClientTests.Mode(name: "DTLS, channels", flags: ["-S"]),
        RelayClientTests.Mode(name: "DTLS, Send and Data indications", flags: ["-S", "-s"]),
        RelayClientTests.Mode(
            name: "DTLS, client to client by channels",
            flags: ["-S", "-y"],
            messages: 20,
            peer: nil
        ),
        RelayClientTests.Mode(name: "DTLS, IPv6 relay, IPv6 client", flags: ["-S", "-x"], server: "::1", peer: "::1"),
        RelayClientTests.Mode(name: "DTLS, ChannelData of odd length", flags: ["-S", "-l", "101"]),
        RelayClientTests.Mode(
            name: "DTLS, forty clients, packets of 1171 bytes",
            flags: ["-S", "-m", "40", "-n", "20", "-z", "40", "-l", "1171"],
            messages: 800
        ),
    ]

    @Test(
        "coturn's client loses nothing in any mode",
        .timeLimit(.minutes(3)),
        .enabled(
            if: Partners.has("turnutils_uclient", "turnutils_peer"),
            "needs turnutils_uclient, of Debian's coturn"
        ),
        arguments: modes
    )
    func lossless(mode: RelayClientTests.Mode) async throws {
        guard Partners.hasIPv6 || !mode.needsIPv6 else { try Test.cancel("this host has no IPv6 loopback") }
        let relay = Relay(server: .ours, hasCertificate: true, settings: ["rfc5766-channels": "on"])
        try await relay.running { ports, program in
            let end = try await RelayClientTests.run(mode, ports)
            let sentAndReceived = "tot_send_msgs=\(mode.messages), tot_recv_msgs=\(mode.messages)"
            #expect(end.lines.contains { $0.hasSuffix(sentAndReceived) }, "\(end.output)\n\(program.state.output)")
            #expect(end.output.contains("Total lost packets 0 (0.000000%)"), "\(end.output)")
            #expect(end.exitCode == 0)
        }
    }

    @Test(
        "openssl s_client speaks TLS at the first STUN port and at tls-port, by both versions",
        arguments: ["1_2", "1_3"]
    )
    func openssl(version: String) async throws {
        let own = try Ports.free().first
        let relay = Relay(server: .ours, hasCertificate: true, settings: ["tls-port": "\(own)"])
        try await relay.running { ports, program in
            for port in [ports.first, own] {
                let command = [
                    "openssl", "s_client", "-tls\(version)", "-connect", "127.0.0.1:\(port)", "-alpn", "stun.turn",
                ]
                let end = try await Program.run(command, limit: .seconds(20))
                #expect(end.output.contains("ALPN protocol: stun.turn"), "\(end.output)\n\(program.state.output)")
                #expect(end.output.contains("Secure Renegotiation IS"), "\(end.output)")
            }
        }
    }

    @Test("openssl s_client speaks DTLS at the first STUN port and at tls-port, and both sides choose stun.turn")
    func opensslByDatagrams() async throws {
        let own = try Ports.free().first
        let relay = Relay(server: .ours, hasCertificate: true, settings: ["tls-port": "\(own)"])
        try await relay.running { ports, program in
            for port in [ports.first, own] {
                let command = [
                    "openssl", "s_client", "-dtls1_2", "-connect", "127.0.0.1:\(port)", "-alpn", "stun.turn",
                ]
                let end = try await Program.run(command, limit: .seconds(20))
                #expect(end.output.contains("ALPN protocol: stun.turn"), "\(end.output)\n\(program.state.output)")
                #expect(end.output.contains("DTLSv1.2"), "\(end.output)")
            }
        }
    }
}
