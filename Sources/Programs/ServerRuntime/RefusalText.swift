import STUNAuthentication
import STUNCodec
import ServerCore

/// A refusal in words: what those who run the server read, and the client never.
struct RefusalText: Hashable {
    /// Why, in one sentence with the exact facts; begins in lower case, ends without a full stop.
    let cause: String
    /// What to do about it, in one sentence.
    let cure: String

    init(_ cause: String, cure: String) {
        self.cause = cause
        self.cure = cure
    }
}

/// What the words need to know of the server.
struct RefusalContext: Sendable {
    /// The names of the realms, the default one first.
    var realms: [String] = []
    /// The names of the secrets, those that are retired too.
    var secrets: [(name: String, isRetired: Bool)] = []
    /// How many users have a password.
    var users = 0
    /// Whether channel numbers up to 0x7FFE are accepted.
    var acceptsRFC5766Channels = false

    /// A server without TURN.
    init() {}

    init(_ turn: TURNPolicy) {
        let book = turn.authenticator.book
        realms = book.realms.map(\.name)
        secrets = book.secrets.map { ($0.name, $0.state == .retired) }
        users = book.userCount
        acceptsRFC5766Channels = turn.acceptsRFC5766Channels
    }

    /// The names in quotes, with commas: `"a", "b"`.
    static func list(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }

    /// The secrets whose credentials are accepted.
    var currentSecrets: [String] { secrets.filter { !$0.isRetired }.map(\.name) }

}
