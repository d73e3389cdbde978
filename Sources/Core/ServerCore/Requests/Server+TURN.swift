import Addresses
import STUNAuthentication
import STUNCodec

/// A TURN request on its way through the server: the datagram's facts that every step needs.
struct TURNContext {
    let method: Method
    let flow: ClientFlow
    let now: Instant
}

/// What a handler decides; the answer is written afterwards, since it overwrites the request.
enum TURNOutcome {
    /// Success of Allocate, by the allocation's index.
    case allocated(Int)
    /// The same Allocate request again: the same answer, and nothing else.
    case allocatedBefore(Int)
    /// Success of Refresh: the seconds until the allocation expires, 0 when it is gone.
    case refreshed(UInt32)
    /// Success without anything to say: CreatePermission, ChannelBind.
    case done
    /// Connect may go on: the index of the new connection. The answer waits for what becomes of it.
    case connecting(Int32)
    /// Success of ConnectionBind.
    case bound(ConnectionID)
}

extension Server {
    /// The smallest request that TURN has: a header and one attribute of four bytes.
    private static let shortestRequest = 28

    /// Handles a request of a TURN method (RFC 8656 section 5).
    mutating func handleTURN(
        _ method: Method,
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: inout some RelayPorts
    ) -> Verdict {
        let context = TURNContext(method: method, flow: flow, now: now)
        guard let turn = policy.turn else { return drop(.unknownMethod, from: flow, now: now) }
        // A shorter one would be answered with several times its length; none of TURN's is so short.
        guard packet.count >= Self.shortestRequest else {
            guard packet.count == Dialect.cookie.headerLength &+ Int(packet.bytes.uint16(at: 2)) else {
                return drop(.malformed, from: flow, now: now)
            }
            return refuse(.tooShort(bytes: packet.count), context, challenge: turn.authenticator, over: &packet)
        }
        let reading: Reading
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: .cookie)
            reading = read(message, context, turn, ports: &ports)
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        // RFC 8489 section 6.3: a wrong FINGERPRINT means that this is not STUN.
        guard reading.fingerprint != .invalid else { return drop(.badFingerprint, from: flow, now: now) }
        guard method.isTURN(turn) else {
            return refuse(.unknownMethod(method), context, challenge: turn.authenticator, over: &packet)
        }
        let answer = TURNAnswer(
            method: method,
            transactionID: reading.transactionID,
            flow: flow,
            hasFingerprint: reading.fingerprint == .valid,
            realm: reading.realm,
            unknown: reading.unknown
        )
        switch reading.authentication {
        case .refused(let refusal):
            return refuse(.authentication(refusal), context, answer, challenge: turn.authenticator, over: &packet)
        case .accepted(let identity):
            return finish(reading.outcome, context, answer, identity, over: &packet)
        }
    }

    /// What a request said and led to: all that is needed of it once the answer overwrites it.
    private struct Reading {
        let transactionID: TransactionID
        let fingerprint: Message.FingerprintCheck
        let realm: Int
        var authentication = Authentication.refused(.noIntegrity)
        var outcome = Result<TURNOutcome, Refusal>.failure(.noAllocation)
        var unknown = UnknownAttributes()
    }

    /// Reads a request, and does what it asks for if it may.
    private mutating func read(
        _ message: borrowing Message,
        _ context: TURNContext,
        _ turn: TURNPolicy,
        ports: inout some RelayPorts
    ) -> Reading {
        let (flow, now) = (context.flow, context.now)
        var reading = Reading(
            transactionID: message.transactionID,
            fingerprint: message.fingerprint,
            realm: turn.authenticator.realm(for: message, at: flow.destination.address)
        )
        guard reading.fingerprint != .invalid, context.method.isTURN(turn) else { return reading }
        username = message.first(.username).map { NameBytes(message.value($0)) } ?? NameBytes()
        reading.authentication = turn.authenticator.authenticate(
            message,
            from: flow.source.address,
            at: flow.destination.address,
            unixSeconds: unixSeconds(at: now),
            // A call may last longer than the credential that began it, unless the operator says no.
            // ConnectionBind comes on another connection than the allocation that it belongs to.
            acceptsExpired: !turn.endsAtCredentialExpiry && context.method != .allocate
                && (context.method == .connectionBind || table.index(of: flow) != nil)
        )
        if case .accepted(let identity) = reading.authentication {
            // What somebody added behind the integrity is nobody's name.
            username =
                identity.username.map { NameBytes(message.value($0)) }
                ?? turn.authenticator.book.username(of: identity.user).map(NameBytes.init) ?? NameBytes()
            reading.outcome = perform(context, message, identity, turn, unknown: &reading.unknown, ports: &ports)
        }
        return reading
    }

    /// Steps that all methods share once the credential is right, then the method's own.
    private mutating func perform(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        unknown: inout UnknownAttributes,
        ports: inout some RelayPorts
    ) -> Result<TURNOutcome, Refusal> {
        let request = TURNRequest(message)
        // RFC 8489 section 6.3.1: unknown attributes are looked at after the credential.
        if let first = request.unknown.first {
            unknown = request.unknown
            return .failure(.unknownAttribute(first))
        }
        do throws(Refusal) {
            switch context.method {
            case .allocate: return .success(try allocate(context, message, request, identity, turn, ports: &ports))
            case .refresh: return .success(try refresh(context, message, request, identity, turn, ports: &ports))
            case .createPermission: return .success(try createPermission(context, message, identity, turn))
            case .channelBind:
                return .success(try bindChannel(context, message, request, identity, turn, ports: &ports))
            case .connect:
                return .success(try connect(context, message, request, identity, turn, ports: ports))
            case .connectionBind: return .success(try bindConnection(context, message, request, identity))
            default: return .failure(.unknownMethod(context.method))
            }
        } catch {
            return .failure(error)
        }
    }

    /// The allocation of the client's 5-tuple, if it is alive and this user's (RFC 8656 section 5).
    func ownAllocation(_ context: TURNContext, _ identity: AuthenticatedRequest) throws(Refusal) -> Int {
        guard let index = table.index(of: context.flow), table.allocations[index].expires > context.now else {
            throw .noAllocation
        }
        guard table.allocations[index].user == identity.user else { throw .otherUser }
        return index
    }

    /// Writes the answer of an authenticated request, which carries its integrity (RFC 8489 section 9.2.4).
    private mutating func finish(
        _ outcome: Result<TURNOutcome, Refusal>,
        _ context: TURNContext,
        _ answer: TURNAnswer,
        _ identity: AuthenticatedRequest,
        over packet: inout Packet
    ) -> Verdict {
        switch outcome {
        case .success(.allocated(let index)):
            answer.writeAllocated(table.allocations[index], identity, over: &packet)
            sources.count(.mirrorSetup, .cookie, from: context.flow, now: context.now)
        case .success(.allocatedBefore(let index)):
            answer.writeAllocated(table.allocations[index], identity, over: &packet)
            sources.count(.noChange, .cookie, from: context.flow, now: context.now)
            effects.append(.repeated(session(index, now: context.now)))
        case .success(.refreshed(let seconds)):
            answer.writeRefreshed(seconds, identity, over: &packet)
            sources.count(.noChange, .cookie, from: context.flow, now: context.now)
        case .success(.done):
            answer.writeDone(identity, over: &packet)
            sources.count(.noChange, .cookie, from: context.flow, now: context.now)
        case .success(.connecting(let index)): return connect(index)
        case .success(.bound):
            answer.writeDone(identity, over: &packet)
            sources.count(.noChange, .cookie, from: context.flow, now: context.now)
        case .failure(let refusal):
            answer.writeError(refusal, identity, over: &packet)
            note(refusal, context, realm: answer.realm)
        }
        switch outcome {
        case .success(.allocatedBefore), .failure: break
        case .success: counters.countTURN(context.method)
        }
        if case .success(.bound(let id)) = outcome { return .bound(id) }
        return .reply
    }

    /// Refuses a request that is not authenticated, within the rate that such answers have.
    private mutating func refuse(
        _ refusal: Refusal,
        _ context: TURNContext,
        _ answer: TURNAnswer,
        challenge: LongTermAuthenticator,
        over packet: inout Packet
    ) -> Verdict {
        guard mayRefuse(context.flow, now: context.now) else {
            return drop(.rateLimited, from: context.flow, now: context.now)
        }
        let nonceTime = unixSeconds(at: context.now)
        guard answer.writeUnauthenticated(refusal, challenge, unixSeconds: nonceTime, over: &packet) else {
            return drop(.tooLarge, from: context.flow, now: context.now)
        }
        note(refusal, context, realm: answer.realm)
        return .reply
    }

    private mutating func refuse(
        _ refusal: Refusal,
        _ context: TURNContext,
        challenge: LongTermAuthenticator,
        over packet: inout Packet
    ) -> Verdict {
        username = NameBytes()
        guard packet.count >= Dialect.cookie.headerLength else {
            return drop(.notSTUN, from: context.flow, now: context.now)
        }
        let id = TransactionID(high: packet.bytes.uint64(at: 4), low: packet.bytes.uint64(at: 12))
        let answer = TURNAnswer(
            method: context.method,
            transactionID: id,
            flow: context.flow,
            hasFingerprint: false,
            realm: 0,
            unknown: UnknownAttributes()
        )
        return refuse(refusal, context, answer, challenge: challenge, over: &packet)
    }

    /// Remembers and counts a refusal; the normal first 401 is a hit of its source and no error.
    mutating func note(_ refusal: Refusal, _ context: TURNContext, realm: Int) {
        counters.countRefused(refusal.errorCode)
        counters.countShortage(refusal)
        if case .redirected(let redirection) = refusal { counters.countRedirected(redirection.cause) }
        guard refusal != .authentication(.noIntegrity) else {
            sources.count(.noChange, .cookie, from: context.flow, now: context.now)
            return
        }
        if case .unknownAttribute(let type) = refusal {
            hadUnknownAttribute = true
            detail = type.rawValue
        }
        sources.count(.error, .cookie, from: context.flow, now: context.now)
        let isForeign = refusal == .authentication(.wrongRealm)
        let realms = policy.turn?.authenticator.book.realms ?? []
        refused = RefusedRequest(
            method: context.method,
            refusal: refusal,
            username: username,
            realm: isForeign || !realms.indices.contains(realm) ? nil : realms[realm].name
        )
    }
}

extension Method {
    /// Whether this is a method of requests of RFC 8656, or of RFC 6062 where that is on.
    fileprivate func isTURN(_ turn: TURNPolicy) -> Bool {
        switch self {
        case .allocate, .refresh, .createPermission, .channelBind: true
        case .connect, .connectionBind: turn.relaysTCP
        default: false
        }
    }
}
