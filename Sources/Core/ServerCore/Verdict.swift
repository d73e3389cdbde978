public import Addresses
public import STUNCodec

/// What becomes of a datagram: at most one datagram leaves for each that came.
public enum Verdict: Equatable, Sendable {
    /// Nothing is sent.
    case drop(DropReason)
    /// The packet, now the answer, goes back to its sender from the address that was asked.
    case reply
    /// The packet, now the answer, leaves by another socket, or goes to another port of the sender's address.
    case replyFrom(SocketRole, toPort: UInt16?)
    /// The packet, now the answer to a client's request that another server has handed over, goes to the client by the
    /// socket of a role.
    case replyFor(SocketAddress, from: SocketRole)
    /// The packet, a client's request in an envelope or with RESPONSE-ADDRESS, goes from the address that was asked to
    /// another server; `peer` is its number in `ClusterPeer.id`.
    case handOver(to: SocketAddress, peer: UInt16)
    /// The packet, now the peer's or a mirror's client's, leaves by a relay socket; DF is set when asked for.
    case toPeer(SocketAddress, RelayID, dontFragment: Bool)
    /// The packet, now ChannelData or a Data indication, goes back along a client's 5-tuple.
    case toClient(ClientFlow)
    /// A TCP connection to a peer is to be made from a relayed address (RFC 6062 section 5.2): what became of it is told by
    /// `Server.peerConnected`, which writes the answer.
    case connect(SocketAddress, RelayID, ConnectionID)
    /// The packet, now the success answer to a ConnectionBind request, goes back; the client's connection that it came on is
    /// joined with a peer's, and carries no message any more (RFC 6062 section 5.4).
    case bound(ConnectionID)
    /// The packet, now a ConnectionAttempt indication, goes to a client; the connection that was accepted has this number
    /// (RFC 6062 section 5.3).
    case attempt(ConnectionID, ClientFlow)
}

/// Why a datagram is not answered.
///
/// The names are what statistics and metrics show.
public enum DropReason: Int, Sendable, CaseIterable {
    /// No dialect of STUN.
    case notSTUN
    /// A header and length that do not agree, or attributes that overrun the message.
    case malformed
    /// A success or error response: a server answers requests only, or two servers could keep each other busy.
    case response
    /// An indication: it wants no answer.
    case indication
    /// A method that this server does not know, or none that this dialect had.
    case unknownMethod
    /// FINGERPRINT is wrong or not the last attribute.
    case badFingerprint
    /// A draft's request with an attribute that must be understood and is not; later dialects are told by 420.
    case unknownAttribute
    /// An address of a family that is neither IPv4 nor IPv6.
    case unknownAddressFamily
    /// The drafts' flag that asks for no answer.
    case discardFlag
    /// The answer should come from another IP address, and there is none, nor another server that is healthy.
    case noOtherAddress
    /// The sender's address cannot be answered: unspecified, multicast, broadcast, or port 0.
    case unanswerableSource
    /// It was sent to a broadcast or multicast address: every worker, and every host there, would answer.
    case groupDestination
    /// The sender's prefix has used up its rate.
    case rateLimited
    /// The answer would be larger in relation to the request than unauthenticated answers may be.
    case amplification
    /// TURN: data without an allocation, for one whose time is up, or datagrams for one that relays TCP.
    case noAllocation
    /// TURN: ChannelData on a number that is not bound.
    case noChannel
    /// TURN: no live permission for the peer's address.
    case noPermission
    /// TURN: data for one of our own addresses where no allocation is, or from a listening socket or port 0.
    case peerForbidden
    /// TURN: the bandwidth, or the bytes of the month, are used up.
    case overQuota
    /// The datagram is larger than the server takes, or leaves no room for what must go with it.
    case tooLarge
    /// A datagram of the fleet that was not made with our `cluster-key`.
    case clusterForged
    /// A datagram of the fleet whose time is more than 5 s from our clock.
    case clusterStale
    /// A datagram of the fleet that was taken before, or so many that another could not be remembered.
    case clusterReplayed
    /// A datagram of the fleet from an address that `other-stun-servers` does not name.
    case clusterStranger
    /// A request that was handed over for one of the servers themselves, by ourselves, or to be handed on.
    case clusterLoop
    /// A request for a mirror from an address that may have none.
    case clientForbidden
    /// Data of a mirror's client while the mirror has no peer.
    case noDestination

    /// The name in statistics: lower case with dashes.
    public var name: String {
        switch self {
        case .notSTUN: "not-stun"
        case .malformed: "malformed"
        case .response: "response"
        case .indication: "indication"
        case .unknownMethod: "unknown-method"
        case .badFingerprint: "bad-fingerprint"
        case .unknownAttribute: "unknown-attribute"
        case .unknownAddressFamily: "unknown-address-family"
        case .discardFlag: "discard-flag"
        case .noOtherAddress: "no-other-address"
        case .unanswerableSource: "unanswerable-source"
        case .groupDestination: "group-destination"
        case .rateLimited: "rate-limited"
        case .amplification: "amplification"
        case .noAllocation: "no-allocation"
        case .noChannel: "no-channel"
        case .noPermission: "no-permission"
        case .peerForbidden: "peer-forbidden"
        case .overQuota: "over-quota"
        case .tooLarge: "too-large"
        case .clusterForged: "cluster-forged"
        case .clusterStale: "cluster-stale"
        case .clusterReplayed: "cluster-replayed"
        case .clusterStranger: "cluster-stranger"
        case .clusterLoop: "cluster-loop"
        case .clientForbidden: "client-forbidden"
        case .noDestination: "no-destination"
        }
    }
}
