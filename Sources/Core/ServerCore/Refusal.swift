public import Addresses
public import STUNAuthentication
public import STUNCodec

/// Why a TURN request was refused: the exact cause, where the wire carries only a number.
///
/// The words for people, and the cure, are made by those who show it.
public enum Refusal: Equatable, Sendable {
    /// The credential (400, 401 and 438): see there.
    case authentication(AuthenticationRefusal)
    /// 400: an unauthenticated request of fewer than 28 bytes, which can be none of TURN's.
    case tooShort(bytes: Int)
    /// 400: an attribute that cannot be read.
    case malformed(AttributeType)
    /// 400: an attribute that the request needs.
    case missing(AttributeType)
    /// 400: two attributes that exclude each other.
    case conflict(AttributeType, AttributeType)
    /// 400: a method of TURN that this server does not know.
    case unknownMethod(Method)
    /// 420: the first attribute that must be understood and is not.
    case unknownAttribute(AttributeType)
    /// 437: no allocation belongs to the client's address.
    case noAllocation
    /// 437: the allocation relays TCP and a channel was asked for, or datagrams and a connection.
    case otherTransport
    /// 437: the client's address has an allocation already.
    case allocationExists
    /// 441: the allocation is another user's.
    case otherUser
    /// 400: TCP relaying was asked for over UDP or DTLS, which only clients on TCP or TLS can have.
    case needsStream
    /// 400: no connection with a peer waits under this CONNECTION-ID.
    case unknownConnection
    /// 446: the allocation has a connection with this peer, or is about to.
    case connectionExists(SocketAddress)
    /// 447: no TCP connection with the peer came about.
    case connectFailed(SocketAddress)
    /// 508: the allocation has as many TCP connections as it may have.
    case connectionLimit(Int)
    /// 442: a transport protocol, by its IANA number, that is not relayed: UDP (17) is, and TCP (6) where it is allowed.
    case transport(UInt8)
    /// 440: an address family, by its number in STUN, that this server does not relay.
    case addressFamily(UInt8)
    /// 443: the allocation has no relay address of the peer's, or of the refreshed, family.
    case peerFamily(UInt8)
    /// 403: the rules forbid the peer.
    case peer(SocketAddress, PeerRule)
    /// 403: the client's own address belongs to a tunnel.
    case client(PeerRule)
    /// 400: a channel number outside the range.
    case channelNumber(UInt16)
    /// 400: the channel is bound to another peer.
    case channelTaken(UInt16, by: SocketAddress)
    /// 400: the peer is bound to another channel.
    case peerTaken(SocketAddress, by: UInt16)
    /// 508: the allocation has as many permissions as it may have.
    case permissionLimit(Int)
    /// 508: the allocation has as many channels as it may have.
    case channelLimit(Int)
    /// 486: the user has as many allocations as one user may have.
    case userAllocations(Int)
    /// 403: the client's address may have no mirror.
    case mirrorClient
    /// 486: the client has as many mirrors as one client may have.
    case mirrorsOfClient(Int)
    /// 508: there are as many mirrors as there may be.
    case mirrors(Int)
    /// 401, 430 to 432 and 441: the shared secret of a mirror's request, by the number that says what is wrong with it.
    case sharedSecret(ErrorCode)
    /// 439: a mirror changes its destination, which takes 3 seconds.
    case transitioning
    /// 440: the destination that a mirror shall have was not sent to, and has not sent.
    case noDestination(SocketAddress)
    /// 486: the user's bytes of this month are used up.
    case monthlyBytes(UInt64)
    /// 508: the server has as many allocations as it may have.
    case serverAllocations(Int)
    /// 508: it would take more memory than all allocations may take, in bytes.
    case memory(Int)
    /// 508: no relay socket could be opened.
    case relayPort(RelayPortError)
    /// 300: another server takes new allocations in our stead.
    case redirected(Redirection)
    /// 508: the server is about to stop, and no other one is there to take new allocations.
    case draining

    /// The number that the wire carries.
    public var errorCode: ErrorCode {
        switch self {
        case .authentication(let refusal): refusal.errorCode
        case .tooShort, .malformed, .missing, .conflict, .unknownMethod, .channelNumber, .channelTaken, .peerTaken,
            .needsStream, .unknownConnection:
            .badRequest
        case .unknownAttribute: .unknownAttribute
        case .noAllocation, .allocationExists, .otherTransport: .allocationMismatch
        case .otherUser: .wrongCredentials
        case .sharedSecret(let code): code
        case .transitioning: .transitioning
        case .noDestination: .addressFamilyNotSupported
        case .transport: .unsupportedTransport
        case .addressFamily, .relayPort(.familyMissing): .addressFamilyNotSupported
        case .peerFamily: .peerAddressFamilyMismatch
        case .peer, .client, .mirrorClient: .forbidden
        case .userAllocations, .monthlyBytes, .mirrorsOfClient: .allocationQuotaReached
        case .connectionExists: .connectionAlreadyExists
        case .connectFailed: .connectionTimeoutOrFailure
        case .permissionLimit, .channelLimit, .connectionLimit, .serverAllocations, .memory, .relayPort, .draining,
            .mirrors:
            .insufficientCapacity
        case .redirected: .tryAlternate
        }
    }
}

/// The refusal of one request with what tells whose it was.
public struct RefusedRequest: Sendable {
    /// The method that was refused.
    public let method: Method
    /// Why.
    public let refusal: Refusal
    /// What the request gave as the user's name, if anything.
    public let username: NameBytes
    /// The realm in which it was refused; nil when its own is none of ours.
    public let realm: String?
}

/// The first bytes of a name as it stood in a message: kept in fixed memory, whatever they are.
public struct NameBytes: Sendable, Equatable {
    /// How many bytes are kept at most.
    public static var capacity: Int { 64 }
    private var bytes = InlineArray<64, UInt8>(repeating: 0)
    /// How many bytes are kept.
    public private(set) var count = 0
    /// Whether the name was longer.
    public private(set) var isCut = false

    /// No name.
    public init() {}

    /// The first bytes of a value.
    public init(_ value: RawSpan) {
        count = min(value.byteCount, Self.capacity)
        isCut = value.byteCount > Self.capacity
        for index in 0..<count { bytes[index] = value.uint8(at: index) }
    }

    /// The first bytes of a name.
    public init(_ name: String) {
        for byte in name.utf8.prefix(Self.capacity) {
            bytes[count] = byte
            count &+= 1
        }
        isCut = name.utf8.count > Self.capacity
    }

    /// The bytes.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span.extracting(first: count) }
    }

    /// The name as text, with what is not UTF-8 replaced.
    public var text: String {
        var list: [UInt8] = []
        for index in 0..<count { list.append(bytes[index]) }
        return String(decoding: list, as: UTF8.self)
    }

    /// Names are equal when their bytes are.
    public static func == (left: NameBytes, right: NameBytes) -> Bool {
        guard left.count == right.count, left.isCut == right.isCut else { return false }
        for index in 0..<left.count where left.bytes[index] != right.bytes[index] { return false }
        return true
    }
}
