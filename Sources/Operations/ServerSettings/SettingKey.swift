/// What may be written as the value of a setting.
public enum SettingKind: Sendable, Equatable {
    /// A whole number in decimal digits.
    case integer(ClosedRange<Int>)
    /// `auto` or a whole number.
    case autoOrInteger(ClosedRange<Int>)
    /// `on` or `off`.
    case onOff
    /// One of these words.
    case choice([String])
    /// Any number of these, separated by spaces; in the file a YAML list too.
    case list(String)
    /// A text, described in words.
    case text(String, mayBeEmpty: Bool)

    /// What is allowed, as error messages and the reference say it.
    public var allowed: String {
        switch self {
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .autoOrInteger(let range): "auto, or a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .onOff: "on or off (also true, false, yes, no)"
        case .choice(let words): words.joined(separator: " or ")
        case .list(let items): items
        case .text(let words, _): words
        }
    }

    /// The words that may be written, where there are few; else empty.
    public var choices: [String] {
        switch self {
        case .onOff: ["on", "off"]
        case .choice(let words): words
        default: []
        }
    }

    /// Whether `key:` with nothing after it is a value.
    var mayBeEmpty: Bool {
        switch self {
        case .list: true
        case .text(_, let mayBeEmpty): mayBeEmpty
        default: false
        }
    }

    /// Whether a YAML list is a value.
    var takesList: Bool {
        if case .list = self { true } else { false }
    }
}

/// One setting: its name, what it means, what is allowed, its default, and how its text becomes a value.
public struct SettingKey: Sendable {
    /// The name in the settings file, in kebab case; command line flags use it too.
    public let name: String
    /// What may be written.
    public let kind: SettingKind
    /// One or two sentences: what the setting does.
    public let help: String
    /// A value other than the default.
    public let example: String
    /// Whether a running server takes a new value only when it is started again.
    public let needsRestart: Bool
    /// Whether the value must not be printed.
    public let isSecret: Bool
    /// The group it belongs to, such as `listening`.
    public private(set) var group = ""

    private let assign: @Sendable (String, inout Settings) throws(InvalidValue) -> Void
    private let read: @Sendable (Settings) -> String

    init<Value>(
        _ name: String,
        _ property: any WritableKeyPath<Settings, Value> & Sendable,
        _ syntax: SettingSyntax<Value>,
        example: String,
        needsRestart: Bool = false,
        isSecret: Bool = false,
        help: String
    ) {
        self.name = name
        self.kind = syntax.kind
        self.help = help
        self.example = example
        self.needsRestart = needsRestart
        self.isSecret = isSecret
        assign = { (text, settings) throws(InvalidValue) in settings[keyPath: property] = try syntax.parse(text) }
        read = { settings in syntax.format(settings[keyPath: property]) }
    }

    /// The same key in a group.
    func inGroup(_ name: String) -> SettingKey {
        var key = self
        key.group = name
        return key
    }

    /// The environment variable: `STUND_STUN_PORT_1` for `stun-port-1`.
    public var environmentName: String {
        EnvironmentNames.prefix + name.uppercased().split(separator: "-").joined(separator: "_")
    }

    /// The default as it would be written; empty when the default is "nothing".
    public var defaultText: String { text(in: Settings()) }

    /// The value that `settings` has for this key, as it would be written.
    public func text(in settings: Settings) -> String { read(settings) }

    /// Reads `text` and stores the value; an error leaves `settings` as they were.
    func apply(_ text: String, to settings: inout Settings) throws(InvalidValue) {
        try assign(text, &settings)
    }

    /// What is wrong with `text` as a value, in words; nil when it is right.
    func complaint(about text: String) -> String? {
        var scratch = Settings()
        do throws(InvalidValue) {
            try apply(text, to: &scratch)
            return nil
        } catch {
            let value = isSecret ? "the value" : printable(error.item ?? text)
            return "\(value) \(error.reason); allowed: \(kind.allowed)"
        }
    }
}
