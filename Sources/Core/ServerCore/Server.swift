public import Addresses
import ClusterCore
public import STUNCodec

/// The decisions of a STUN and TURN server: bytes in, a verdict out.
///
/// Has no sockets, no clock, no randomness of its own, no log.
///
/// A value that one worker owns. Answers are written over the request, relayed data stays where it is; nothing here
/// allocates for a packet. Only Allocate, CreatePermission and ChannelBind requests that succeed take memory.
public struct Server: Sendable {
    /// What it may do; replaced whole between two datagrams.
    public var policy: Policy {
        didSet { adopt(policy, replacing: oldValue) }
    }
    /// What it has done.
    public internal(set) var counters = Counters()
    /// The last sources.
    public internal(set) var sources: SourceTable
    /// Whether the last datagram was a request with a wrong length that was processed all the same (message 1008).
    public internal(set) var hadWrongLength = false
    /// Whether the last datagram had attributes that must be understood and are not (message 1010).
    public internal(set) var hadUnknownAttribute = false
    /// Whether the last datagram was refused since no other server is healthy that could answer it (message 1014).
    public internal(set) var lackedOtherServer = false
    /// The number that tells most about why the last datagram was dropped or refused: the unknown attribute, the unknown
    /// address family, else the first 16 bits, which are its message type.
    public internal(set) var detail: UInt16 = 0

    /// The refusal of the last datagram, if it was a TURN request that was refused; not for the normal first 401.
    public internal(set) var refused: RefusedRequest?

    /// Whether new allocations are refused, since the server is about to stop; all that lives goes on.
    public var isDraining = false
    /// The other servers; nil when none are configured.
    var cluster: Cluster?

    var bindingLimiter: RateLimiter
    var challengeLimiter: RateLimiter
    var table: AllocationTable
    var wheel = TimerWheel()
    /// The TCP connections of allocations with peers.
    var connections = PeerConnectionTable()
    /// The number of the worker that owns this server, in the CONNECTION-ID of its connections.
    var worker: UInt8
    var effects: [Effect] = []
    /// Requests whose data has left and whose answer has not.
    var unansweredSends: [UnansweredSend] = []
    /// The name that the request being handled gives.
    var username = NameBytes()
    /// How many clients were sent to other servers: takes turns among those that are loaded alike.
    var redirections: UInt64 = 0
    /// How many allocations were made.
    var serial: UInt64 = 0
    var nextReport = Instant.start
    /// What the packet path needs of the policy.
    var rules: RelayRules
    /// With whom relays may exchange datagrams: those of the policy, where a look at them copies nothing else of it.
    var peers: PeerRules
    let ledger: AccountLedger
    var transactionIDs: TransactionIDGenerator
    private let seed: UInt64
    private var clock = (monotonic: Instant.start, unixMilliseconds: UInt64(0))

    /// Makes a server.
    ///
    /// - `seed`: must be random, so that nobody can foresee which addresses share a bucket.
    /// - `indicationSeed`: another random number, from which the transaction ids of Data indications are made.
    /// - `ledger`: the accounts of users, which all workers share.
    /// - `worker`: which of the workers owns it: the high bits of every CONNECTION-ID.
    public init(
        policy: Policy,
        seed: UInt64,
        indicationSeed: UInt64 = 0,
        ledger: AccountLedger = AccountLedger(capacity: 1024),
        worker: UInt8 = 0
    ) {
        self.policy = policy
        self.seed = seed
        transactionIDs = TransactionIDGenerator(indicationSeed, seed)
        self.ledger = ledger
        self.worker = worker
        rules = RelayRules(policy.turn)
        peers = policy.turn?.peers ?? .none
        table = AllocationTable(seed: seed)
        sources = SourceTable(capacity: policy.statisticsRows, seed: seed)
        bindingLimiter = RateLimiter(policy.bindingRate, seed: seed)
        challengeLimiter = RateLimiter(policy.challengeRate, seed: ~seed)
    }

    /// Decides on one datagram of a client; after any verdict but `drop` the packet is what is to be sent.
    public mutating func receive(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        hadWrongLength = false
        hadUnknownAttribute = false
        lackedOtherServer = false
        if refused != nil { refused = nil }
        detail = packet.count >= 2 ? packet.bytes.uint16(at: 0) : 0
        guard flow.source.isAnswerable else { return drop(.unanswerableSource) }
        if table.mirrors.count > 0,
            let verdict = relayFromMirrorClient(&packet, from: flow, now: now, ports: ports)
        {
            return verdict
        }
        switch Demultiplexer.classify(packet.bytes) {
        case .channelData:
            guard rules.isOn, rules.acceptsChannel(detail) else {
                return drop(.notSTUN, from: flow, now: now)
            }
            return relayChannelData(&packet, from: flow, now: now, ports: ports)
        case .notSTUN:
            if SealedDatagram.isMeant(packet.bytes), !flow.transport.isConnected {
                // No error of a client: another server may ask before this worker has heard of any.
                guard let trust = cluster?.trust else { return drop(.clusterStranger) }
                return receiveSealed(&packet, with: trust, from: flow, now: now)
            }
            return drop(.notSTUN, from: flow, now: now)
        case .wrongLength where !flow.transport.isConnected:
            hadWrongLength = true
            counters.countReceived(.classic)
            let request = BindingRequest(Message(salvaging: packet.bytes))
            return handleBinding(request, over: &packet, from: flow, now: now)
        case .wrongLength: return drop(.notSTUN, from: flow, now: now)
        case .message(let dialect):
            counters.countReceived(dialect)
            return receive(dialect, &packet, from: flow, now: now, ports: &ports)
        }
    }

