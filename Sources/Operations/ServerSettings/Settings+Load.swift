import Configuration
import Synchronization

/// Where settings are read from.
public struct SettingsSources: Sendable {
    /// The name of the settings file when none is given.
    public static let defaultFile = "stund.yaml"

    /// The path of the settings file.
    public var file: String
    /// The environment of the process.
    public var environment: [String: String]
    /// The values of command line flags by setting key, such as `["log-level": "8"]`.
    public var flags: [String: String]
    /// How a flag was spelled, by setting key, where that is not `--<key>`: used in messages.
    public var flagSpellings: [String: String]
    /// Tells why a text is no password hash that can be used, to complete "the value ..."; nil when it is one.
    ///
    /// What makes a hash is known to those who compute it, not to the settings.
    public var faultOfPasswordHash: @Sendable (String) -> String?

    /// Names the sources; a nil `file` stands for `defaultFile`.
    public init(
        file: String? = nil,
        environment: [String: String] = [:],
        flags: [String: String] = [:],
        flagSpellings: [String: String] = [:],
        faultOfPasswordHash: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.file = file ?? Self.defaultFile
        self.environment = environment
        self.flags = flags
        self.flagSpellings = flagSpellings
        self.faultOfPasswordHash = faultOfPasswordHash
    }
}

/// Settings that were read and found right, and where each came from.
public struct LoadedSettings: Sendable {
    /// The settings.
    public let settings: Settings
    /// The path of the settings file.
    public let file: String
    /// Whether the settings file exists; when it does not, the defaults stand.
    public let fileExists: Bool
    /// How many settings the file holds.
    public let keysInFile: Int
    /// Where each setting came from, by key; every key is in it.
    public let origins: [String: SettingOrigin]
    /// Sentences about what is allowed but unwise.
    public let warnings: [String]
}

extension Settings {
    /// Reads settings: flags stand above the environment, that above the file, that above the defaults.
    ///
    /// Each source must be right by itself: a wrong line of the file is refused even when a flag hides it.
    /// - Throws: Everything that was found wrong, up to a limit.
    public static func load(from sources: SettingsSources) throws(SettingsError) -> LoadedSettings {
        let content = try FileAccess.read(sources.file)
        return try load(
            SettingsDocument(content?.bytes ?? [], path: sources.file),
            exists: content != nil,
            mode: content?.mode ?? 0,
            from: sources
        )
    }

    /// What `load(from:)` would give if the settings file were `document`.
    static func load(
        _ document: SettingsDocument,
        exists: Bool,
        mode: UInt32,
        from sources: SettingsSources
    ) throws(SettingsError) -> LoadedSettings {
        let file = SettingsLayer(document, faultOfPasswordHash: sources.faultOfPasswordHash)
        let environment = SettingsLayer(environmentOf: sources)
        let flags = SettingsLayer(flagsOf: sources)
        var problems = file.problems
        problems.append(contentsOf: environment.problems)
        problems.append(contentsOf: flags.problems)
        if let error = SettingsError(problems) { throw error }

        let (settings, origins) = try resolve([flags, environment, file])
        if let problem = settings.contradiction(origins: origins) { throw SettingsError(problem) }
        return LoadedSettings(
            settings: settings,
            file: sources.file,
            fileExists: exists,
            keysInFile: document.entries.count,
            origins: origins,
            warnings: (exists ? [] : warnings(ofMissing: sources, origins))
                + warnings(file: file, mode: mode, path: sources.file) + settings.turnWarnings
        )
    }

    /// Merges layers, the strongest first.
    private static func resolve(
        _ layers: [SettingsLayer]
    ) throws(SettingsError) -> (Settings, [String: SettingOrigin]) {
        let recorder = SupplierRecorder()
        let reader = ConfigReader(providers: layers.map(\.provider), accessReporter: recorder)
        var settings = Settings()
        var origins: [String: SettingOrigin] = [:]
        for key in keys {
            origins[key.name] = .default
            guard let text = reader.string(forKey: ConfigKey([key.name]), isSecret: key.isSecret) else { continue }
            let origin = recorder.supplier.flatMap { layers[$0].origins[key.name] } ?? .default
            origins[key.name] = origin
            do throws(InvalidValue) {
                try key.apply(text, to: &settings)
            } catch {
                throw SettingsError(.init(origin, key: key.name, "\(key.name): \(key.complaint(about: text) ?? "")"))
            }
        }
        return (settings, origins)
    }

    /// A file that was named and is not there may be a mistyped name, unless the settings come from elsewhere.
    private static func warnings(ofMissing sources: SettingsSources, _ origins: [String: SettingOrigin]) -> [String] {
        guard sources.file != SettingsSources.defaultFile, origins.values.allSatisfy({ $0 == .default }) else {
            return []
        }
        return ["the settings file \(printable(sources.file, quotes: false)) is not there: all defaults stand"]
    }

    private static func warnings(file: SettingsLayer, mode: UInt32, path: String) -> [String] {
        let names = keys.filter { $0.isSecret && file.values[$0.name].map { !$0.isEmpty } == true }.map(\.name)
        guard !names.isEmpty, mode & 0o044 != 0 else { return [] }
        return [
            """
            \(printable(path, quotes: false)) holds secrets (\(names.joined(separator: ", "))) and other users can read it: \
            run chmod 600 on it
            """
        ]
    }
}

/// Hears from swift-configuration which of its providers the last value came from.
private final class SupplierRecorder: AccessReporter {
    private let last = Mutex<Int?>(nil)

    /// The number of the provider, in the order of the reader; nil when none had the value.
    var supplier: Int? { last.withLock { $0 } }

    func report(_ event: AccessEvent) {
        let index = event.providerResults.firstIndex { result in
            guard case .success(let lookup) = result.result else { return false }
            return lookup.value != nil
        }
        last.withLock { $0 = index }
    }
}
