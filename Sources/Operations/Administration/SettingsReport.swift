/// All settings as a person sees and changes them.
public struct SettingsReport: Codable, Hashable, Sendable {
    /// One setting.
    public struct Field: Codable, Hashable, Sendable {
        /// The name in the settings file.
        public var name: String
        /// The group it belongs to, such as `listening`.
        public var group: String
        /// What it does.
        public var help: String
        /// What may be written.
        public var allowed: String
        /// The words that may be written, where there are few: `on` and `off`, or a choice; else empty.
        public var choices: [String]
        /// The value that is in force, as it would be written; empty for a secret.
        public var value: String
        /// Whether it has a value; for secrets, whose value is not told.
        public var isSet: Bool
        /// The default as it would be written; empty when the default is "nothing".
        public var defaultValue: String
        /// A value other than the default.
        public var example: String
        /// Where the value comes from: `default`, `stund.yaml:3`, `STUND_LOG_LEVEL` or `--log-level`.
        public var origin: String
        /// Whether a flag or the environment fixes it, so that a change of the file would do nothing.
        public var isFixed: Bool
        /// Whether a change takes effect only when the server starts again.
        public var needsRestart: Bool
        /// Whether it has been changed and waits for the next start.
        public var isPending: Bool
        /// Whether its value is never shown.
        public var isSecret: Bool

        /// Joins the facts.
        public init(
            name: String,
            group: String,
            help: String,
            allowed: String,
            choices: [String],
            value: String,
            isSet: Bool,
            defaultValue: String,
            example: String,
            origin: String,
            isFixed: Bool,
            needsRestart: Bool,
            isPending: Bool,
            isSecret: Bool
        ) {
            self.name = name
            self.group = group
            self.help = help
            self.allowed = allowed
            self.choices = choices
            self.value = value
            self.isSet = isSet
            self.defaultValue = defaultValue
            self.example = example
            self.origin = origin
            self.isFixed = isFixed
            self.needsRestart = needsRestart
            self.isPending = isPending
            self.isSecret = isSecret
        }
    }

    /// The settings file.
    public var file: String
    /// The settings: those of the manual of 2002 first, in its order.
    public var fields: [Field]
    /// What is wrong with the file as it is now, when it was changed by hand; the settings in force are older then.
    public var problems: [String]

    /// Joins the facts.
    public init(file: String, fields: [Field], problems: [String]) {
        self.file = file
        self.fields = fields
        self.problems = problems
    }
}

/// New values of settings.
public struct SettingsChange: Codable, Hashable, Sendable {
    /// By name the text to write; nil takes the setting out of the file, which gives it its default.
    public var values: [String: String?]

    /// Names the values.
    public init(_ values: [String: String?]) { self.values = values }
}

/// What a change of settings does, before or after it is done.
public struct SettingsPreview: Codable, Hashable, Sendable {
    /// One setting that changes.
    public struct Row: Codable, Hashable, Sendable {
        /// The name.
        public var key: String
        /// The text in the file now; nil when it is not there.
        ///
        /// Of a secret only `(set)`.
        public var before: String?
        /// The text afterwards; nil when it is taken out.
        ///
        /// Of a secret only `(set)`.
        public var after: String?
        /// Whether it takes effect only when the server starts again.
        public var needsRestart: Bool

        /// Joins the facts.
        public init(key: String, before: String?, after: String?, needsRestart: Bool) {
            self.key = key
            self.before = before
            self.after = after
            self.needsRestart = needsRestart
        }
    }

    /// What changes; empty when nothing does.
    public var rows: [Row]
    /// The lines of the file that change, each with `-`, `+` or a space before it; secrets as `(hidden)`.
    public var fileDiff: [String]
    /// Sentences about what is allowed but unwise.
    public var warnings: [String]

    /// Joins the facts.
    public init(rows: [Row], fileDiff: [String], warnings: [String]) {
        self.rows = rows
        self.fileDiff = fileDiff
        self.warnings = warnings
    }
}

/// Why a change of settings is refused; nothing was changed.
public struct SettingsRefusal: Error, Hashable, Codable, CustomStringConvertible {
    /// One reason.
    public struct Problem: Codable, Hashable, Sendable {
        /// The setting; nil when it is about the whole file.
        public var key: String?
        /// What is wrong, and what is allowed.
        public var message: String

        /// Names a reason.
        public init(key: String?, _ message: String) {
            self.key = key
            self.message = message
        }
    }

    /// The reasons, at least one.
    public var problems: [Problem]

    /// Names the reasons.
    public init(_ problems: [Problem]) { self.problems = problems }

    /// One line for each reason.
    public var description: String { problems.map(\.message).joined(separator: "\n") }
}

/// A change of settings that was made.
public struct SettingsHistoryEntry: Codable, Hashable, Sendable {
    /// Its number; later changes have higher ones.
    public var id: Int64
    /// When it was, in GMT, such as `2002-08-13T15:30:48Z`.
    public var time: String
    /// Who made it; nil for a change that was made with an editor.
    public var by: Operator?
    /// What changed.
    public var rows: [SettingsPreview.Row]

    /// Joins the facts.
    public init(id: Int64, time: String, by: Operator?, rows: [SettingsPreview.Row]) {
        self.id = id
        self.time = time
        self.by = by
        self.rows = rows
    }
}
