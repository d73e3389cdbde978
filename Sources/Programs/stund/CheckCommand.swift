import ArgumentParser
import Foundation
import ServerRuntime
import ServerSettings

/// `stund check`: reads the settings as the server would, without starting it.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the settings without starting, and show what would be used and from where."
    )

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let paths = try options.file.paths()
        if options.file.config != SettingsSources.defaultFile { try StorePlace(options.file).expectSettings() }
        do {
            let loaded = try Settings.load(from: options.sources())
            let listeners = try LiveServer.preview(loaded.settings)
            let obstacles = LiveServer.obstacles(loaded.settings) + StartObstacles(loaded).found.map(\.sentence)
            let limits = try LiveServer.limitWarnings(loaded.settings)
            let report = CheckReport(
                loaded,
                paths,
                listeners: listeners,
                certificate: CertificatePreview(loaded.settings),
                limits: limits,
                obstacles: obstacles
            )
            print(report.text, terminator: "")
            if !obstacles.isEmpty { throw ExitCode(ExitStatus.osError.rawValue) }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error)
        }
    }
}

/// What `stund check` prints.
struct CheckReport {
    let text: String

    init(
        _ loaded: LoadedSettings,
        _ paths: StatePaths,
        listeners: [String],
        certificate: CertificatePreview = .none,
        limits: [String] = [],
        obstacles: [String] = []
    ) {
        let rows = Settings.keys.map { key in
            let value = key.text(in: loaded.settings)
            return (
                key.name, key.isSecret && !value.isEmpty ? "(set)" : value,
                loaded.origins[key.name]?.description ?? ""
            )
        }
        let nameWidth = rows.map(\.0.count).max() ?? 0
        // One long list of addresses must not push every origin to the right.
        let valueWidth = min(rows.map(\.1.count).max() ?? 0, 30)
        var lines = rows.map { name, value, origin in
            Self.padded(name, nameWidth) + "  " + Self.padded(value, valueWidth) + "  " + origin
        }
        lines.append("")
        lines.append(
            "settings file   \(absolute(loaded.file))\(loaded.fileExists ? "" : " (not there: the defaults stand)")"
        )
        lines.append("state folder    \(absolute(paths.stateFolder))")
        lines.append("control socket  \(absolute(paths.controlSocket))")
        for (index, listener) in listeners.enumerated() {
            lines.append((index == 0 ? "would listen on " : "                ") + listener)
        }
        var warnings = loaded.warnings + limits
        if case .good(let sentence, let warning) = certificate {
            lines.append("certificate     \(sentence)")
            if let warning { warnings.append(warning) }
        }
        // One cause may be found at more than one place.
        var seen: Set<String> = []
        warnings = warnings.filter { seen.insert($0).inserted }
        for warning in warnings + obstacles { lines.append("warning: \(warning)") }
        lines.append(Self.verdict(warnings: warnings, obstacles: obstacles))
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func verdict(warnings: [String], obstacles: [String]) -> String {
        if !obstacles.isEmpty { return "The settings are right, but this host is not ready for them." }
        return warnings.isEmpty ? "The settings are right." : "The settings can be used."
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
