import ServerSettings
import Testing

@Suite("Where state lives")
struct StatePathsTests {
    @Test("Beside the settings file, so that two servers of one host never share a path")
    func besideTheFile() throws {
        let paths = try StatePaths(settingsFile: "/etc/a/stund.yaml", environment: [:])
        #expect(paths.stateFolder == "/etc/a/stund.yaml.d")
        #expect(paths.controlSocket == "/etc/a/stund.yaml.d/control.sock")
        #expect(paths.database == "/etc/a/stund.yaml.d/stund.sqlite")
        #expect(paths.pid == "/etc/a/stund.yaml.d/stund.pid")
        let other = try StatePaths(settingsFile: "/etc/a/two.yaml", environment: [:])
        #expect(other.controlSocket != paths.controlSocket && other.stateFolder != paths.stateFolder)
    }

    @Test(
        "A service has its own folders",
        arguments: [
            ([:], true, "/var/lib/stund", "/run/stund"),
            (["STATE_DIRECTORY": "/var/lib/stund"], false, "/var/lib/stund", "/run/stund"),
            (["RUNTIME_DIRECTORY": "/run/stund-2:/run/x"], false, "/var/lib/stund", "/run/stund-2"),
            (["STATE_DIRECTORY": "/srv/a", "RUNTIME_DIRECTORY": "/run/a"], true, "/srv/a", "/run/a"),
        ] as [([String: String], Bool, String, String)]
    )
    func service(_ example: (environment: [String: String], asService: Bool, state: String, runtime: String)) throws {
        let paths = try StatePaths(
            settingsFile: "/etc/stund.yaml",
            environment: example.environment,
            asService: example.asService
        )
        #expect(paths.stateFolder == example.state && paths.runtimeFolder == example.runtime)
    }

    @Test("A control socket may have 107 bytes in its path and no more")
    func longPath() throws {
        let tail = ".d/control.sock".utf8.count
        let longest = "/" + String(repeating: "x", count: 107 - tail - 1)
        #expect(try StatePaths(settingsFile: longest, environment: [:]).controlSocket.utf8.count == 107)
        do {
            _ = try StatePaths(settingsFile: longest + "x", environment: [:])
            Issue.record("108 bytes were accepted")
        } catch {
            #expect(
                error.description == """
                    \(longest)x.d/control.sock: this path of the control socket is 108 bytes long and may have 107: keep the \
                    settings file in a folder with a shorter path
                    """
            )
        }
    }

    @Test("A folder of systemd that is no absolute path is refused")
    func relativeFolder() {
        #expect(throws: SettingsError.self) {
            try StatePaths(settingsFile: "a", environment: ["STATE_DIRECTORY": "var"])
        }
    }
}
