/// Where a server keeps what it must remember and where it is reached: two servers of one host never share a path.
public struct StatePaths: Sendable, Equatable {
    /// The folder of what survives a restart.
    public let stateFolder: String
    /// The folder of what lives as long as the process.
    public let runtimeFolder: String

    /// The unix socket that commands talk to.
    public var controlSocket: String { runtimeFolder + "/control.sock" }
    /// The SQLite file with users, secrets and what users have relayed.
    public var database: String { Self.database(in: stateFolder) }
    /// The file with the process id.
    public var pid: String { runtimeFolder + "/stund.pid" }

    /// The file with the address of the web console, for those who have forgotten it.
    public var consoleURL: String { runtimeFolder + "/http.url" }

    /// The SQLite file in a state folder.
    public static func database(in stateFolder: String) -> String { stateFolder + "/stund.sqlite" }

    /// The longest path of a unix socket, in bytes: `sun_path` holds 108 with the zero at its end (unix(7)).
    ///
    /// `UnixSocket` of Administration has the same number, as neither module uses the other: here it refuses a settings
    /// file before anything is started.
    private static let longestSocketPath = 107

    /// Decides on the folders.
    ///
    /// A service, which is one that systemd gave STATE_DIRECTORY or RUNTIME_DIRECTORY, or `asService`, uses these or
    /// `/var/lib/stund` and `/run/stund`. Any other server uses `<settings file>.d`; give the file's absolute path when
    /// the process changes its working directory later.
    /// - Throws: When the path of the control socket is too long, or a variable holds no absolute path.
    public init(settingsFile: String, environment: [String: String], asService: Bool = false) throws(SettingsError) {
        let state = try Self.folder("STATE_DIRECTORY", in: environment)
        let runtime = try Self.folder("RUNTIME_DIRECTORY", in: environment)
        if asService || state != nil || runtime != nil {
            stateFolder = state ?? "/var/lib/stund"
            runtimeFolder = runtime ?? "/run/stund"
        } else {
            stateFolder = settingsFile + ".d"
            runtimeFolder = stateFolder
        }
        let length = controlSocket.utf8.count
        guard length <= Self.longestSocketPath else {
            throw SettingsError(
                .init(
                    .file(controlSocket, line: nil),
                    """
                    this path of the control socket is \(length) bytes long and may have \(Self.longestSocketPath): \
                    keep the settings file in a folder with a shorter path
                    """
                )
            )
        }
    }

    /// The first folder that a variable of systemd names (systemd.exec(5): colons separate several).
    private static func folder(_ name: String, in environment: [String: String]) throws(SettingsError) -> String? {
        guard let first = environment[name]?.split(separator: ":").first else { return nil }
        guard first.hasPrefix("/") else {
            throw SettingsError(.init(.environment(name), "\(printable(String(first))) is not an absolute path"))
        }
        return String(first)
    }
}
