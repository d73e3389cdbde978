import Addresses
import STUNAuthentication
import STUNCodec

/// An allocation (RFC 8656 section 3.2): what a client holds at this server, identified by its 5-tuple.
struct Allocation: Sendable {
    /// A number that no other allocation of this server had.
    let serial: UInt64
    /// The 5-tuple: the client's address, ours, and the socket between them.
    var flow: ClientFlow
    /// Who allocated it; nobody else may use it (441).
    var user: UserID
    /// The name of the user's realm.
    var realm: String
    /// The name as the client wrote it, for those who run the server.
    var username: String
    /// The quotas of the user, shared by all workers.
    var account: Account
    /// When it ends unless it is refreshed: when the longer-lived of its relay sockets does.
    var expires: Instant {
        max(v4?.expires ?? .start, v6?.expires ?? .start)
    }
    /// When it began.
    var began: Instant
    /// When it last relayed a packet.
    var lastRelayed: Instant
    /// Whether its relay sockets are for TCP (RFC 6062): no datagram goes through them, and no channel is bound.
    var relaysTCP = false
    /// The relay socket of each family.
    var v4: Relay?
    /// The relay socket of IPv6.
    var v6: Relay?
    /// The answer to the Allocate request that made it, so that a retransmission is answered in the same words.
    var answer: AllocateAnswer
    /// The first permission in `AllocationTable.permissions`.
    var firstPermission: Int32 = -1
    /// The first channel in `AllocationTable.channels`.
    var firstChannel: Int32 = -1
    /// How many permissions there are.
    var permissionCount = 0
    /// How many channels there are.
    var channelCount = 0
    /// The first TCP connection in `PeerConnectionTable`.
    var firstConnection: Int32 = -1
    /// How many TCP connections there are.
    var connectionCount = 0
    /// Its place in `AllocationTable.mirrors`; -1 for all but mirrors.
    var mirror: Int32 = -1
    /// What was relayed.
    var traffic = Traffic()
    /// The part of `traffic` that the account and the statistics have been told.
    var reported = Traffic()
    /// Whether the user's bytes of the month are used up.
    var isOverQuota = false
    /// Whether the place in the table is in use.
    var isLive = true

    /// A relay socket, the address that peers see, and its own time: a dual allocation is refreshed as a whole or by
    /// family (RFC 8656 section 8).
    struct Relay: Sendable {
        let id: RelayID
        let address: SocketAddress
        var expires: Instant
    }

    /// The relay socket of a family.
    func relay(_ family: IPAddress.Family) -> Relay? { family == .v4 ? v4 : v6 }

    /// The relay socket of a family while its time is not up.
    func relay(_ family: IPAddress.Family, at now: Instant) -> Relay? {
        guard let relay = relay(family), relay.expires > now else { return nil }
        return relay
    }

    /// Gives a relay socket, or both, a new time; one whose time is up stays as it is, also before it has been closed.
    mutating func setExpiry(_ expires: Instant, of family: IPAddress.Family?, now: Instant) {
        if family != .v6, relay(.v4, at: now) != nil { v4?.expires = expires }
        if family != .v4, relay(.v6, at: now) != nil { v6?.expires = expires }
    }
}

/// What an Allocate request was answered with (RFC 8656 section 7.2).
struct AllocateAnswer: Sendable {
    let transactionID: TransactionID
    let lifetime: UInt32
    let token: UInt64?
    /// Which family of the two that ADDITIONAL-ADDRESS-FAMILY asks for could not be had, and why.
    let missing: AddressErrorCode?
}

/// Packets and bytes of application data in both directions.
public struct Traffic: Sendable, Equatable {
    /// Datagrams relayed from the client to peers.
    public internal(set) var packetsToPeers: UInt64 = 0
    /// Their bytes, without any header.
    public internal(set) var bytesToPeers: UInt64 = 0
    /// Datagrams relayed from peers to the client.
    public internal(set) var packetsToClient: UInt64 = 0
    /// Their bytes, without any header.
    public internal(set) var bytesToClient: UInt64 = 0

    /// Nothing relayed.
    public init() {}

    /// Datagrams in both directions.
    public var packets: UInt64 { packetsToPeers &+ packetsToClient }
    /// Bytes in both directions.
    public var bytes: UInt64 { bytesToPeers &+ bytesToClient }

    mutating func countToPeer(_ bytes: Int) {
        packetsToPeers &+= 1
        bytesToPeers &+= UInt64(truncatingIfNeeded: bytes)
    }

    mutating func countToClient(_ bytes: Int) {
        packetsToClient &+= 1
        bytesToClient &+= UInt64(truncatingIfNeeded: bytes)
    }

    mutating func add(_ other: Traffic) {
        packetsToPeers &+= other.packetsToPeers
        bytesToPeers &+= other.bytesToPeers
        packetsToClient &+= other.packetsToClient
        bytesToClient &+= other.bytesToClient
    }
}

/// A permission (RFC 8656 section 9): peers of one IP address may send to the client, and it to them.
struct Permission: Sendable {
    let address: IPAddress
    var expires: Instant
    /// How many channels refer to it; it stays in memory as long as one does.
    var channels: UInt16 = 0
    /// Whether each packet's port must be looked at: the address is one of ours.
    var isOurs: Bool
    /// Whether the rules forbid the address since they were changed.
    var isRevoked = false
    var next: Int32 = -1

    func isLive(_ now: Instant) -> Bool { expires > now && !isRevoked }
}

/// A channel binding (RFC 8656 section 12).
struct Channel: Sendable {
    let number: UInt16
    /// The peer as the client names it.
    let peer: SocketAddress
    var expires: Instant
    /// The permission of the peer's address in `AllocationTable.permissions`.
    let permission: Int32
    /// Whether a packet may go to the peer only while an allocation has its port, which is on our own relay address.
    var needsAllocation: Bool
    /// Whether the rules forbid the peer since they were changed.
    var isRevoked = false
    var next: Int32 = -1

    func isLive(_ now: Instant) -> Bool { expires > now }
}
