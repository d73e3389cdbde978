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
    launch.readiness.ready(StartText(server.listeners, launch).lines)
    for await signal in signals {
        guard signal == .sighup else { return }
        server.reopenLog()
        // The server's log tells when the settings are refused; the running ones stay.
        try? await server.reload()
    }
}

/// What the person who starts the server reads.
struct StartText {
    let lines: [String]

    init(_ listeners: [String], _ launch: Launch) {
        let settings = launch.loaded.settings
        let address = settings.address.first.map { "\($0)" } ?? "127.0.0.1"
        let port = settings.stunPort1 == 3478 ? "" : ":\(settings.stunPort1)"
        let isDefault = launch.loaded.file == SettingsSources.defaultFile
        let config = isDefault ? "" : " --config \(launch.loaded.file)"
        lines = [
            "stund \(Version.current) answers STUN at \(listeners.joined(separator: ", "))",
            "settings: \(launch.loaded.file)\(launch.loaded.fileExists ? "" : " (none yet: all defaults)")",
            "state:    \(launch.paths.stateFolder)",
            "try:      stun \(address)\(port)   (Debian's stun-client), then: stund statistics\(config)",
        ]
    }
}
