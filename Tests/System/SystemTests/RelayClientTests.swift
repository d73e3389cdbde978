import Foundation
import Testing

@Suite(
    "turnutils_uclient, coturn's TURN client, on loopback: through ours as through coturn",
    .enabled(if: Partners.has("turnutils_uclient", "turnutils_peer"), "needs turnutils_uclient, of Debian's coturn")
)
struct RelayClientTests {
    struct Mode: Sendable, CustomTestStringConvertible {
        let name: String
        let flags: [String]
        /// How many messages it sends, and must get back.
        var messages = 10
        var server = "127.0.0.1"
        /// Who sends them back; nil when its own clients talk to each other.
        var peer: String? = "127.0.0.1"

        var testDescription: String { name }
        var needsIPv6: Bool {
            server.contains(":") || peer?.contains(":") == true || flags.contains { ["-x", "-Z"].contains($0) }
        }
        var usesSecret: Bool { flags.contains("-W") }
        var isSecure: Bool { flags.contains("-S") }
    }

    /// The ways in which it can use a relay, over UDP and, with `-t`, TCP, with `-S` as well, TLS.
    ///
    /// Without `-c` it takes an even port and reserves the next one (EVEN-PORT), and takes that by its token
    /// (RESERVATION-TOKEN) in a second allocation. Its channels have numbers up to 0x7FFF, as in RFC 5766. Left out are
    /// `-R`, in which it hangs now and then, `-P`, in which it gets half of its messages, and `-y` over TLS, in which it misses
    /// some of them, all with coturn too.
    static let modes = [
        Mode(name: "channels, an even port and the next by its token", flags: []),
        Mode(name: "channels, one allocation", flags: ["-c"], messages: 5),
        Mode(name: "Send and Data indications", flags: ["-s"]),
        Mode(name: "client to client by channels", flags: ["-y"], messages: 20, peer: nil),
        Mode(name: "client to client by indications", flags: ["-y", "-s"], messages: 20, peer: nil),
        Mode(name: "an IPv4 relay asked for", flags: ["-X"]),
        Mode(name: "an IPv6 relay, IPv4 client", flags: ["-x"], peer: "::1"),
        Mode(name: "an IPv6 relay, IPv6 client, indications", flags: ["-x", "-s"], server: "::1", peer: "::1"),
        Mode(name: "an IPv4 relay, IPv6 client", flags: ["-X"], server: "::1"),
        Mode(name: "IPv6, client to client", flags: ["-x", "-y"], messages: 20, server: "::1", peer: nil),
        Mode(name: "both families in one allocation, by the number of a draft", flags: ["-Z"], messages: 5),
        Mode(name: "DONT-FRAGMENT", flags: ["-g"]),
        Mode(name: "DONT-FRAGMENT in Send indications", flags: ["-g", "-s"]),
        Mode(name: "padded ChannelData", flags: ["-D", "-l", "101"]),
        Mode(name: "ChannelData of odd length", flags: ["-l", "101"]),
        Mode(name: "extra CreatePermission and ChannelBind", flags: ["-G"]),
        Mode(name: "a time-limited secret", flags: ["-W", Relay.secret]),
        Mode(name: "clients that start anew", flags: ["-B"]),
        Mode(
            name: "forty clients, packets of 1171 bytes",
            flags: ["-m", "40", "-n", "20", "-z", "40", "-l", "1171", "-D", "-g"],
            messages: 800
        ),
        Mode(name: "TCP, channels", flags: ["-t"]),
        Mode(name: "TCP, Send and Data indications", flags: ["-t", "-s"]),
        Mode(name: "TCP, client to client by channels", flags: ["-t", "-y"], messages: 20, peer: nil),
        Mode(name: "TCP, IPv6 relay, IPv6 client", flags: ["-t", "-x"], server: "::1", peer: "::1"),
        Mode(name: "TCP, ChannelData of odd length", flags: ["-t", "-l", "101"]),
        Mode(
            name: "TCP, forty clients, packets of 1171 bytes",
            flags: ["-t", "-m", "40", "-n", "20", "-z", "40", "-l", "1171"],
            messages: 800
        ),
        Mode(name: "TLS, channels", flags: ["-t", "-S"]),
        Mode(name: "TLS, Send and Data indications", flags: ["-t", "-S", "-s"]),
        Mode(name: "TLS, ChannelData of odd length", flags: ["-t", "-S", "-l", "101"]),
        Mode(
            name: "TLS, forty clients, packets of 1171 bytes",
            flags: ["-t", "-S", "-m", "40", "-n", "20", "-z", "40", "-l", "1171"],
            messages: 800
        ),
        Mode(name: "TCP relaying, client to client, by Connect (RFC 6062)", flags: ["-T"], peer: nil),
        Mode(
            name: "TCP relaying, twenty clients, packets of 1171 bytes",
            flags: ["-T", "-m", "20", "-n", "20", "-z", "40", "-l", "1171"],
            messages: 400,
            peer: nil
        ),
    ]

