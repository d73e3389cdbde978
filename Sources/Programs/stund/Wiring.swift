import Administration
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
    let control = try ControlSocket.open(at: launch.paths.controlSocket, for: server)
    defer { control.stop() }
    launch.readiness.ready(
        server.listeners.map { "stund answers at \($0)" } + [
            "settings: \(launch.loaded.file), state: \(launch.paths.stateFolder)"
        ]
    )
    for await signal in signals {
        guard signal == .sighup else { return }
        server.reopenLog()
        // The server's log tells when the settings are refused; the running ones stay.
        try? await server.reload()
    }
}
