import Addresses
import Foundation
import ServerSettings
import Testing

@Suite("Reading settings")
struct LoadTests {
    @Test("A file that was named and is not there is a warning, unless settings come from elsewhere")
    func namedFileIsMissing() throws {
        let path = "/nonexistent/typo.yaml"
        let loaded = try Settings.load(from: SettingsSources(file: path))
        #expect(loaded.warnings == ["the settings file \(path) is not there: all defaults stand"])
        for sources in [
            SettingsSources(), SettingsSources(file: path, environment: ["STUND_REALM": "a"]),
            SettingsSources(file: path, flags: ["realm": "a"]),
        ] {
            #expect(try Settings.load(from: sources).warnings.isEmpty)
        }
    }

    @Test("Flags stand above the environment, that above the file, that above the defaults")
    func precedence() throws {
        let file = "log-level: 1\nlog-rows: 11\nhttp-port: 8081\n"
        let environment = ["STUND_LOG_LEVEL": "2", "STUND_LOG_ROWS": "12"]
        let loaded = try #require(try load(file, environment: environment, flags: ["log-level": "3"]).loaded)
        #expect(loaded.settings.logLevel == 3)
        #expect(loaded.settings.logRows == 12)
        #expect(loaded.settings.httpPort == 8081)
        #expect(loaded.settings.statisticsRows == 100)
        #expect(loaded.origins["log-level"] == .flag("--log-level"))
        #expect(loaded.origins["log-rows"] == .environment("STUND_LOG_ROWS"))
        #expect(loaded.origins["http-port"] == .file(loaded.file, line: 3))
        #expect(loaded.origins["statistics-rows"] == .default)
        #expect(Set(loaded.origins.keys) == Set(Settings.keys.map(\.name)))
        #expect(loaded.keysInFile == 3)
    }

    @Test("A wrong line is refused even where a flag hides it")
    func hiddenFault() throws {
        #expect(try load("log-level: 10\n", flags: ["log-level": "3"]).complaint.hasPrefix("stund.yaml:1: log-level"))
    }

    @Test("A missing file means the defaults")
    func missingFile() throws {
        let folder = try TemporaryFolder()
        let loaded = try #require(load(path: folder.path + "/stund.yaml").loaded)
        #expect(loaded.settings == Settings() && !loaded.fileExists && loaded.keysInFile == 0)
        #expect(SettingsSources().file == "stund.yaml")
    }

    @Test(
        "An empty file means the defaults",
        arguments: ["", "\n\n", "# only a comment", "---\n", "---\n...\n", "\u{FEFF}", "{}\n", "%YAML 1.1\n---\n"]
    )
    func emptyFile(_ content: String) throws {
        let outcome = try load(content)
        #expect(outcome.settings == Settings(), "\(outcome.complaint)")
        #expect(outcome.loaded?.fileExists == true && outcome.loaded?.keysInFile == 0)
    }

    @Test("The ways YAML writes a list and a quoted text")
    func yamlForms() throws {
        let content = """
            \u{FEFF}# comment *with* *many* *words* *in* *stars* *and* *some* *more* *of* *them*
            "log-level": "8"   # trailing
            http-port: '8080'
            address:
              - 192.0.2.1
              - "2001:db8::1"
            rate-limit-exempt: [192.0.2.0/24,
              # a comment inside
              198.51.100.0/24]
            other-stun-servers: |
              a.example
              b.example:99
            stun-port-2-reads: off

            """
        let outcome = try load(content)
        let settings = try #require(outcome.settings, "\(outcome.complaint)")
        #expect(settings.logLevel == 8 && settings.httpPort == 8080 && !settings.stunPort2Reads)
        #expect(settings.address.map(\.description) == ["192.0.2.1", "2001:db8::1"])
        #expect(settings.rateLimitExempt.map(\.description) == ["192.0.2.0/24", "198.51.100.0/24"])
        #expect(settings.otherStunServers.map(\.host) == ["a.example", "b.example"])
        #expect(settings.otherStunServers.map(\.port) == [3478, 99])
        #expect(try load(content.replacingOccurrences(of: "\n", with: "\r\n")).settings == settings)
    }

