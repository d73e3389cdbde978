public import Addresses

/// An allocation as those who run the server see it.
public struct Session: Sendable {
    /// A number that no other allocation of this server had; each worker counts for itself.
    public let serial: UInt64
    /// The user's name as the client wrote it.
    public let username: String
    /// The name of the user's realm.
    public let realm: String
    /// The client's 5-tuple.
    public let flow: ClientFlow
    /// The IPv4 address that peers see.
    public let relayV4: SocketAddress?
    /// The IPv6 address that peers see.
    public let relayV6: SocketAddress?
    /// What was relayed.
    public let traffic: Traffic
    /// How long it has lasted, in seconds.
    public let age: UInt64
    /// When it ends unless it is refreshed, in seconds from now; 0 when it has ended.
    public let expiresIn: UInt64
    /// How many permissions it has.
    public let permissionCount: Int
    /// How many channels it has.
    public let channelCount: Int
    /// Whether it relays TCP connections and no datagrams.
    public internal(set) var relaysTCP = false
    /// How many connections with peers it has.
    public internal(set) var connectionCount = 0
    /// Which draft a mirror was made by; nil for all other allocations.
    public internal(set) var mirror: MirrorDraft?
}

/// How far a connection with a peer is.
public enum ConnectionStage: Sendable {
    /// The peer has not answered yet.
    case connecting
    /// It is there, and waits for the client's connection.
    case waiting
    /// It is one with the client's connection.
    case bound
}

/// A session with the peers that it may exchange packets with.
public struct SessionDetail: Sendable {
    /// The session.
    public let session: Session
    /// The addresses that have a live permission, with the seconds that it still lasts.
    public let permissions: [(address: IPAddress, expiresIn: UInt64)]
    /// The live channels, with the seconds that they still last.
    public let channels: [(number: UInt16, peer: SocketAddress, expiresIn: UInt64)]
    /// Its TCP connections with peers (RFC 6062).
    public let connections: [(peer: SocketAddress, stage: ConnectionStage)]

    /// Joins the parts.
    public init(
        session: Session,
        permissions: [(address: IPAddress, expiresIn: UInt64)] = [],
        channels: [(number: UInt16, peer: SocketAddress, expiresIn: UInt64)] = [],
        connections: [(peer: SocketAddress, stage: ConnectionStage)] = []
    ) {
        self.session = session
        self.permissions = permissions
        self.channels = channels
        self.connections = connections
    }
}

/// Why an allocation ended.
public enum EndReason: String, Sendable, CaseIterable {
    /// Its lifetime was over and no refresh came.
    case expired
    /// The client deleted it: Refresh with a lifetime of zero.
    case deleted
    /// An operator ended it.
    case disconnected
    /// The client's connection was closed, or its session over DTLS ended.
    case connectionClosed
    /// The settings do not allow it any more.
    case forbidden
    /// The server stopped.
    case stopped
}

/// What happened to allocations; taken out by the runtime once a batch.
public enum Effect: Sendable {
    /// An allocation was made.
    case allocated(Session)
    /// The request for an allocation came again and was answered as before.
    case repeated(Session)
    /// A mirror has got its peer.
    case locked(Session, SocketAddress)
    /// An allocation ended.
    case ended(Session, EndReason)
}
