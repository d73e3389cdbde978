import Foundation
import Testing

@Suite(
    "The console's API, figures and ports, asked from outside",
    .enabled(if: Partners.has("python3"))
)
struct ConsoleAPITests {
    @Test(
        "schemathesis finds no call that openapi.json does not describe, and nobody gets in without a token",
        .enabled(if: Partners.hasPython("schemathesis"), "needs schemathesis (`Scripts/install-packages test`)"),
        .timeLimit(.minutes(4))
    )
    func fuzz() async throws {
        try await ConsoleServing.running(hasPassword: true) { server in
            let more = ["--password", ConsoleServing.password, "--stund", Partners.stund]
            try await server.expect("console_api", "fuzz", more, python: Partners.python, limit: .seconds(220))
        }
    }

    @Test(
        "The figures are right for Prometheus, all there from the start, and move while a call is relayed",
        .enabled(
            if: Partners.has("turnutils_uclient", "turnutils_peer"),
            "needs turnutils_uclient, of Debian's coturn"
        ),
        .timeLimit(.minutes(2))
    )
    func metrics() async throws {
        try await ConsoleServing.running { try await $0.expect("console_api", "metrics") }
    }

    @Test("promtool accepts the alert rules", .enabled(if: Partners.has("promtool"), "needs Debian's prometheus"))
    func rules() async throws {
        let end = try await Program.run(["promtool", "check", "rules", Partners.root + "/deploy/prometheus-rules.yml"])
        #expect(end.exitCode == 0, "\(end.output)")
    }

    @Test("Another http-port moves the console on SIGHUP; live pages end then, and when the password changes")
    func moves() async throws {
        try await ConsoleServing.running { server in
            try await server.expect("console_places", "moves", ["--stund", Partners.stund])
        }
    }

    @Test(
        "A port that is taken: 5068 and message 1122, then the next; all taken: message 1027, and STUN answers",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(1))
    )
    func ports() async throws {
        try await Self.expect(["console_places.py", "ports"], unsharing: ["--net"])
    }

    @Test(
        "Settings written while kill -9 comes at random: the file is as it was or as it was to be",
        .timeLimit(.minutes(60))
    )
    func kills() async throws {
        let count = ProcessInfo.processInfo.environment["STUND_KILLS"].flatMap(Int.init) ?? 20
        let limit = Duration.seconds(60 + 5 * count)
        try await Self.expect(["console_kills.py", "kills", "--count", "\(count)"], limit: limit)
    }

    @Test(
        "No room on the disk, or none that can be written: API and page say so, and all stays as it was",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(1))
    )
    func diskFull() async throws {
        try await Self.expect(["console_kills.py", "full"], unsharing: ["--mount"])
    }

    /// Runs a helper that starts servers of its own, with other namespaces if it needs them.
    private static func expect(
        _ helper: [String],
        unsharing namespaces: [String] = [],
        limit: Duration = .seconds(60)
    ) async throws {
        let ports = try Ports.free()
        let own = namespaces.isEmpty ? [] : ["unshare"] + namespaces
        let command = own + ["python3", "-B", Partners.helpers + "/" + helper[0]] + helper.dropFirst()
        let places = ["\(ports.first)", "\(ports.second)", "\(try freeTCPPort())"].joined(separator: ",")
        var options = ["--url", "http://127.0.0.1/", "--stund", Partners.stund]
        if helper[0] == "console_kills.py" { options += ["--ports", places] }
        let end = try await Program.running(command + options, lifetime: nil) { program in
            _ = await program.wait(limit) { $0.isFinished }
            return program.state
        }
        #expect(end.exitCode == 0, "\(end.output)")
        print("\(helper.joined(separator: " ")): \(end.lines.last ?? "")")
    }
}
