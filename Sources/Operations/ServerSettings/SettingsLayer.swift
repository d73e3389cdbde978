import Configuration

/// The values of one source, checked by themselves.
struct SettingsLayer {
    /// Right values by key.
    private(set) var values: [String: String] = [:]
    /// Where each value stands.
    private(set) var origins: [String: SettingOrigin] = [:]
    private(set) var problems = ProblemList()
    private let faultOfPasswordHash: @Sendable (String) -> String?

    /// What swift-configuration merges: keys and texts as they are, as the dashes in our names are no separators.
    ///
    /// The environment is given this way too, not by its own provider: the names were checked here already.
    var provider: any ConfigProvider {
        InMemoryProvider(
            values: Dictionary(
                uniqueKeysWithValues: values.map { name, text in
                    let isSecret = Settings.key(named: name)?.isSecret ?? false
                    return (AbsoluteConfigKey([name]), ConfigValue(.string(text), isSecret: isSecret))
                }
            )
        )
    }

    /// The settings file; without `faultOfPasswordHash` any hash is right, so that `stund password` can replace it.
    init(_ document: SettingsDocument, faultOfPasswordHash: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.faultOfPasswordHash = faultOfPasswordHash
        problems = document.problems
        for entry in document.entries {
            let origin = SettingOrigin.file(document.path, line: entry.line)
            guard let key = Settings.key(named: entry.key) else {
                refuseUnknown("setting", entry.key, at: origin, among: Settings.keys.map(\.name))
                continue
            }
            switch entry.value {
            case .list where !key.kind.takesList:
                refuse(key, at: origin, "takes one value, not a list; allowed: \(key.kind.allowed)")
            case .nothing where !key.kind.mayBeEmpty:
                refuse(key, at: origin, "has no value; allowed: \(key.kind.allowed)")
            default:
                add(key, entry.value.text, at: origin)
            }
        }
    }

    /// Variables that begin with `STUND_`.
    init(environmentOf sources: SettingsSources) {
        faultOfPasswordHash = sources.faultOfPasswordHash
        for name in EnvironmentNames.unknown(in: sources.environment) {
            refuseUnknown("variable", name, at: .environment(name), among: EnvironmentNames.suggestions)
        }
        for key in Settings.keys {
            guard let text = sources.environment[key.environmentName] else { continue }
            add(key, text, at: .environment(key.environmentName))
        }
    }

    /// Command line flags.
    init(flagsOf sources: SettingsSources) {
        faultOfPasswordHash = sources.faultOfPasswordHash
        for (name, text) in sources.flags.sorted(by: { $0.key < $1.key }) {
            let origin = SettingOrigin.flag(sources.flagSpellings[name] ?? "--\(name)")
            guard let key = Settings.key(named: name) else {
                refuseUnknown("setting", name, at: origin, among: Settings.keys.map(\.name))
                continue
            }
            add(key, text, at: origin)
        }
    }

    private mutating func add(_ key: SettingKey, _ text: String, at origin: SettingOrigin) {
        if let complaint = key.complaint(about: text) {
            refuse(key, at: origin, complaint)
        } else if key.name == "http-password-hash", let fault = faultOfPasswordHash(text) {
            refuse(key, at: origin, "the value \(fault); allowed: \(key.kind.allowed)")
        } else {
            values[key.name] = text
            origins[key.name] = origin
        }
    }

    private mutating func refuse(_ key: SettingKey, at origin: SettingOrigin, _ complaint: String) {
        problems.append(.init(origin, key: key.name, "\(key.name): \(complaint)"))
    }

    private mutating func refuseUnknown(_ what: String, _ name: String, at origin: SettingOrigin, among names: [String])
    {
        problems.append(
            .init(
                origin,
                key: name,
                "unknown \(what) \(printable(name))",
                suggestion: NearestName.of(name, in: names)
            )
        )
    }
}
