/// What is known of a user name or an address: how it stands now, and why its requests were refused.
public struct Explanation: Codable, Hashable, Sendable {
    /// One thing that is known now.
    public struct Finding: Codable, Hashable, Sendable {
        /// What it is about, in a word or two: `user`, `timed credential`, `quota`, `as a peer`.
        public var topic: String
        /// What is so, in one sentence.
        public var text: String
        /// What to do about it; nil when nothing is wrong.
        public var cure: String?

        /// Makes a finding.
        public init(_ topic: String, _ text: String, cure: String? = nil) {
            self.topic = topic
            self.text = text
            self.cure = cure
        }
    }

    /// One request that was refused, and how often the client repeated it.
    public struct Refusal: Codable, Hashable, Sendable {
        /// The time in GMT, of several times the last, such as `2002-08-13T15:30:48.000Z`.
        public var time: String
        /// How often it was refused.
        public var count: Int
        /// The client's address and port.
        public var client: String
        /// The user name that the request gave, with what is no text as `\xNN`; nil when it gave none.
        public var user: String?
        /// The realm that the request gave, when it is known.
        public var realm: String?
        /// The method, such as `Allocate`.
        public var method: String
        /// The error code that the client was told.
        public var code: Int
        /// Why, with the exact facts.
        public var cause: String
        /// What to do about it.
        public var cure: String

        /// Makes a refusal.
        public init(
            time: String,
            count: Int = 1,
            client: String,
            user: String?,
            realm: String?,
            method: String,
            code: Int,
            cause: String,
            cure: String
        ) {
            self.time = time
            self.count = count
            self.client = client
            self.user = user
            self.realm = realm
            self.method = method
            self.code = code
            self.cause = cause
            self.cure = cure
        }
    }

    /// What was asked about.
    public var subject: String
    /// What is known now.
    public var findings: [Finding]
    /// The sessions of the user, or from the address, newest first.
    public var sessions: [SessionsReport.Row]
    /// The requests that were refused, the newest first.
    public var refusals: [Refusal]

    /// Makes an explanation.
    public init(subject: String, findings: [Finding], sessions: [SessionsReport.Row], refusals: [Refusal]) {
        self.subject = subject
        self.findings = findings
        self.sessions = sessions
        self.refusals = refusals
    }
}

extension Explanation {
    /// What the first finding is about when the question was whether somebody reaches a peer.
    public static let answerTopic = "answer"

    /// How many sessions and refusals are shown to a person.
    private static let shown = 10

    /// The explanation for a terminal; ends with a line end.
    public var text: String {
        var lines = [TerminalText.oneLine(subject)]
        for finding in findings {
            lines.append("  \(finding.topic): \(TerminalText.oneLine(finding.text))")
            if let cure = finding.cure { lines.append("    -> \(TerminalText.oneLine(cure))") }
        }
        lines += [""] + sessionLines + [""] + refusalLines
        return lines.joined(separator: "\n") + "\n"
    }

    private var sessionLines: [String] {
        guard !sessions.isEmpty else { return ["No session now."] }
        return [HumanText.count(sessions.count, "session") + " now (see `stund sessions`):"]
            + sessions.prefix(Self.shown).map { row in
                let relays = row.relays.joined(separator: " and ")
                let traffic =
                    HumanText.bytes(row.toPeers.bytes) + " to peers, "
                    + HumanText.bytes(row.toClient.bytes) + " to the client"
                let name = row.user == subject ? "" : " \(TerminalText.oneLine(row.user))"
                return "  \(row.id)\(name) from \(row.client), relay \(relays), \(traffic)"
            }
    }

    private var refusalLines: [String] {
        guard !refusals.isEmpty else { return ["No refused request is remembered."] }
        var lines = ["Refused requests, the newest first:"]
        for refusal in refusals.prefix(Self.shown) {
            var line = "  \(refusal.time)  \(refusal.method) from \(refusal.client): \(refusal.code)"
            if let user = refusal.user, user != subject { line += ", user \(TerminalText.oneLine(user))" }
            if refusal.count > 1 { line += " (\(refusal.count) times)" }
            lines += [
                line, "    " + TerminalText.oneLine(refusal.cause), "    -> " + TerminalText.oneLine(refusal.cure),
            ]
        }
        let left = refusals.count - Self.shown
        if left > 0 { lines.append("  and \(left) more: --json shows them") }
        return lines
    }
}
