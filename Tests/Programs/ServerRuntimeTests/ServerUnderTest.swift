import Addresses
import Administration
import Foundation
import PacketEngine
import ServerRuntime
import ServerSettings

/// A server with its own ports and settings file, stopped and removed at the end.
final class ServerUnderTest {
    private(set) var server: LiveServer
    let port1: UInt16
    let port2: UInt16
    private let folder: URL
    private let head: String
    private var file: URL { folder.appendingPathComponent("stund.yaml") }

    init(_ settings: String, isWildcard: Bool = false, ports: (UInt16, UInt16)? = nil) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("stund-test-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        (port1, port2) = try ports ?? Self.freePorts()
        head = "stun-port-1: \(port1)\nstun-port-2: \(port2)\n" + (isWildcard ? "" : "address: 127.0.0.1\n")
        let file = folder.appendingPathComponent("stund.yaml")
        try Data((head + settings).utf8).write(to: file)
        do {
            server = try Self.start(file)
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Stops the server, and starts another one with the same files.
    func restart() throws {
        server.stop()
        server = try Self.start(file)
    }

    private static func start(_ file: URL) throws -> LiveServer {
        let sources = Self.sources(file)
        return try LiveServer(
            try Settings.load(from: sources),
            from: sources,
            paths: try StatePaths(settingsFile: file.path, environment: [:]),
            version: "test",
            isDetached: false
        )
    }

    /// Where its settings come from.
    var sources: SettingsSources { Self.sources(file) }

    /// Scripts/test runs these tests once more with the other engine.
    private static func sources(_ file: URL) -> SettingsSources {
        let environment = ProcessInfo.processInfo.environment.filter { $0.key == "STUND_ENGINE" }
        return SettingsSources(file: file.path, environment: environment)
    }

    /// The SQLite file of users and secrets.
    var database: String { StatePaths.database(in: file.path + ".d") }

    /// The first address and port.
    func address() -> SocketAddress { SocketAddress(IPAddress(v4: 0x7F00_0001), port: port1) }

    /// One of the counters that `status` tells.
    func counter(_ name: String) async throws -> UInt64? {
        try await server.status().counters.first { $0.name == name }?.value
    }

    /// A counter, once it has come to so much, or what it is after 30 s.
    ///
    /// A worker counts when it reads a datagram, which may be after another one has answered a later request.
    func counter(_ name: String, reaching value: UInt64) async throws -> UInt64? {
        for _ in 0..<1500 {
            if let now = try await counter(name), now >= value { return now }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await counter(name)
    }

    /// Replaces the settings, but for the ports and the address.
    func rewrite(_ settings: String) throws {
        try Data((head + settings).utf8).write(to: file)
    }

    /// Removes the settings file.
    func removeFile() throws {
        try FileManager.default.removeItem(at: file)
    }

    /// Two ports that are free on all addresses, for TCP too: held together, so that they differ.
    static func freePorts() throws -> (UInt16, UInt16) {
        var held: [UDPSocket] = []
        for _ in 0..<100 {
            let any = SocketAddress(.unspecified(.v4), port: 0)
            let socket = try UDPSocket(bindingTo: any, sharesPort: false, bufferSize: 65_536)
            let port = socket.boundPort()
            guard (try? TCPListener.probe(SocketAddress(.unspecified(.v4), port: port))) != nil else { continue }
            held.append(socket)
            if held.count == 2 { break }
        }
        return (held[0].boundPort(), held[1].boundPort())
    }
}
