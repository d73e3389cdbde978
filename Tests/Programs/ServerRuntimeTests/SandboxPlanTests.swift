// Unsafe: a terminal is opened by pointers.

import Foundation
import Glibc
import PacketEngine
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("Which files a server needs after its start")
struct SandboxPlanTests {
    @Test("it writes in the folders of state, settings and log, and follows the links of a certificate")
    func places() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Settings()
        settings.logFile = folder + "/log/stund.log"
        settings.tlsCertificate = folder + "/live/chain.pem"
        let plan = try Self.plan(settings, folder)
        for place in ["/settings", "/settings/stund.yaml.d", "/log"] {
            #expect(plan.writing.contains(folder + place), "\(plan.writing)")
        }
        for place in ["/live", "/archive"] {
            #expect(plan.reading.contains(folder + place) && !plan.writing.contains(folder + place))
        }
        for place in ["/", "/root", "/home", "/dev"] { #expect(!plan.reading.contains(place)) }
        // What is looked at once more after the start: entropy, and where output goes that nobody wants.
        #expect(plan.reading.contains("/dev/urandom") && plan.devices.contains("/dev/null"))
    }

    @Test(
        "a settings file or log among files of others is told, with where to put it; in a folder of its own it is not"
    )
    func shared() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try Self.plan(Settings(), folder).warnings.isEmpty)
        guard geteuid() == 0 else { return }
        func warnings(_ file: String, log: String? = nil) throws -> [String] {
            var settings = Settings()
            settings.logFile = log
            let paths = try StatePaths(settingsFile: file, environment: ["STATE_DIRECTORY": folder])
            return SandboxPlan(settings, settingsFile: file, paths: paths).warnings
        }
        #expect(
            try warnings("/etc/stund.yaml") == [
                "the sandbox leaves all of /etc to the server, as the settings file is there; give it a folder of its own, such "
                    + "as /etc/stund"
            ]
        )
        #expect(try warnings("/stund.yaml").first?.contains("all of / to the server") == true)
        #expect(try warnings("/root/stund.yaml").first?.hasSuffix("such as /root/stund") == true)
        #expect(try warnings("/etc/stund.yaml", log: "/etc/stund.log").count == 1)
        #expect(
            try warnings(folder + "/stund.yaml", log: "/var/stund.log").first?.contains("log-file is there") == true
        )
        #expect(try warnings(folder + "/stund.yaml", log: "/var/log/stund.log").isEmpty)
        // The folder of a link is written too.
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/linked.yaml",
            withDestinationPath: "/etc/stund.yaml"
        )
        #expect(try warnings(folder + "/linked.yaml").count == 1)
    }

    @Test(
        "the terminal that the log goes to can be opened anew, as a log that must not wait does it",
        .enabled(if: ProcessSandbox.landlockVersion != nil, "needs a kernel with Landlock")
    )
    func terminal() async {
        await #expect(processExitsWith: .success) {
            let folder = try SandboxPlanTests.folder()
            let path = "/proc/self/fd/\(STDERR_FILENO)"
            var (window, terminal): (Int32, Int32) = (-1, -1)
            let opened = unsafe openpty(&window, &terminal, nil, nil, nil)
            try #require(opened == 0 && dup2(terminal, STDERR_FILENO) >= 0)
            let plan = try SandboxPlanTests.plan(Settings(), folder)
            try FileManager.default.removeItem(atPath: folder)
            try ProcessSandbox.holdFiles(reading: plan.reading, writing: plan.writing + plan.devices)
            let again = unsafe open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)
            #expect(again >= 0, "error \(errno)")
            let another = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
            #expect(another < 0)
        }
    }

    @Test("of a log that is a link both folders are written; of a device nothing but itself, and never /dev or /proc")
    func logs() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Settings()
        settings.logFile = folder + "/live/stund.log"
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/live/stund.log",
            withDestinationPath: "../log/one.log"
        )
        let linked = try Self.plan(settings, folder)
        #expect(linked.writing.contains(folder + "/live") && linked.writing.contains(folder + "/log"))
        for file in ["/dev/null", "/dev/stdout", "/dev/stderr"] {
            settings.logFile = file
            let plan = try Self.plan(settings, folder)
            #expect(!plan.writing.contains("/dev") && !plan.writing.contains { $0.hasSuffix("/fd") }, "\(plan.writing)")
        }
    }

    @Test("settings that need other files wait for the next start")
    func refusals() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let plan = try Self.plan(Settings(), folder)
        var settings = Settings()
        #expect(plan.refusal(of: settings, insteadOf: Settings()) == nil)
        for (file, isTaken) in [
            (folder + "/settings/stund.log", true), (folder + "/settings/deeper/stund.log", true),
            (folder + "/log/stund.log", false), (folder + "/settings-else/stund.log", false),
            (folder + "/settings/../log/stund.log", false), ("/dev/null", true),
        ] {
            settings.logFile = file
            #expect((plan.refusal(of: settings, insteadOf: Settings()) == nil) == isTaken, "\(file)")
        }
        settings.logFile = nil
        for (file, isTaken) in [
            ("/etc/letsencrypt/live/a/fullchain.pem", true), (folder + "/settings/chain.pem", true),
            (folder + "/live/chain.pem", false),
        ] {
            settings.tlsCertificate = file
            #expect((plan.refusal(of: settings, insteadOf: Settings()) == nil) == isTaken, "\(file)")
        }
        #expect(plan.refusal(of: settings, insteadOf: settings) == nil)
        let refusal = plan.refusal(of: settings, insteadOf: Settings())
        #expect(refusal?.hasPrefix("tls-certificate: the server may no longer read") == true)
    }

    private static func plan(_ settings: Settings, _ folder: String) throws -> SandboxPlan {
        let file = folder + "/settings/stund.yaml"
        return SandboxPlan(settings, settingsFile: file, paths: try StatePaths(settingsFile: file, environment: [:]))
    }

    private static func folder() throws -> String {
        let files = FileManager.default
        let folder = files.temporaryDirectory.resolvingSymlinksInPath().path + "/stund-plan-\(UUID().uuidString)"
        for name in ["settings/stund.yaml.d", "log", "live", "archive"] {
            try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        _ = files.createFile(atPath: folder + "/archive/one.pem", contents: nil)
        try files.createSymbolicLink(atPath: folder + "/live/chain.pem", withDestinationPath: "../archive/one.pem")
        return folder
    }
}
