import Foundation
import Testing

@Suite(
    "The first start, without any settings, as a user does it",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .timeLimit(.minutes(2))
)
struct FirstStartTests {
    @Test(
        "The line that `stund credentials` says to try works as it is printed",
        .enabled(if: Partners.has("turnutils_uclient"), "needs turnutils_uclient, of Debian's coturn")
    )
    func printedLine() async throws {
        try await withFirstStart("line") { folder, namespaces, server in
            let printed = try await Self.credentials(folder, namespaces)
            #expect(printed.exitCode == 0, "\(printed.output)")
            let line = try #require(printed.lines.first { $0.hasPrefix("try: ") }, "\(printed.output)")
            let words = try #require(line.dropFirst("try: ".count).split(separator: "   (").first)
            let end = try await Program.run(["sh", "-c", String(words)], namespace: namespaces.server)
            #expect(end.output.contains("Total lost packets 0 (0.000000%)"), "\(end.output)\n\(server.state.output)")
            #expect(end.exitCode == 0)
        }
    }

    @Test(
        "Two ICE agents on another host relay with what `stund credentials --json` printed, and leave nothing behind",
        .enabled(if: Partners.hasPythonPeers, "needs aiortc of PyPI (`Scripts/install-packages test` fetches it)")
    )
    func iceServers() async throws {
        try await withFirstStart("json") { folder, namespaces, server in
            let host = ["--json", "--host", Namespaces.serverAddress]
            let printed = try await Self.credentials(folder, namespaces, host)
            #expect(printed.exitCode == 0, "\(printed.output)")
            let json = printed.output.drop { $0 != "{" }
            let end = try await PythonPeerTests.run(
                ["ice", "--ice-servers", String(json)],
                namespace: namespaces.client
            )
            #expect(end.exitCode == 0, "\(end.output)\n\(server.state.output)")
            let sessions = try await Self.stund("sessions", ["--json"], folder, namespaces)
            #expect(sessions.exitCode == 0 && !sessions.output.contains(Namespaces.clientAddress), "\(sessions.output)")
        }
    }

    /// Runs `body` beside a server that nobody told anything, in a namespace where nobody else has its ports.
    private func withFirstStart(
        _ purpose: String,
        _ body: (String, Namespaces, Program) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            try await Namespaces.with(.none, purpose: purpose) { namespaces in
                let line = "cd '\(folder)' && exec '\(Partners.stund)' --no-daemon"
                try await Program.running(["sh", "-c", line], namespace: namespaces.server) { server in
                    let hasStarted = await server.wait { $0.output.contains("try:") || $0.isFinished }
                    try #require(hasStarted && server.state.exitCode == nil)
                    try await body(folder, namespaces, server)
                    // SIGTERM would let it wait for allocations that clients have left behind.
                    server.signal(SIGINT)
                }
            }
        }
    }

    private static func credentials(
        _ folder: String,
        _ namespaces: Namespaces,
        _ options: [String] = []
    ) async throws -> Program.State {
        try await stund("credentials", options, folder, namespaces)
    }

    /// Runs a command of the server's as the person does who started it, in the same folder.
    private static func stund(
        _ command: String,
        _ options: [String],
        _ folder: String,
        _ namespaces: Namespaces
    ) async throws -> Program.State {
        let line = "cd '\(folder)' && exec '\(Partners.stund)' \(command) \(options.joined(separator: " "))"
        return try await Program.run(["sh", "-c", line], namespace: namespaces.server)
    }
}
