/// What somebody may do in the console.
public enum OperatorRole: String, Codable, CaseIterable, Sendable {
    /// See everything but secrets; change nothing.
    case viewer
    /// See and change everything.
    case admin
}

/// Who changes something, for the log and the history.
public struct Operator: Codable, Hashable, Sendable {
    /// How they came.
    public enum Way: String, Codable, Sendable {
        /// With a browser, logged in or by HTTP Basic.
        case console
        /// With an API token.
        case token
        /// With a `stund` command.
        case command
        /// On another server of the fleet.
        case fleet
    }

    /// The name that they logged in with; of a token its name.
    public var name: String
    /// What they may do.
    public var role: OperatorRole
    /// How they came.
    public var way: Way

    /// Names somebody.
    public init(name: String, role: OperatorRole, way: Way) {
        self.name = name
        self.role = role
        self.way = way
    }
}
