import Foundation
import Testing

/// Three servers with one address each and a client behind a NAT, each in a network namespace of its own.
struct Fleet: Sendable {
    static let addresses = ["198.18.7.10", "198.18.7.20", "198.18.7.30"]

    private let prefix: String
    private let folder: String
    private let key: String

    var client: String { prefix + "-client" }

    func namespace(of server: Int) -> String { prefix + "-server" + (server == 0 ? "" : "\(server + 1)") }

    /// Builds the namespaces, runs `body` and removes them.
    nonisolated(nonsending) static func with(
        _ kind: NATKind,
        purpose: String = "",
        _ body: (Fleet) async throws -> Void
    ) async throws {
        let prefix = "stundtest\(ProcessInfo.processInfo.processIdentifier)nfleet\(kind.rawValue)\(purpose)"
        let up = try await Program.run([Partners.namespaces, kind.rawValue, "up-fleet", prefix])
        try #require(up.exitCode == 0, "\(up.output)")
        do {
            try await withTemporaryFolder { folder in
                let key = (0..<32).map { _ in String(format: "%02x", UInt8.random(in: 0...255)) }.joined()
                try await body(Fleet(prefix: prefix, folder: folder, key: key))
            }
        } catch {
            try await Program.run([Partners.namespaces, kind.rawValue, "down", prefix])
            throw error
        }
        let down = try await Program.run([Partners.namespaces, kind.rawValue, "down", prefix])
        #expect(down.exitCode == 0, "\(down.output)")
    }

    /// Runs `body` while one of the servers runs; it names the other two as other STUN servers.
    nonisolated(nonsending) func running<Result: Sendable>(
        _ server: Int,
        settings: [String: String] = [:],
        _ body: (Program) async throws -> Result
    ) async throws -> Result {
        let own = folder + "/\(server)"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        let others = Self.addresses.indices.filter { $0 != server }.map { Self.addresses[$0] }
        let all = ["address": Self.addresses[server], "other-stun-servers": others.joined(separator: " ")]
            .merging(["cluster-key": key, "http-port": "5068"]) { $1 }.merging(settings) { $1 }
        let command = try StundCommand(folder: own, settings: all).arguments
        // Without `timeout` around it, which would be killed in its place; what a crash leaves ends with the namespaces.
        return try await Program.running(command, namespace: namespace(of: server), lifetime: nil) { program in
            try await waitUntilBound(program, Ports(first: 3478, second: 3479), namespace: namespace(of: server))
            return try await body(program)
        }
    }

    /// Runs all three servers.
    nonisolated(nonsending) func runningAll<Result: Sendable>(
        settings: [String: String] = [:],
        _ body: ([Program]) async throws -> Result
    ) async throws -> Result {
        try await running(0, settings: settings) { first in
            try await running(1, settings: settings) { second in
                try await running(2, settings: settings) { third in
                    try await body([first, second, third])
                }
            }
        }
    }

    /// What a command of the product prints about one of the servers.
    func stund(_ server: Int, _ arguments: String...) async throws -> Program.State {
        let command = [Partners.stund] + arguments + ["--config", folder + "/\(server)/stund.yaml"]
        return try await Program.run(command, namespace: namespace(of: server))
    }

    /// Waits until a server takes so many of the others for healthy.
    func wait(until server: Int, sees count: Int, within limit: Duration = .seconds(20)) async throws {
        let deadline = ContinuousClock.now + limit
        var report = ""
        while ContinuousClock.now < deadline {
            report = try await stund(server, "fleet", "--json").output
            if report.matches(of: /"state" *: *"healthy"/).count == count { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Program.Failure(description: "server \(server) does not see \(count) others within \(limit): \(report)")
    }

    /// Runs the discovery client of the helpers behind the NAT.
    func discovery(_ arguments: String..., limit: Duration = .seconds(120)) async throws -> Program.State {
        let command = ["python3", "-B", Partners.helpers + "/discovery.py"] + arguments
        return try await Program.run(command, namespace: client, limit: limit)
    }
}
