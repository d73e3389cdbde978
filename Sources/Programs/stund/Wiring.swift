import Addresses
import Administration
import Console
import Foundation
import Glibc
import Observability
import ServerRuntime
import ServerSettings
import UnixSignals

/// Runs the server until SIGTERM, SIGINT or the end of a drain; throws when it can't start.
func serve(_ launch: Launch) async throws {
    // Before anything else: two servers with one settings file must not touch each other's ports or state.
    let pidFile = try PidFile.take(at: launch.paths.pid)
    defer { pidFile.remove() }
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    let server = try LiveServer(
        launch.loaded,
        from: launch.sources,
        paths: launch.paths,
        version: Version.current,
        isDetached: launch.isDetached,
        passed: launch.sockets
    )
    defer { server.stop() }
    let control = try openControlSocket(launch.paths.controlSocket, for: server)
    defer { control.stop() }
    let administrator = try Administrator(server, settingsFrom: launch.sources, database: launch.paths.database)
    // The other servers of the fleet ask here.
    let fleet = FleetListener(administrator)
    defer { fleet.stop() }
    let console = try ConsoleServer(
        administrator,
        version: Version.current,
        urlFile: launch.paths.consoleURL,
        passed: { server.passedToConsole($0, port: $1) },
        leaving: { server.consoleLeaves() },
        urlChanged: { server.consoleMoved(to: $0) }
    )
    await console.start()
    server.closeUnusedSockets()
    // Nothing is opened any more but in the server's own folders.
    do throws(StartError) {
        try server.enterSandbox()
    } catch {
        await console.stop()
        throw error
    }
    launch.readiness.ready(StartText(server, launch, console: console.url).lines)
    let manager = ServiceManager(environment: ProcessInfo.processInfo.environment, pid: getpid())
    manager?.ready(StartText.serving(server))
    // A worker that has ended or hangs is a reason to start anew; what lives on meanwhile would hide it.
    let pulse = Task { await manager?.watch { await server.workersAnswer() } }
    defer { pulse.cancel() }
    await serveUntilEnd(server, signals, telling: manager)
    manager?.stopping()
    await console.stop()
}

/// Does what signals say until the server is to end: at SIGINT at once, at SIGTERM when it has drained or a second one
/// comes.
private func serveUntilEnd(
    _ server: LiveServer,
    _ signals: UnixSignalsSequence,
    telling manager: ServiceManager?
) async {
    let (events, queue) = AsyncStream<UnixSignal?>.makeStream()
    var helpers = [
        Task { for await signal in signals { queue.yield(signal) } },
        Task { for await _ in server.drainsEnded { queue.yield(nil) } },
    ]
    defer { for helper in helpers { helper.cancel() } }
    var isEnding = false
    for await signal in events {
        switch signal {
        case .sighup?:
            manager?.reloading()
            server.reopenLog()
            await server.reloadOnSignal()
            manager?.ready(StartText.serving(server))
        case .sigterm? where !isEnding:
            isEnding = await server.drainToEnd()
            if !isEnding { return }
            if let manager { helpers.append(Task { await tellOfDrain(server, manager) }) }
        default: return
        }
    }
}

/// Has the service manager wait while calls go on: it would end the process after a minute and a half.
private func tellOfDrain(_ server: LiveServer, _ manager: ServiceManager) async {
    let pause = Duration.seconds(10)
    while !Task.isCancelled {
        manager.draining(server.drainReport.sentence, every: pause)
        try? await Task.sleep(for: pause)
    }
}

/// Without the socket nobody could ask the server anything, so it doesn't start: the log tells why.
private func openControlSocket(_ path: String, for server: LiveServer) throws(ControlSocketError) -> ControlSocket {
    do throws(ControlSocketError) {
        return try ControlSocket.open(at: path, for: server)
    } catch {
        server.tell(.controlSocketNotOpened, error.description)
        throw error
    }
}

/// What the person who starts the server reads.
struct StartText {
    let lines: [String]

    init(
        _ server: LiveServer,
        _ launch: Launch,
        console: String? = nil,
        program: String = CommandLine.arguments.first ?? "stund"
    ) {
        let loaded = launch.loaded
        // In the foreground the log is there to see.
        let log = launch.isDetached ? ["log:      \(loaded.settings.logFile.map(absolute) ?? "syslog")"] : []
        let config = loaded.file == SettingsSources.defaultFile ? "" : " --config \(Self.quoted(loaded.file))"
        lines =
            ["stund \(Version.current) \(Self.serving(server))"]
            + server.addressPairs.map { "NAT test: \($0)" }
            + server.relaying.map { "relays:   \($0)" }
            + (loaded.fileExists ? [] : loaded.warnings).map { "warning:  \($0)" }
            + (server.relayWarnings + server.certificateWarnings + server.sandboxWarnings).map { "warning:  \($0)" }
            + log
            + [console.map { "console:  \($0)" } ?? "console:  none, as no port could be opened (see the log)"] + [
                "settings: \(absolute(loaded.file))\(loaded.fileExists ? "" : " (none yet: all defaults)")",
                "state:    \(absolute(launch.paths.stateFolder))",
                "try:      \(Self.client(for: loaded.settings)), then: \(Self.quoted(program)) statistics\(config)",
            ]
            + (server.relaying.isEmpty
                ? [] : ["TURN:     \(Self.quoted(program)) credentials\(config)   prints what clients need"])
    }

    /// Where the server is reached, in a few words.
    static func serving(_ server: LiveServer) -> String {
        "answers STUN at \(server.listeners.joined(separator: ", "))"
    }

    /// A command of a common client that asks this server from this host.
    static func client(for settings: Settings) -> String {
        let v4 = settings.address.first { $0.family == .v4 }
        if v4 == nil, let v6 = settings.address.first {
            let address = v6.isUnspecified ? "::1" : "\(v6)"
            return "turnutils_stunclient -p \(settings.stunPort1) \(address)   (Debian's coturn)"
        }
        let address = v4.map { $0.isUnspecified ? "127.0.0.1" : "\($0)" } ?? "127.0.0.1"
        let port = settings.stunPort1 == 3478 ? "" : ":\(settings.stunPort1)"
        return "stun \(address)\(port)   (Debian's stun-client)"
    }

    /// A word as a shell takes it.
    static func quoted(_ word: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
        guard word.isEmpty || !word.allSatisfy(plain.contains) else { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

/// A path as anybody can use it, wherever they are.
func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }
