import Addresses
public import STUNCodec

/// The decisions of a STUN server: bytes in, a verdict out.
///
/// Has no sockets, no clock, no randomness of its own, no log.
///
/// A value that one worker owns. Answers are written over the request; nothing here allocates once it is made.
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
    public private(set) var hadWrongLength = false
    /// Whether the last datagram had attributes that must be understood and are not (message 1010).
    public internal(set) var hadUnknownAttribute = false
    /// The number that tells most about why the last datagram was dropped or refused: the unknown attribute, the unknown
    /// address family, else the first 16 bits, which are its message type.
    public internal(set) var detail: UInt16 = 0

    var bindingLimiter: RateLimiter
    var challengeLimiter: RateLimiter
    private let seed: UInt64

    /// Makes a server; `seed` must be random, so that nobody can foresee which addresses share a bucket.
    public init(policy: Policy, seed: UInt64) {
        self.policy = policy
        self.seed = seed
        sources = SourceTable(capacity: policy.statisticsRows, seed: seed)
        bindingLimiter = RateLimiter(policy.bindingRate, seed: seed)
        challengeLimiter = RateLimiter(policy.challengeRate, seed: ~seed)
    }

    /// Decides on one datagram; after `reply` or `replyFrom` the packet is the answer.
    public mutating func receive(_ packet: inout Packet, from flow: ClientFlow, now: Instant) -> Verdict {
        hadWrongLength = false
        hadUnknownAttribute = false
        detail = packet.count >= 2 ? packet.bytes.uint16(at: 0) : 0
        guard flow.source.isAnswerable else { return drop(.unanswerableSource) }
        switch Demultiplexer.classify(packet.bytes) {
        case .notSTUN, .channelData:
            return drop(.notSTUN, from: flow, now: now)
        case .wrongLength:
            hadWrongLength = true
            counters.countReceived(.classic)
            let request = BindingRequest(Message(salvaging: packet.bytes))
            return handleBinding(request, over: &packet, from: flow, now: now)
        case .message(let dialect):
            counters.countReceived(dialect)
            return receive(dialect, &packet, from: flow, now: now)
        }
    }

    private mutating func receive(
        _ dialect: Dialect,
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        let request: BindingRequest
        let type: MessageType
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: dialect)
            type = message.type
            // Answering a response would let two servers, or one forged packet, start a loop (attacks row 29).
            switch type.messageClass {
            case .success, .error: return drop(.response, from: flow, now: now)
            case .indication: return dropIndication(type, from: flow, now: now)
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
    private mutating func dropIndication(_ type: MessageType, from flow: ClientFlow, now: Instant) -> Verdict {
        guard type.method == .binding else { return drop(.unknownMethod, from: flow, now: now) }
        sources.count(.noChange, from: flow.source, now: now)
        return drop(.indication)
    }

    /// Counts a datagram that was sent to a broadcast or multicast address; it is never answered.
    public mutating func refuseGroupDatagram() { counters.countDropped(.groupDestination) }

    /// Forgets the statistics' sources.
    public mutating func clearSources() { sources.removeAll() }

    mutating func drop(_ reason: DropReason) -> Verdict {
        counters.countDropped(reason)
        return .drop(reason)
    }

    /// Drops a message and counts it as an error of its source.
    mutating func drop(_ reason: DropReason, from flow: ClientFlow, now: Instant) -> Verdict {
        sources.count(.error, from: flow.source, now: now)
        return drop(reason)
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
    }
}

extension SocketAddress {
    /// Whether an answer can be sent there: a whole unicast address and port (forged sources need not be).
    fileprivate var isAnswerable: Bool {
        guard port != 0, !address.isUnspecified else { return false }
        switch address.family {
        // Multicast, reserved and broadcast: 224.0.0.0/3.
        case .v4: return address.v4Bits < 0xE000_0000
        case .v6: return address.high >> 56 != 0xFF
        }
    }
}