    private mutating func receive(
        _ dialect: Dialect,
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        let type = MessageType(rawValue: packet.bytes.uint16(at: 0))
        // TURN has no older form (RFC 8656 section 5).
        if dialect == .cookie, rules.isOn {
            switch (type.messageClass, type.method) {
            case (.request, .allocate), (.request, .refresh), (.request, .createPermission), (.request, .channelBind),
                (.request, .connect), (.request, .connectionBind):
                return handleTURN(type.method, &packet, from: flow, now: now, ports: &ports)
            case (.indication, .send):
                return relaySend(&packet, from: flow, now: now, ports: ports)
            default: break
            }
        }
        if dialect != .cookie, flow.transport.isConnected {
            return receiveClassic(type, dialect, &packet, from: flow, now: now)
        }
        if rules.takesMirrors, dialect != .cookie {
            if dialect == .rosenberg, type == .draftAllocate {
                return handleDraftAllocate(&packet, from: flow, now: now, ports: &ports)
            }
            if dialect == .classic, MirrorRequest.isMeant(packet.bytes) {
                return handleMirrorRequest(&packet, from: flow, now: now, ports: &ports)
            }
        }
        let request: BindingRequest
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: dialect)
            // Answering a response would let two servers, or one forged packet, start a loop (attacks row 29).
            switch type.messageClass {
            case .success, .error: return drop(.response, from: flow, now: now)
            case .indication: return dropIndication(type, dialect, from: flow, now: now)
            case .request: break
            }
            guard type.method == .binding || type.method == .sharedSecret && dialect == .classic else {
                return drop(.unknownMethod, from: flow, now: now)
            }
            request = BindingRequest(message)
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        return type.method == .binding
            ? handleBinding(request, over: &packet, from: flow, now: now)
            : handleSharedSecret(request, over: &packet, from: flow, now: now)
    }

    /// A Binding indication keeps a NAT's port open (RFC 8489 section 6.1): a hit, not an error.
    private mutating func dropIndication(
        _ type: MessageType,
        _ dialect: Dialect,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        guard type.method == .binding else { return drop(.unknownMethod, from: flow, now: now) }
        sources.count(.noChange, dialect, from: flow, now: now)
        return drop(.indication)
    }

    /// Counts a datagram that was sent to a broadcast or multicast address; it is never answered.
    public mutating func refuseGroupDatagram() { counters.countDropped(.groupDestination) }

    /// Counts a peer's datagram that is larger than the server takes.
    public mutating func refuseCutDatagram() { counters.countDropped(.tooLarge) }

    /// Forgets the statistics' sources.
    public mutating func clearSources() { sources.removeAll() }

    /// Says what the wall clock shows at a moment of the other clock.
    mutating func setClock(_ now: Instant, unixMilliseconds: UInt64) { clock = (now, unixMilliseconds) }

    /// The seconds since 1970 at a moment.
    func unixSeconds(at now: Instant) -> UInt64 { unixMilliseconds(at: now) / 1000 }

    /// The milliseconds since 1970 at a moment.
    func unixMilliseconds(at now: Instant) -> UInt64 {
        clock.unixMilliseconds &+ now.nanoseconds(since: clock.monotonic) / 1_000_000
    }

    mutating func drop(_ reason: DropReason) -> Verdict {
        counters.countDropped(reason)
        return .drop(reason)
    }

    /// Drops a message and counts it as an error of its source.
    mutating func drop(_ reason: DropReason, from flow: ClientFlow, now: Instant) -> Verdict {
        sources.count(.error, from: flow.source, now: now)
        return drop(reason)
    }

    /// Takes a success answer to a stranger from its address's rate.
    mutating func mayGrant(_ flow: ClientFlow, now: Instant) -> Bool {
        isExempt(flow)
            || bindingLimiter.take(flow.source.address, isConnected: flow.transport.isConnected, now: now)
    }

    /// Takes an error answer to a stranger from its address's rate.
    mutating func mayRefuse(_ flow: ClientFlow, now: Instant) -> Bool {
        isExempt(flow)
            || challengeLimiter.take(flow.source.address, isConnected: flow.transport.isConnected, now: now)
    }

    /// Takes the beginning of a session from the rate of error answers: a handshake takes as much time as very many of them.
    ///
    /// The client has shown that it receives at its address.
    public mutating func mayBeginSession(from flow: ClientFlow, now: Instant) -> Bool {
        isExempt(flow) || challengeLimiter.take(flow.source.address, isConnected: true, now: now)
    }

    /// Whether no rate limit holds for the source.
    func isExempt(_ flow: ClientFlow) -> Bool {
        for prefix in policy.rateLimitExempt where prefix.contains(flow.source.address) { return true }
        return false
    }

    /// Takes on what a new policy changes in memory: buckets and rows are kept where their sizes stay the same.
    private mutating func adopt(_ new: Policy, replacing old: Policy) {
        if new.bindingRate != old.bindingRate { bindingLimiter = RateLimiter(new.bindingRate, seed: seed) }
        if new.challengeRate != old.challengeRate { challengeLimiter = RateLimiter(new.challengeRate, seed: ~seed) }
        if new.statisticsRows != old.statisticsRows {
            sources = sources.resized(to: new.statisticsRows, seed: seed)
        }
        rules = RelayRules(new.turn)
        peers = new.turn?.peers ?? .none
        if let turn = new.turn { revokeForbidden(by: turn) }
        if table.mirrors.count > 0 { endForbiddenMirrors(new.turn?.mirror) }
        // Whoever had used up a quota may go on at once when it is larger now, and the other way round.
        if new.turn?.quotas != old.turn?.quotas { nextReport = .start }
    }
}

extension SocketAddress {
    /// Whether an answer can be sent there: a whole unicast address and port (forged sources need not be).
    public var isAnswerable: Bool {
        guard port != 0, !address.isUnspecified else { return false }
        switch address.family {
        // Multicast, reserved and broadcast: 224.0.0.0/3.
        case .v4: return address.v4Bits < 0xE000_0000
        case .v6: return address.high >> 56 != 0xFF
        }
    }
}
