/// How somebody wants a server to drain: it takes no new allocations, and those that live go on.
public struct DrainOrder: Codable, Hashable, Sendable {
    /// The longest time that a drain may be given, in seconds: thirty days.
    public static let longest = 30 * 86400

    /// Seconds after which it is over, whatever is left; nil means as long as an allocation is left.
    public var seconds: Int?
    /// Whether the server stays when it is over, drained; else its process ends.
    public var stays: Bool

    /// Joins the two.
    public init(seconds: Int? = nil, stays: Bool = false) {
        self.seconds = seconds
        self.stays = stays
    }
}

/// How a server stands that drains, has drained, or does not.
public struct DrainReport: Codable, Hashable, Sendable {
    /// What the server does.
    public enum State: String, Codable, Hashable, Sendable, CaseIterable {
        /// It takes new allocations.
        case serving
        /// It takes none, and some are left.
        case draining
        /// It takes none, and none is left.
        case drained
    }

    /// What the server does.
    public var state: State
    /// Since when it drains, in GMT, such as `2002-08-13T15:30:48Z`; nil when it does not.
    public var since: String?
    /// When it is over, whatever is left; nil when it has no end.
    public var until: String?
    /// How many allocations there are.
    public var allocations: Int
    /// Whether the server stays when it is over.
    public var stays: Bool

    /// Joins the parts.
    public init(
        state: State,
        since: String? = nil,
        until: String? = nil,
        allocations: Int,
        stays: Bool = false
    ) {
        self.state = state
        self.since = since
        self.until = until
        self.allocations = allocations
        self.stays = stays
    }

    /// How it stands, in sentences for a person.
    public var sentence: String {
        let left = allocations == 0 ? "no allocation is left" : "\(HumanText.count(allocations, "allocation")) left"
        switch state {
        case .serving: return "The server takes new allocations; it has \(HumanText.count(allocations, "allocation"))."
        case .drained: return "The server has drained since \(since ?? "") and takes no new allocations; it stays."
        case .draining:
            let end = until.map { "until \($0) at the latest" } ?? "as long as one is left"
            return "The server takes no new allocations since \(since ?? ""): \(left), \(end). Then it "
                + (stays ? "stays without any." : "ends.")
        }
    }
}
