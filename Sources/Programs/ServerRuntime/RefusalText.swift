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

extension AttributeType {
    /// The name in the RFCs, or the number.
    var words: String { Self.names[self] ?? "attribute \(hexadecimal(rawValue))" }

    private static let names: [AttributeType: String] = [
        .username: "USERNAME", .userHash: "USERHASH", .realm: "REALM", .nonce: "NONCE",
        .messageIntegrity: "MESSAGE-INTEGRITY", .messageIntegritySHA256: "MESSAGE-INTEGRITY-SHA256",
        .passwordAlgorithm: "PASSWORD-ALGORITHM", .passwordAlgorithms: "PASSWORD-ALGORITHMS",
        .channelNumber: "CHANNEL-NUMBER", .lifetime: "LIFETIME", .xorPeerAddress: "XOR-PEER-ADDRESS", .data: "DATA",
        .requestedAddressFamily: "REQUESTED-ADDRESS-FAMILY", .additionalAddressFamily: "ADDITIONAL-ADDRESS-FAMILY",
        .evenPort: "EVEN-PORT", .reservationToken: "RESERVATION-TOKEN", .requestedTransport: "REQUESTED-TRANSPORT",
        .dontFragment: "DONT-FRAGMENT", .changeRequest: "CHANGE-REQUEST", .padding: "PADDING",
        .responsePort: "RESPONSE-PORT", .icmp: "ICMP", .fingerprint: "FINGERPRINT",
        AttributeType(rawValue: 0x001B): "ACCESS-TOKEN", AttributeType(rawValue: 0x002A): "CONNECTION-ID",
        AttributeType(rawValue: 0x8030): "MOBILITY-TICKET",
    ]
}

extension Method {
    /// The name in the RFCs, or the number.
    var words: String {
        switch self {
        case .binding: "Binding"
        case .allocate: "Allocate"
        case .refresh: "Refresh"
        case .send: "Send"
        case .data: "Data"
        case .createPermission: "CreatePermission"
        case .channelBind: "ChannelBind"
        case .connect: "Connect"
        case .connectionBind: "ConnectionBind"
        default: "method \(hexadecimal(rawValue))"
        }
    }
}

/// `0x4000`.
func hexadecimal(_ number: UInt16) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
}
