import Foundation
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
        #expect(!plan.reading.contains("/") && !plan.reading.contains("/root") && !plan.reading.contains("/home"))
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
