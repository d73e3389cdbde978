public import Addresses

/// Which of the TURN drafts before RFC 5766 a client speaks.
public enum MirrorDraft: UInt8, Sendable, CaseIterable {
    /// draft-rosenberg-midcom-turn-00 (2001): the 32-bit dialect, one peer, raw data.
    case draft00

    /// The name in statistics, and what stands in the place of a realm: `turn-00`.
    public var name: String {
        switch self {
        case .draft00: "turn-00"
        }
    }
}

/// Who may have mirrors, and how many; part of `TURNPolicy`.
///
/// Draft -00 has no credential that a server could check, so the client's address is all there is.
public struct MirrorPolicy: Sendable, Equatable {
    /// The clients.
    public var clients: [IPPrefix] = []
    /// How many mirrors all clients may have.
    public var total = 256
    /// How many one client may have: an IPv4 address or an IPv6 /64.
    public var perClient = 8

    /// Nobody may have one.
    public init() {}

    func allows(_ client: IPAddress) -> Bool {
        for prefix in clients where prefix.contains(client) { return true }
        return false
    }
}

/// What makes an allocation a mirror: raw data between a client and one peer.
struct MirrorState: Sendable {
    let draft: MirrorDraft
    /// How long it lasts without a packet, in seconds.
    var lifetime: UInt32
    /// The peer that raw data goes to and comes from.
    var destination: SocketAddress?
    /// Where the client is reached from the mirror port itself, once it has asked that port (chapter 1.4 of the manual).
    var clientAtPort: SocketAddress?
    /// Whether the settings do not allow it any more.
    var isForbidden = false
    var next: Int32 = -1
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