    @Test("Settings that contradict each other are refused")
    func contradictions() throws {
        #expect(
            try load("stun-port-1: 3479\n").complaint
                == "stund.yaml:1: stun-port-1 and stun-port-2 are both 3479: they must differ (stun-port-2 is the default)"
        )
        #expect(
            try load("stun-port-1: 5\n", flags: ["stun-port-2": "5"]).complaint
                == "--stun-port-2: stun-port-1 and stun-port-2 are both 5: they must differ (stun-port-1 comes from stund.yaml:1)"
        )
        #expect(
            try load("address: 192.0.2.1\nsecond-address: 192.0.2.1\n").complaint
                == "stund.yaml:2: address and second-address are both 192.0.2.1: they must differ (address comes from stund.yaml:1)"
        )
        #expect(
            try load("address: 2001:db8::1\nsecond-address: 192.0.2.1\n").complaint.contains(
                "second-address has the IPv4 address 192.0.2.1, and address has no IPv4 address to go with it"
            )
        )
        #expect(try load("second-address: 127.0.0.2\n").settings?.secondAddress == [IPAddress(v4: 0x7F00_0002)])
    }

    @Test("A password hash is refused for the reason that its maker tells, wherever it comes from")
    func refusedHash() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", "# one\nhttp-password-hash: from-file\n")
        var sources = SettingsSources(
            file: path,
            environment: ["STUND_HTTP_PASSWORD_HASH": "from-environment"],
            flags: ["http-password-hash": "from-flag"],
            faultOfPasswordHash: { $0 == "right" ? nil : "is \($0.utf8.count) bytes long" }
        )
        let error = try #require(throws: SettingsError.self) { try Settings.load(from: sources) }
        for (origin, length) in [("\(path):2", 9), ("STUND_HTTP_PASSWORD_HASH", 16), ("--http-password-hash", 9)] {
            let start = "\(origin): http-password-hash: the value is \(length) bytes long; allowed: a scrypt hash"
            #expect(error.description.contains(start), "\(error)")
        }
        sources.environment = [:]
        sources.flags = ["http-password-hash": "right"]
        #expect(throws: SettingsError.self) { try Settings.load(from: sources) }
        _ = try folder.file("stund.yaml", "http-password-hash: right\n")
        #expect(try Settings.load(from: sources).settings.httpPasswordHash == "right")
    }

    @Test("A file with a password hash that others can read brings a warning")
    func readableHash() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", "http-password-hash: $scrypt$x\n")
        for (mode, warnings) in [(0o600, 0), (0o640, 1), (0o604, 1)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(load(path: path).loaded?.warnings.count == warnings)
        }
    }
}

@Suite("Environment variables")
struct EnvironmentTests {
    @Test("An unknown variable is refused with the nearest name")
    func unknown() throws {
        #expect(
            try load("", environment: ["STUND_STUN_PROT_1": "1"]).complaint
                == "STUND_STUN_PROT_1: unknown variable \"STUND_STUN_PROT_1\" (did you mean \"STUND_STUN_PORT_1\"?)"
        )
        #expect(
            try load("", environment: ["STUND_HTTP_PASWORD": "x"]).complaint.hasSuffix(
                "(did you mean \"STUND_HTTP_PASSWORD\"?)"
            )
        )
        #expect(try load("", environment: ["STUND_XYZ": "1"]).complaint.hasSuffix("unknown variable \"STUND_XYZ\""))
    }

    @Test("The password and variables of others are left alone")
    func known() throws {
        let sources = SettingsSources(
            file: "/nonexistent/stund.yaml",
            environment: ["STUND_HTTP_PASSWORD": "x", "PATH": "/bin", "STUNDX": "1"]
        )
        #expect(try Settings.load(from: sources).settings == Settings())
    }

    @Test("The variables of the start scripts of 2002 are no settings")
    func manual() throws {
        let variables = ["STUND_OPTS": "-no_daemon", "START_STUND": "yes", "STUND_VERSION": "snom_stund-2.0"]
        #expect(try load("", environment: variables).settings == Settings())
    }

    @Test("What Kubernetes and Docker set for a service called stund is no setting")
    func serviceLinks() throws {
        let links = [
            "STUND_SERVICE_HOST": "10.0.0.1", "STUND_SERVICE_PORT": "3478", "STUND_SERVICE_PORT_STUN": "3478",
            "STUND_PORT": "udp://10.0.0.1:3478", "STUND_PORT_3478_UDP": "udp://10.0.0.1:3478",
            "STUND_PORT_3478_UDP_PROTO": "udp", "STUND_PORT_3478_UDP_PORT": "3478",
            "STUND_PORT_3478_UDP_ADDR": "10.0.0.1", "STUND_EDGE_PORT_3478_UDP_ADDR": "10.0.0.1",
        ]
        #expect(try load("", environment: links).settings == Settings())
    }

    @Test("A flag is called by the name it was typed with")
    func flagSpelling() throws {
        let sources = SettingsSources(
            file: "/nonexistent/stund.yaml",
            flags: ["log-level": "12"],
            flagSpellings: ["log-level": "--log"]
        )
        do throws(SettingsError) {
            _ = try Settings.load(from: sources)
            Issue.record("level 12 was accepted")
        } catch {
            #expect(error.description == "--log: log-level: \"12\" is too high; allowed: a whole number from 0 to 9")
        }
    }
}
