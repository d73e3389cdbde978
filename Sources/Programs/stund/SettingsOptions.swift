import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// Which settings file is meant: an option of every command.
struct FileOption: ParsableArguments {
    @Option(help: ArgumentHelp("The settings file.", valueName: "file"))
    var config = SettingsSources.defaultFile

    /// The environment without what the program tells itself.
    static var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        environment[Readiness.variable] = nil
        return environment
    }

    /// Where a server with this file keeps its state and answers.
    func paths() throws(Failure) -> StatePaths {
        do {
            return try StatePaths(settingsFile: config, environment: Self.environment)
        } catch {
            throw Failure(error)
        }
    }
}

/// The settings that the command line can give: options of `serve` and `check`.
struct SettingsOptions: ParsableArguments {
    @OptionGroup var file: FileOption

    @Option(name: .customLong("log"), help: ArgumentHelp("The log level, 0 (urgent only) to 9.", valueName: "n"))
    var logLevel: String?

    @Option(name: .customLong("html-port"), help: ArgumentHelp("The port of the web console.", valueName: "n"))
    var httpPort: String?

    @Option(help: ArgumentHelp("Any other setting; may be repeated.", valueName: "key=value"))
    var set: [String] = []

    mutating func validate() throws {
        for text in set where !text.dropFirst().contains("=") {
            throw ValidationError("--set takes a key and a value, such as stun-port-1=3480, not \"\(text)\".")
        }
    }

    /// Why a text is no hash that this program can use; nil when it is one.
    @Sendable static func faultOfPasswordHash(_ text: String) -> String? {
        do throws(PasswordHashError) {
            _ = try PasswordHash(parsing: text)
            return nil
        } catch {
            return "can't be used: \(error)"
        }
    }

    /// Where settings come from, for `Settings.load`.
    func sources() -> SettingsSources {
        var flags: [String: String] = [:]
        var spellings: [String: String] = [:]
        for text in set {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = parts[0].map { $0 == "_" ? "-" : String($0) }.joined()
            flags[key] = parts.count > 1 ? parts[1] : ""
            spellings[key] = "--set \(key)"
        }
        for (key, spelling, value) in [("log-level", "--log", logLevel), ("http-port", "--html-port", httpPort)] {
            guard let value else { continue }
            flags[key] = value
            spellings[key] = spelling
        }
        return SettingsSources(
            file: file.config,
            environment: FileOption.environment,
            flags: flags,
            flagSpellings: spellings,
            faultOfPasswordHash: Self.faultOfPasswordHash
        )
    }
}
