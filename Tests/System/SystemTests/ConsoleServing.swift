// Unsafe: a socket of the C library takes pointers; the test that a TCP port is free must bind it.
import Foundation
import Testing

/// A running server with its console, as the tests of the console want it.
struct ConsoleServing: Sendable {
    /// The password of the console's user `admin` where a test wants one.
    static let password = "the console's own password"

    let program: Program
    let command: StundCommand
    let ports: Ports
    /// The address of the console, as the server keeps it in its run folder.
    let url: String

    /// Runs `body` while a server with a console runs.
    ///
    /// - Parameters:
    ///   - more: settings besides a relay on loopback with a user and a secret.
    ///   - text: lines at the top of the settings file, for example comments.
    ///   - flags: further ones of the command line.
    ///   - hasPassword: whether the console asks who comes.
    ///   - body: what is done meanwhile.
    nonisolated(nonsending) static func running(
        _ more: [String: String] = [:],
        text: String = "",
        flags: [String] = [],
        hasPassword: Bool = false,
        _ body: (ConsoleServing) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let ports = try Ports.free()
            var settings = loopback(ports)
            settings["turn-users"] = "\(Relay.user):\(Relay.password)"
            settings["turn-secrets"] = Relay.secret
            settings["relay-address"] = "127.0.0.1"
            settings["allow-peers"] = "127.0.0.0/8"
            // The client that makes calls uses channels of the old range.
            settings["rfc5766-channels"] = "on"
            settings["drain-time"] = "0"
            settings.merge(more) { $1 }
            let command = try StundCommand(folder: folder, settings: settings, flags: ["--no-daemon"] + flags)
            let written = try String(contentsOfFile: command.settingsFile, encoding: .utf8)
            try (text + written).write(toFile: command.settingsFile, atomically: true, encoding: .utf8)
            if hasPassword { try await setPassword(in: command.settingsFile) }
            try await Program.running(command.arguments, lifetime: 400) { program in
                _ = await program.wait { $0.output.contains("try:") || $0.exitCode != nil }
                try #require(program.state.output.contains("try:"), "\(program.state.output)")
                let url = try String(contentsOfFile: command.settingsFile + ".d/http.url", encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
                // With a password it is open to all, and named by a name of this host that need not be known here.
                let port = try #require(url.split(separator: ":").last)
                let near = hasPassword ? "http://127.0.0.1:\(port)" : url
                try await body(ConsoleServing(program: program, command: command, ports: ports, url: near))
            }
        }
    }

    /// Gives the console of a settings file its password, with the command for that.
    static func setPassword(in file: String, _ password: String = password) async throws {
        let command = [Partners.stund, "password", "--config", file]
        let end = try await Program.run(command, environment: ["STUND_HTTP_PASSWORD": password])
        try #require(end.exitCode == 0, "\(end.output)")
    }

    /// Runs one of the helpers of the console against this server and expects that it finds nothing wrong.
    func expect(
        _ helper: String,
        _ kind: String,
        _ more: [String] = [],
        python: String = "python3",
        limit: Duration = .seconds(150),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let process = serverProcess ?? program.processID
        let command = [python, "-B", "\(Partners.helpers)/\(helper).py", kind, "--url", url]
        let file = self.command.settingsFile
        let place = ["--stun", "127.0.0.1:\(ports.first)", "--settings", file, "--process", "\(process)"]
        let end = try await Program.run(command + place + more, limit: limit)
        let log = program.state.lines.suffix(20).joined(separator: "\n")
        #expect(end.exitCode == 0, "\(end.output)\nThe server had written:\n\(log)", sourceLocation: sourceLocation)
        #expect(program.state.exitCode == nil, "The server has ended", sourceLocation: sourceLocation)
        print("\(helper) \(kind): \(end.lines.last ?? "")")
    }

    /// The server itself, which is a child of `timeout`.
    var serverProcess: Int32? { command.processID }
}

/// Reasons for which a test of the console is skipped here.
extension Partners {
    /// Whether Scripts/install-packages has fetched a package of PyPI, named as Python imports it.
    static func hasPython(_ package: String) -> Bool {
        let folder = root + "/.build-python/lib"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return versions.contains {
            FileManager.default.fileExists(atPath: "\(folder)/\($0)/site-packages/\(package)/__init__.py")
        }
    }

    static let canDriveBrowser = has("chromium") && hasPython("playwright")
}

/// A TCP port that nobody has now, below those that the kernel gives to clients.
func freeTCPPort() throws -> UInt16 {
    try Ports.free().first
}

/// Whether nobody has a TCP port.
func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
