/// Where a value comes from.
public enum SettingOrigin: Sendable, Hashable, CustomStringConvertible {
    /// Nobody set it.
    case `default`
    /// The settings file, with the line, or nil for the file as a whole.
    case file(String, line: Int?)
    /// The environment variable of this name.
    case environment(String)
    /// The command line flag of this spelling.
    case flag(String)

    /// `stund.yaml:3`, `STUND_LOG_LEVEL`, `--log-level` or `default`.
    public var description: String {
        switch self {
        case .default: "default"
        case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
        case .environment(let name): name
        case .flag(let spelling): spelling
        }
    }
}

/// Why settings are refused: every problem that was found, up to a limit.
public struct SettingsError: Error, Equatable, CustomStringConvertible {
    /// One problem.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// The place to mend.
        public let origin: SettingOrigin
        /// The setting, when the problem belongs to one.
        public let key: String?
        /// What is wrong, and what is allowed.
        public let message: String
        /// The valid name that is nearest to a name nobody knows.
        public let suggestion: String?

        init(_ origin: SettingOrigin, key: String? = nil, _ message: String, suggestion: String? = nil) {
            self.origin = origin
            self.key = key
            self.message = message
            self.suggestion = suggestion
        }

        /// One line, such as `stund.yaml:3: unknown setting "stun-prot-1" (did you mean "stun-port-1"?)`.
        public var description: String {
            "\(printable(origin.description, quotes: false, limit: 4096)): \(message)"
                + (suggestion.map { " (did you mean \"\($0)\"?)" } ?? "")
        }
    }

    /// How many problems are told at most.
    public static let limit = 20

    /// The first problems, at least one and at most `limit`.
    public private(set) var problems: [Problem]
    /// How many more there are.
    public private(set) var omitted: Int

    init(_ problem: Problem) {
        problems = [problem]
        omitted = 0
    }

    /// Makes an error of `list`; nil when it is empty.
    init?(_ list: ProblemList) {
        guard !list.problems.isEmpty else { return nil }
        problems = list.problems
        omitted = list.omitted
    }

    /// One line for each problem, ready to print.
    public var description: String {
        var lines = problems.map(\.description)
        if omitted > 0 { lines.append("and \(omitted) more") }
        return lines.joined(separator: "\n")
    }
}

/// Collects problems; a file full of nonsense costs no more than the first ones of it.
struct ProblemList {
    private(set) var problems: [SettingsError.Problem] = []
    private(set) var omitted = 0

    mutating func append(_ problem: @autoclosure () -> SettingsError.Problem) {
        if problems.count < SettingsError.limit { problems.append(problem()) } else { omitted &+= 1 }
    }

    mutating func append(contentsOf other: ProblemList) {
        for problem in other.problems { append(problem) }
        omitted &+= other.omitted
    }
}

/// `text` for a message: control characters escaped, so that no input can forge or colour a line, and cut when long.
func printable(_ text: String, quotes: Bool = true, limit: Int = 60) -> String {
    let scalars = text.unicodeScalars
    var result = quotes ? "\"" : ""
    for scalar in scalars.prefix(limit) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
        default: result.unicodeScalars.append(scalar)
        }
    }
    if scalars.dropFirst(limit).first != nil { result += "..." }
    return quotes ? result + "\"" : result
}
