import Foundation
import Synchronization

/// A STUN server that a test runs: ours, or one that ours is compared with.
enum Server: String, CaseIterable, Sendable, CustomStringConvertible {
    /// The server under test.
    case ours
    /// The server of 2001-2012 that Debian has as stun-server: the reference for clients of RFC 3489.
    case vovida
    /// Debian's turnserver: the reference for clients of RFC 5780.
    case coturn

    var description: String { rawValue }

    /// Runs `body` while the server answers on the two ports of `first`, and of `second` if there is one.
    nonisolated(nonsending) func running<Result: Sendable>(
        on first: String,
        and second: String?,
        ports: Ports,
        namespace: String? = nil,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try await withTemporaryFolder { folder in
            let command = try command(first, second, ports, folder)
            return try await Program.running(command, namespace: namespace) { program in
                try await waitUntilBound(program, ports, namespace: namespace)
                return try await body()
            }
        }
    }

    private func command(_ first: String, _ second: String?, _ ports: Ports, _ folder: String) throws -> [String] {
        switch self {
        case .ours:
            var settings = ["address": first, "stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)"]
            settings["second-address"] = second
            return try StundCommand(folder: folder, settings: settings).arguments
        case .vovida:
            let base = [Partners.vovidaStund, "-h", first, "-p", "\(ports.first)", "-o", "\(ports.second)"]
            return base + (second.map { ["-a", $0] } ?? [])
        case .coturn:
            // Without a configuration file, database on disk of its own, TLS or relaying.
            let addresses = ["-L", first] + (second.map { ["-L", $0] } ?? [])
            return ["turnserver", "-n", "--no-auth", "--stun-only", "--no-cli", "--no-tls", "--no-dtls"] + addresses
                + ["-p", "\(ports.first)", "--alt-listening-port", "\(ports.second)", "--userdb", folder + "/turndb"]
                + ["--pidfile", folder + "/pid", "--log-file", "stdout"]
        }
    }
}

/// The two ports of a server.
struct Ports: Sendable {
    let first: UInt16
    let second: UInt16

    private static let next = Mutex(UInt16(20_000 + ProcessInfo.processInfo.processIdentifier % 500 * 20))

    /// Two ports that nobody has for UDP or TCP, so that tests run beside each other and beside other servers.
    ///
    /// They lie below the range from which the kernel gives ports to clients: between the choice and the start of the
    /// server, no client of another test can get one of them.
    ///
    /// - Parameter areAdjacent: whether the second must be the one after the first.
    static func free(areAdjacent: Bool = false) throws -> Ports {
        try next.withLock { next in
            var first: UInt16?
            for _ in 20_000...32_000 {
                next = next < 32_000 ? next + 1 : 20_000
                guard (try? UDPClient("0.0.0.0", port: next)) != nil, isFree(next) else { continue }
                if let first, !areAdjacent || first + 1 == next { return Ports(first: first, second: next) }
                first = next
            }
            throw Program.Failure(description: "no two free UDP ports from 20000 to 32000")
        }
    }
}

/// A command line of the server under test, with its settings file in a folder of its own.
struct StundCommand {
    let arguments: [String]
    let settingsFile: String

    init(folder: String, settings: [String: String], flags: [String] = ["--no-daemon"]) throws {
        settingsFile = folder + "/stund.yaml"
        try Self.write(settings, to: settingsFile)
        arguments = [Partners.stund] + flags + ["--config", settingsFile]
    }

    /// Writes a settings file; the console gets the number of the second port, which STUN uses for UDP alone.
    ///
    /// Of the ports that consoles find by themselves there are fewer than servers in all the tests at one time.
    static func write(_ settings: [String: String], to file: String) throws {
        var settings = settings
        if settings["http-port"] == nil { settings["http-port"] = settings["stun-port-2"] }
        let text = settings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\n" }.joined()
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }
}

/// Runs `body` with a new folder, which is gone afterwards.
nonisolated(nonsending) func withTemporaryFolder<Result>(
    _ body: (String) async throws -> Result
) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.path + "/stund-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

/// Waits until both ports are bound in the network namespace of the program.
///
/// What the kernel shows of the program's own namespace is the one sign that all servers share: vovida's prints
/// nothing, and a question to a port tells nothing of the other one.
func waitUntilBound(
    _ program: Program,
    _ ports: Ports,
    namespace: String? = nil,
    within limit: Duration = .seconds(15)
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        guard program.state.exitCode == nil else { throw Program.Failure(description: "\(program.name) ended") }
        // At first the process is still `ip`, in the namespace of the tests, where others may have the same ports.
        let isThere = namespace == nil || namespaceNumber(of: program.processID) == namespaceNumber(named: namespace)
        if isThere, boundPorts(of: program.processID).isSuperset(of: [ports.first, ports.second]) { return }
        guard ContinuousClock.now < deadline else {
            throw Program.Failure(description: "\(program.name) did not bind \(ports) within \(limit)")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits until a TCP port is listened at in the network namespace of a program that has bound its UDP ports.
func waitUntilListening(_ program: Program, _ port: UInt16, within limit: Duration = .seconds(15)) async throws {
    let place =
        ":" + String(repeating: "0", count: max(0, 4 - String(port, radix: 16).count))
        + String(port, radix: 16, uppercase: true)
    let deadline = ContinuousClock.now + limit
    while true {
        guard program.state.exitCode == nil else { throw Program.Failure(description: "\(program.name) ended") }
        // The state is the fourth column; 0A is LISTEN (proc(5)).
        let lines = ["tcp", "tcp6"].flatMap {
            textOfProcFile("/proc/\(program.processID)/net/\($0)").split(separator: "\n").dropFirst()
        }
        let isThere = lines.contains { line in
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            return columns.count > 3 && columns[1].hasSuffix(place) && columns[3] == "0A"
        }
        if isThere { return }
        guard ContinuousClock.now < deadline else {
            throw Program.Failure(description: "\(program.name) does not listen at TCP port \(port) within \(limit)")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

private func namespaceNumber(of process: Int32) -> Int? {
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
    return target.flatMap { Int($0.filter(\.isNumber)) }
}

private func namespaceNumber(named name: String?) -> Int? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: "/run/netns/\(name ?? "")")
    return attributes?[.systemFileNumber] as? Int
}

/// The UDP ports that are bound in the network namespace of a process.
func boundPorts(of process: Int32) -> Set<UInt16> {
    var ports: Set<UInt16> = []
    for table in ["udp", "udp6"] {
        for line in textOfProcFile("/proc/\(process)/net/\(table)").split(separator: "\n").dropFirst() {
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            if columns.count > 1, let port = columns[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }) {
                ports.insert(port)
            }
        }
    }
    return ports
}

/// The text of a file of /proc, which `String(contentsOfFile:)` would cut at 4 kB, since such files tell no size.
func textOfProcFile(_ path: String) -> String {
    let data = try? FileHandle(forReadingAtPath: path)?.readToEnd()
    return String(decoding: data ?? Data(), as: UTF8.self)
}
