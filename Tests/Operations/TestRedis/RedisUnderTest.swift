package import ClusterStore
import Foundation
package import ServerSettings

/// A Redis of Debian that a test starts, stops and cuts off: on a unix socket and on a TCP port of this host.
///
/// Nothing is kept on disk, so that a restart has lost all data.
package final class RedisUnderTest {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    static let program = ["/usr/bin/redis-server", "/usr/bin/valkey-server"].first(
        where: FileManager.default.isExecutableFile
    )
    package static var isInstalled: Bool { program != nil }

    package let folder: String
    package let port: UInt16
    private let password: String?
    private var process: Process?

    package init(password: String? = nil) throws {
        folder = NSTemporaryDirectory() + "stund-redis-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        port = try Self.freePort()
        self.password = password
        try start()
    }

    deinit {
        end()
        try? FileManager.default.removeItem(atPath: folder)
    }

    package var socket: String { folder + "/redis.sock" }

    /// Starts it, and waits until it answers.
    package func start() throws {
        let log = folder + "/log"
        try Data().write(to: URL(fileURLWithPath: log))
        let process = Process()
        // Ends with the test at the latest, even when that crashes.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = [
            "--signal=KILL", "300", Self.program ?? "", "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket",
            socket,
            "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", folder, "--pidfile", pidFile,
            "--databases", "4", "--loglevel", "notice",
        ]
        if let password { process.arguments? += ["--requirepass", password] }
        process.standardInput = FileHandle.nullDevice
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.process = process
        let isReady = comesTrue {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            return text.contains("The server is now ready to accept connections at")
                || text.contains("connections unix")
        }
        guard isReady else {
            throw Failure(description: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "no log of redis-server")
        }
    }

    /// Kills it as a power cut would; what it held is gone.
    package func end() {
        signal(SIGKILL)
        process?.waitUntilExit()
        process = nil
        try? FileManager.default.removeItem(atPath: pidFile)
        try? FileManager.default.removeItem(atPath: socket)
    }

    /// Stops it: connections stay open, and nobody answers.
    package func freeze() { signal(SIGSTOP) }

    /// Lets it go on.
    package func thaw() { signal(SIGCONT) }

    package func address(unix: Bool, database: Int = 0) throws -> RedisAddress {
        let text = unix ? "unix:\(socket)?db=\(database)" : "redis://127.0.0.1:\(port)/\(database)"
        guard let address = try Settings.load(from: SettingsSources(flags: ["redis": text])).settings.redis else {
            throw Failure(description: "no address in \(text)")
        }
        return address
    }

    package func login(_ password: String? = nil) -> RedisLogin? {
        (password ?? self.password).map { RedisLogin(user: nil, password: $0) }
    }

    package func store(unix: Bool = true, database: Int = 0) throws -> RedisClusterStore {
        RedisClusterStore(try address(unix: unix, database: database), login: login())
    }

    private var pidFile: String { folder + "/pid" }

    private func signal(_ number: Int32) {
        guard let text = try? String(contentsOfFile: pidFile, encoding: .utf8),
            let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1
        else { return }
        kill(pid, number)
    }

    /// A port that nobody has at the moment.
    private static func freePort() throws -> UInt16 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
            "-c", "import socket; s=socket.socket(); s.bind(('127.0.0.1',0)); print(s.getsockname()[1])",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        guard let port = UInt16(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(description: "no free port")
        }
        return port
    }
}

/// Looks again and again, for ten seconds at most, until something holds.
package func comesTrue(_ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while !condition() {
        guard .now < end else { return false }
        usleep(5000)
    }
    return true
}

/// Looks again and again, for ten seconds at most, until something holds.
package func waits(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        guard .now < end else { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
    return true
}
