public import Addresses
import STUNAuthentication

/// Which of the TURN drafts before RFC 5766 a client speaks.
public enum MirrorDraft: UInt8, Sendable, CaseIterable {
    /// draft-rosenberg-midcom-turn-00 (2001): the 32-bit dialect, one peer, raw data.
    case draft00
    /// draft-rosenberg-midcom-turn-01 (2003): one peer, raw data, a shared secret, the cookie of the drafts.
    case draft01
    /// draft-rosenberg-midcom-turn-08 (2005): Send, Data Indication, Set Active Destination.
    case draft08

    /// The name in statistics, and what stands in the place of a realm: `turn-00`.
    public var name: String {
        switch self {
        case .draft00: "turn-00"
        case .draft01: "turn-01"
        case .draft08: "turn-08"
        }
    }
}

/// Who may have mirrors, and how many; part of `TURNPolicy`.
///
/// Draft -00 has no credential that a server could check, and the secrets of the others are handed out to everybody, so the
/// client's address is all there is.
public struct MirrorPolicy: Sendable, Equatable {
    /// The clients.
    public var clients: [IPPrefix] = []
    /// How many mirrors all clients may have.
    public var total = 256
    /// How many one client may have: an IPv4 address or an IPv6 /64.
    public var perClient = 8
    /// Whether draft -00 is answered, which has no secret.
    public var isDraft00 = true
    /// Whether requests are of draft -01 that could as well be of -08.
    public var isDraft01 = false

    /// Nobody may have one.
    public init() {}

    /// Whether a client may keep a mirror that it has.
    func allows(_ client: IPAddress, _ draft: MirrorDraft) -> Bool {
        (draft != .draft00 || isDraft00) && allows(client)
    }

    func allows(_ client: IPAddress) -> Bool {
        for prefix in clients where prefix.contains(client) { return true }
        return false
    }
}

/// The name and password that a mirror was made with, which its later requests must have.
struct MirrorSecret: Sendable {
    let name: OneTimeSecrets.Text
    let password: OneTimeSecrets.Text
}

/// What makes an allocation a mirror: raw data between a client and one peer.
struct MirrorState: Sendable {
    let draft: MirrorDraft
    /// How long it lasts without a packet, in seconds.
    var lifetime: UInt32
    /// The peer that raw data goes to and comes from.
    var destination: SocketAddress?
    /// Of drafts -01 and -08.
    var secret: MirrorSecret?
    /// The peer that becomes `destination` when `settles` has come (draft -08 section 7.5); raw data has none until then.
    var nextDestination: SocketAddress?
    var settles = Instant.start
    /// Where the client is reached from the mirror port itself, once it has asked that port (chapter 1.4 of the manual).
    var clientAtPort: SocketAddress?
    /// The first of the client's ports that has asked, where that is another one: whoever forges the client's address may have asked too, and
    /// what the client sends shows which of them is its own.
    var otherAtPort: SocketAddress?
    /// Whether the settings do not allow it any more.
    var isForbidden = false
    var next: Int32 = -1

    /// Whether what the client sends may be data, whatever it looks like.
    var carriesData: Bool { clientAtPort == nil && (destination != nil || nextDestination != nil) }

    /// Remembers that a port of the client's address has asked the mirror's port: data goes to the last one.
    mutating func ask(from sender: SocketAddress) {
        guard let last = clientAtPort, last != sender else {
            clientAtPort = sender
            return
        }
        if otherAtPort == nil || otherAtPort == sender { otherAtPort = last }
        clientAtPort = sender
    }

    /// Whether a sender has asked the mirror's port, or another one before the last.
    func hasAsked(_ sender: SocketAddress) -> Bool { sender == clientAtPort || sender == otherAtPort }

    /// Ends the transition to another destination when its time has come.
    mutating func settle(_ now: Instant) {
        guard let next = nextDestination, now >= settles else { return }
        destination = next
        nextDestination = nil
    }
}

extension MirrorState: SlabElement {}

extension AccountKey {
    /// The key of a client without a name: an IPv4 address or an IPv6 /64.
    ///
    /// Those of users are hashes, so none of them is such a number.
    init(mirrorClient address: IPAddress) {
        let isV4 = address.family == .v4
        self.init(high: isV4 ? UInt64(address.v4Bits) : address.high, low: 0x6D69_7272_6F72_0000 | (isV4 ? 4 : 6))
    }
}
