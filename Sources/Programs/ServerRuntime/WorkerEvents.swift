import Addresses
import Observability
import PacketEngine
import SecureTransport
import ServerCore

/// What one worker tells the log, by its two rings: of packets, and of the relay.
///
/// Packets are told only at level 8 and above. Everything else is bounded to `eventsPerSecond`, so that a flood of bad
/// packets costs a counter each and not a log line each.
struct WorkerEvents: ~Copyable {
    private static let eventsPerSecond = 200
    private static let firstCode: UInt16 = 1001

    private let ring: EventRing
    private let facts: FactRing<RelayFact>
    private let levels: LogLevelSwitch
    /// The level of each message code, counted from `firstCode`: the table of messages is too slow for the packet path.
    private let codeLevels: [LogLevel]
    private var level = LogLevel.notice
    private var wallClock: Int64 = 0
    private var second: UInt64 = 0
    private var spent = 0
    /// Refusals told in this second: garbage must not keep them from being remembered.
    private var refusals = 0
    private var hasAppended = false
    private var hasFacts = false

    /// What a worker is given for it.
    struct Source: Sendable {
        let ring: EventRing
        let facts: FactRing<RelayFact>
        let levels: LogLevelSwitch
    }

    init(_ source: Source) {
        ring = source.ring
        facts = source.facts
        levels = source.levels
        let last = MessageCode.allCases.reduce(Self.firstCode) { max($0, $1.rawValue) }
        codeLevels = (Self.firstCode...last).map { MessageCode(rawValue: $0)?.definition.level ?? .trace }
    }

    /// Takes the level and the time that hold for a batch; `now` is the monotonic clock in nanoseconds.
    mutating func beginBatch(now: UInt64) {
        level = levels.level
        if now / 1_000_000_000 != second {
            second = now / 1_000_000_000
            spent = 0
            refusals = 0
        }
        wallClock = 0
    }

    /// Wakes the log once, if the batch had anything to tell.
    mutating func endBatch() {
        if hasAppended { ring.signal() }
        if hasFacts { facts.signal() }
        hasAppended = false
        hasFacts = false
    }

    /// A datagram came (message 1006).
    mutating func received(_ bytes: RawSpan, from source: SocketAddress) {
        guard level >= .debug else { return }
        append(.messageReceived, .debug, source, pdu: bytes)
    }

    /// An answer was queued (messages 1017 and 1019).
    mutating func answered(_ client: SocketAddress, fromOtherPort: Bool) {
        guard level >= .debug else { return }
        append(fromOtherPort ? .responseSentFromOtherPort : .responseSent, .debug, client)
    }

    /// A client's request went to another server (message 1015).
    mutating func handedOver(from client: SocketAddress, to server: SocketAddress, peer: UInt16) {
        guard level >= .debug else { return }
        append(.handedOver(client: client, to: server, peer: peer, time: time()))
    }

    /// A datagram was not answered; `detail` is the core's number for it.
    mutating func dropped(_ reason: DropReason, detail: UInt16, from source: SocketAddress) {
        let number = UInt32(detail)
        switch reason {
        case .notSTUN, .unknownMethod: tell(.unknownMessageType, from: source, detail: number)
        case .malformed: tell(.malformedMessage, from: source)
        case .badFingerprint: tell(.wrongFingerprint, from: source)
        case .response: tell(.responseReceived, from: source)
        case .unknownAddressFamily: tell(.unknownAddressFamily, from: source, detail: number)
        case .noOtherAddress: tell(.changeAddressImpossible, from: source)
        case .rateLimited: rateLimited(source.address)
        // Counters tell of the fleet's datagrams: who may send them may send many.
        case .clusterForged, .clusterStale, .clusterReplayed, .clusterStranger, .clusterLoop:
            break
        case .unknownAttribute, .indication, .discardFlag, .unanswerableSource, .groupDestination, .amplification,
            .noAllocation, .noChannel, .noPermission, .peerForbidden, .overQuota, .tooLarge, .clientForbidden,
            .noDestination:
            break
        }
    }

    /// Answers to the prefix of an address are held back (message 1104).
    private mutating func rateLimited(_ address: IPAddress) {
        let length = address.family == .v4 ? 32 : 64
        let prefix = SocketAddress(address.masked(to: length), port: 0)
        tell(.rateLimited, from: prefix, detail: UInt32(length))
    }

    /// An allocation began or ended (messages 1012 and 1021).
    mutating func tell(_ effect: Effect) {
        guard level >= codeLevels[Int(MessageCode.portAllocated.rawValue &- Self.firstCode)] else { return }
        append(.happened(effect, time: time()))
    }

    /// A TURN request was refused (message 1115); remembered at every level, for those who ask why.
    mutating func tell(_ refused: RefusedRequest, from client: SocketAddress) {
        guard refusals < Self.eventsPerSecond else { return }
        refusals &+= 1
        append(.refused(refused, client: client, time: time()))
    }

    /// A client's connection has ended (message 1160).
    mutating func tell(_ end: StreamConnection.End, _ failure: SessionFailure? = nil, of client: SocketAddress) {
        guard isTold(.connectionEnded) else { return }
        append(.connectionEnded(client: client, end, failure, time: time()))
    }

    /// A client's session of DTLS has ended (message 1160).
    mutating func tell(_ end: DTLSClient.End, of client: SocketAddress) {
        guard isTold(.connectionEnded) else { return }
        append(.sessionEnded(client: client, end, time: time()))
    }

    /// A client's connection was refused (message 1161).
    mutating func tell(_ refusal: ConnectionLimits.Refusal, of client: SocketAddress) {
        guard isTold(.connectionRefused) else { return }
        append(.connectionRefused(client: client, refusal, time: time()))
    }

    /// Whether one more message with this code is told, within the bound; it is counted then.
    private mutating func isTold(_ code: MessageCode) -> Bool {
        guard spent < Self.eventsPerSecond, codeLevels[Int(code.rawValue &- Self.firstCode)] <= level else {
            return false
        }
        spent &+= 1
        return true
    }

    private mutating func append(_ fact: RelayFact) {
        facts.append(fact)
        hasFacts = true
    }

    /// The system refused to send (messages 1018 and 1020).
    mutating func sendFailed(_ code: Int32, to destination: SocketAddress, bySecondPort: Bool) {
        tell(
            bySecondPort ? .secondarySendFailed : .primarySendFailed,
            from: destination,
            detail: UInt32(clamping: code)
        )
    }

    /// A socket failed while the worker waits or reads (message 1023).
    mutating func socketFailed(_ error: SocketError) {
        beginBatch(now: SystemClock.monotonic())
        tell(.socketFailed, from: nil, detail: UInt32(clamping: error.code))
        endBatch()
    }

    /// Tells of anything but plain packets, within the bound.
    mutating func tell(_ code: MessageCode, from address: SocketAddress?, detail: UInt32 = 0) {
        guard isTold(code) else { return }
        append(code, codeLevels[Int(code.rawValue &- Self.firstCode)], address, detail: detail)
    }

    private mutating func append(
        _ code: MessageCode,
        _ level: LogLevel,
        _ address: SocketAddress?,
        pdu: RawSpan? = nil,
        detail: UInt32 = 0
    ) {
        ring.append(code: code, level: level, address: address, time: time(), pdu: pdu, detail: detail)
        hasAppended = true
    }

    /// The wall clock, read once a batch.
    private mutating func time() -> Int64 {
        if wallClock == 0 { wallClock = SystemClock.realtime() }
        return wallClock
    }
}
