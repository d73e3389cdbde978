import Administration
import Observability
import ServerRuntime
import ServerSettings
import UnixSignals

/// Runs the server until SIGTERM or SIGINT; throws when it can't start.
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
        isDetached: launch.isDetached
    )
    defer { server.stop() }
    let control = try openControlSocket(launch.paths.controlSocket, for: server)
    defer { control.stop() }
    launch.readiness.ready(StartText(server, launch).lines)
    for await signal in signals {
        guard signal == .sighup else { return }
        server.reopenLog()
        // The server's log tells when the settings are refused; the running ones stay.
        try? await server.reload()
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

    init(_ server: LiveServer, _ launch: Launch) {
        let settings = launch.loaded.settings
        let address = settings.address.first.map { "\($0)" } ?? "127.0.0.1"
        let port = settings.stunPort1 == 3478 ? "" : ":\(settings.stunPort1)"
        let isDefault = launch.loaded.file == SettingsSources.defaultFile
        let config = isDefault ? "" : " --config \(launch.loaded.file)"
        let answers = "stund \(Version.current) answers STUN at \(server.listeners.joined(separator: ", "))"
        // In the foreground the log is there to see.
        let log = launch.isDetached ? ["log:      \(settings.logFile ?? "syslog")"] : []
        let rest = [
            "settings: \(launch.loaded.file)\(launch.loaded.fileExists ? "" : " (none yet: all defaults)")",
            "state:    \(launch.paths.stateFolder)",
            "try:      stun \(address)\(port)   (Debian's stun-client), then: stund statistics\(config)",
        ]
        lines = [answers] + server.addressPairs.map { "NAT test: \($0)" } + log + rest
    }
}