    @Test("Nothing is lost in any mode", .timeLimit(.minutes(3)), arguments: modes, [Server.coturn, .ours])
    func lossless(mode: Mode, server: Server) async throws {
        guard Partners.hasIPv6 || !mode.needsIPv6 else { try Test.cancel("this host has no IPv6 loopback") }
        let secure = mode.isSecure ? try Ports.free().first : nil
        let relay = Relay(
            server: server,
            usesSecret: mode.usesSecret,
            securePort: secure,
            settings: ["rfc5766-channels": "on", "tcp-relay": "on"]
        )
        try await Self.places.withPlace {
            try await relay.running { ports, program in
                let asked = secure.map { Ports(first: $0, second: ports.second) } ?? ports
                let end = try await Self.run(mode, asked)
                let sentAndReceived = "tot_send_msgs=\(mode.messages), tot_recv_msgs=\(mode.messages)"
                #expect(end.lines.contains { $0.hasSuffix(sentAndReceived) }, "\(end.output)\n\(program.state.output)")
                #expect(end.output.contains("Total lost packets 0 (0.000000%)"), "\(end.output)")
                #expect(end.exitCode == 0)
            }
        }
    }

    @Test("Without a permission nothing comes through", .timeLimit(.minutes(2)), arguments: [Server.coturn, .ours])
    func noPermission(server: Server) async throws {
        // It waits for what does not come, about fifteen seconds.
        let mode = Mode(name: "Send without CreatePermission", flags: ["-s", "-I"])
        try await Relay(server: server).running { ports, _ in
            let end = try await Self.run(mode, ports)
            #expect(end.lines.contains { $0.hasSuffix("tot_send_msgs=10, tot_recv_msgs=0") }, "\(end.output)")
        }
    }

    @Test("A wrong password gets no allocation", .timeLimit(.minutes(1)), arguments: [Server.coturn, .ours])
    func wrongPassword(server: Server) async throws {
        try await Relay(server: server).running { ports, _ in
            let end = try await Self.run(Mode(name: "", flags: ["-w", Relay.password + "!"]), ports)
            #expect(end.output.contains("Cannot complete Allocation"), "\(end.output)")
            #expect(end.exitCode != 0)
        }
    }

    @Test(
        "Unless they are allowed, loopback peers are refused with 403",
        .timeLimit(.minutes(1)),
        arguments: [Server.coturn, .ours]
    )
    func deniedPeer(server: Server) async throws {
        let relay = Relay(server: server, allowsPeers: false, settings: ["rfc5766-channels": "on"])
        try await relay.running { ports, _ in
            for flags in [[], ["-s"]] {
                // Another one than the relay's own, with which clients may always talk to each other.
                let end = try await Self.run(Mode(name: "", flags: flags, peer: "127.0.0.9"), ports)
                #expect(end.output.contains("error 403"), "\(end.output)")
                #expect(end.exitCode != 0)
            }
        }
    }

    /// Each of them mostly waits; more at a time would have them wait for each other on a machine with two cores.
    private static let places = Places(8)

    /// Runs the client to its end, beside the peer that it needs.
    ///
    /// It draws a channel's number without looking which ones it has, and draws 0x7FFF too: once in some thousand times it
    /// is refused with 400, rightly, and then runs once more.
    nonisolated(nonsending) static func run(
        _ mode: Mode,
        _ ports: Ports,
        namespace: String? = nil
    ) async throws -> Program.State {
        var end = try await runOnce(mode, ports, namespace: namespace)
        if end.output.contains("channel bind: error 400") {
            end = try await runOnce(mode, ports, namespace: namespace)
        }
        // Over TLS it takes one record each time that something has come, and leaves those behind it unread until more comes: with
        // coturn it misses some now and then too.
        for _ in 0..<4
        where mode.isSecure && mode.flags.contains("-t") && !end.output.contains("Total lost packets 0 (0.000000%)") {
            end = try await runOnce(mode, ports, namespace: namespace)
        }
        return end
    }

    private nonisolated(nonsending) static func runOnce(
        _ mode: Mode,
        _ ports: Ports,
        namespace: String?
    ) async throws -> Program.State {
        var command = ["stdbuf", "-oL", "turnutils_uclient", "-p", "\(ports.first)"]
        // With a secret, the client makes the password from it and the user name.
        command += ["-u", Relay.user] + (mode.flags.contains("-w") || mode.usesSecret ? [] : ["-w", Relay.password])
        guard let peer = mode.peer else {
            let command = command + mode.flags + [mode.server]
            return try await Program.run(command, namespace: namespace, limit: .seconds(60))
        }
        let peerPorts = try Ports.free(areAdjacent: true)
        let peerCommand = ["turnutils_peer", "-L", peer, "-p", "\(peerPorts.first)"]
        return try await Program.running(peerCommand) { program in
            try await waitUntilBound(program, peerPorts)
            let toPeer = ["-e", peer, "-r", "\(peerPorts.first)"]
            return try await Program.run(command + toPeer + mode.flags + [mode.server], limit: .seconds(60))
        }
    }
}
