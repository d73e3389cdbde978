import Addresses
import PacketEngine
import SecureTransport
import ServerCore

/// The DTLS sessions of one worker's clients (RFC 7350), one a 5-tuple.
///
/// Nothing is kept of a client before it has shown by a cookie that it receives at its address. What is to be sent lies in `output`,
/// listed in `sendings`, until `queue` gives it to a batch.
struct DTLSClients: ~Copyable {
    /// How long a handshake may take, in nanoseconds.
    static let handshakeLimit: UInt64 = 30_000_000_000
    /// How long a session without an allocation may say nothing.
    static let idleLimit: UInt64 = 300_000_000_000
    /// How often it is looked which sessions are idle.
    static let sweepPause: UInt64 = 10_000_000_000
    /// How soon those whose handshakes are not over are looked at again at the earliest: an answer that is missed is repeated
    /// after a second.
    static let tickPause: UInt64 = 50_000_000
    /// How many handshakes are begun in a turn.
    ///
    /// Each takes about as long as a thousand packets, which wait meanwhile; whoever is not answered asks again.
    static let handshakesInTurn = 4
    /// What one datagram may lead to: a flight with a long chain of certificates, or the longest message.
    static let roomForOne = 65_536
    /// What the datagrams that are read of a relay socket at once become, trains among them.
    static let roomForBurst = 16 * (65_536 + 64 * 128)
    /// What is written to many clients: a short alert each.
    static let roomForAll = 1 << 20

    private let limits: ConnectionLimits
    /// Nil where DTLS is off.
    private let cookie: DatagramCookie?
    /// What sessions are begun with; nil while there is no certificate, and nobody new is let in.
    private var context: TLSContext?
    /// By the number that is the `socket` of their flows.
    private(set) var clients: [DTLSClient] = []
    private var free: [Int32] = []
    private var table = DTLSTable()
    /// Those whose handshakes are not over.
    var handshaking: [Int32] = []
    /// Those that have ended, whose allocations must end too.
    private var ended: [Ended] = []
    /// How many sessions there are.
    private(set) var count = 0
    /// How many began in this turn.
    private var begunInTurn = 0
    var counters = DTLSCounters()
    /// The encrypted datagrams of a turn.
    var output = DatagramOutput(capacity: 2 << 20)
    /// The message that was decrypted last.
    private var plaintext = DatagramOutput(capacity: DatagramSession.messageLimit)
    var sendings: [Sending] = []
    var nextTick = UInt64.max
    var nextSweep = UInt64.max

    /// A datagram that is to be sent.
    struct Sending {
        /// Where it lies in `output`.
        let range: Range<Int>
        let listener: Int
        let client: SocketAddress
        let source: IPAddress
    }

    /// A session that has ended.
    struct Ended {
        let flow: ClientFlow
        let end: DTLSClient.End
    }

    /// Whose a datagram is.
    enum Finding: Equatable {
        /// The session of a row.
        case client(Int)
        /// A client without a session that may begin one.
        case proven(DatagramCookie.HelloID)
        /// Nothing more is to be done with it.
        case done
        /// No session's.
        case stranger
    }

    /// What a datagram brought.
    struct Arrival {
        /// The length of the message, which `message` gives; 0 when there is none.
        var count = 0
        /// Whether another message may be in the same datagram.
        var isUnfinished = false
    }

    init(limits: ConnectionLimits, cookie: DatagramCookie?) {
        self.limits = limits
        self.cookie = cookie
        sendings.reserveCapacity(64)
    }

    /// Begins sessions by another certificate, or none any more; those that there are go on.
    mutating func adopt(_ context: TLSContext?) { self.context = cookie == nil ? nil : context }

    /// Begins a turn of the worker.
    mutating func beginTurn() { begunInTurn = 0 }

    /// Whether datagrams can be DTLS.
    var isOn: Bool { context != nil || count > 0 }

    /// When `tick` or `sweep` has something to do.
    var nextDeadline: UInt64 { min(nextTick, nextSweep) }

    /// Whether somebody has a row, who then has a session.
    func has(_ row: Int) -> Bool { row >= 0 && row < clients.count && clients[row].box != nil }

    /// Whether a 5-tuple has a session, or is about to have one.
    func hasSession(of flow: ClientFlow) -> Bool { count > 0 && table[DTLSTable.Key(flow)] != nil }

    // MARK: What comes

    /// Looks whose a datagram is; a hello without a cookie is answered, and forgotten.
    mutating func find(_ datagram: RawSpan, from flow: ClientFlow, now: UInt64) -> Finding {
        let row = table[DTLSTable.Key(flow)]
        if context != nil, let cookie {
            switch Self.judge(datagram, from: flow.source, cookie, now, &output) {
            case .other: break
            case .answer(let count):
                counters.asked &+= 1
                send(output.keep(count), to: flow, by: Int(flow.socket))
                return .done
            case .unfit:
                counters.unfit &+= 1
                return .done
            case .proven(let hello): return find(hello, row)
            }
        }
        guard let row else { return .stranger }
        let successor = Int(clients[row].successor)
        // What is of a handshake is of the new one.
        if successor >= 0, DTLSRecord.isOfHandshake(datagram) { return .client(successor) }
        return .client(row)
    }

    private static func judge(
        _ datagram: RawSpan,
        from client: SocketAddress,
        _ cookie: DatagramCookie,
        _ now: UInt64,
        _ output: inout DatagramOutput
    ) -> DatagramCookie.Judgement {
        var answer = output.room()
        return cookie.judge(datagram, from: client, now: now, answer: &answer)
    }

    private func find(_ hello: DatagramCookie.HelloID, _ row: Int?) -> Finding {
        guard let row else { return .proven(hello) }
        for candidate in [row, Int(clients[row].successor)] where has(candidate) {
            guard clients[candidate].box?.session.hello == hello else { continue }
            // A repetition; one that is late means nothing any more.
            return clients[candidate].isHandshaking ? .client(candidate) : .done
        }
        return .proven(hello)
    }

    /// Begins a session for a hello that was proven, or says why not by nil, counters and log.
    ///
    /// A session that is open stays until the new one is (RFC 6347 section 4.2.8): a hello that somebody has overheard and sends again
    /// ends nothing.
    mutating func begin(
        _ hello: DatagramCookie.HelloID,
        from flow: ClientFlow,
        now: UInt64,
        telling events: inout WorkerEvents
    ) -> Int? {
        guard let context else { return nil }
        guard begunInTurn < Self.handshakesInTurn else {
            counters.postponed &+= 1
            return nil
        }
        begunInTurn += 1
        let key = DTLSTable.Key(flow)
        if let row = table[key] {
            let late = clients[row].isHandshaking ? row : Int(clients[row].successor)
            if late >= 0 { end(late, .replaced) }
        }
        if let refusal = limits.enter(flow.source.address, takesFile: false) {
            counters.count(refusal)
            events.tell(refusal, of: flow.source)
            return nil
        }
        do throws(SessionFailure) {
            return add(DTLSClient.Box(try DatagramSession(server: context, hello: hello)), flow, key, now)
        } catch {
            limits.leave(flow.source.address, takesFile: false)
            counters.count(.failed(error))
            return nil
        }
    }

    private mutating func add(_ box: DTLSClient.Box, _ flow: ClientFlow, _ key: DTLSTable.Key, _ now: UInt64) -> Int {
        let row = Int(free.popLast() ?? Int32(truncatingIfNeeded: clients.count))
        let own = ClientFlow(
            source: flow.source,
            destination: flow.destination,
            role: flow.role,
            transport: .dtls,
            socket: UInt32(truncatingIfNeeded: row)
        )
        var new = DTLSClient(
            flow: own,
            box: box,
            listener: Int(flow.socket),
            began: now,
            lastHeard: now,
            deadline: now &+ Self.handshakeLimit,
            place: Int32(truncatingIfNeeded: handshaking.count)
        )
        handshaking.append(Int32(truncatingIfNeeded: row))
        if let present = table[key] {
            new.predecessor = Int32(truncatingIfNeeded: present)
            clients[present].successor = Int32(truncatingIfNeeded: row)
        } else {
            table.set(key, row)
        }
        if row < clients.count { clients[row] = new } else { clients.append(new) }
        count += 1
        counters.begun &+= 1
        nextTick = min(nextTick, new.deadline)
        if nextSweep == .max { nextSweep = now &+ Self.sweepPause }
        return row
    }

    /// Gives a row's session a datagram, or nothing to have the next message of the last one.
    mutating func take(_ datagram: RawSpan, of row: Int, now: UInt64) -> Arrival {
        guard has(row), let box = clients[row].box else { return Arrival() }
        let step = Self.receive(datagram, box, now, &plaintext, &output)
        send(step.datagrams, of: row)
        if step.received != nil { clients[row].lastHeard = now }
        settle(row, box, now)
        return Arrival(count: step.received ?? 0, isUnfinished: step.isUnfinished)
    }

    private static func receive(
        _ datagram: RawSpan,
        _ box: DTLSClient.Box,
        _ now: UInt64,
        _ plaintext: inout DatagramOutput,
        _ output: inout DatagramOutput
    ) -> DatagramSession.Step {
        var message = plaintext.room()
        var answer = output.room()
        return box.session.receive(datagram, into: &message, sending: &answer, now: now)
    }

    /// The message that came last, of so many bytes.
    @_lifetime(&self)
    mutating func message(_ count: Int) -> RawSpan { plaintext.bytes(0..<count) }

    /// Draws what follows from the state that a session has come to.
    mutating func settle(_ row: Int, _ box: DTLSClient.Box, _ now: UInt64) {
        switch box.session.state {
        case .handshaking:
            let limit = clients[row].began &+ Self.handshakeLimit
            clients[row].deadline = min(limit, box.session.nextDeadline() ?? limit)
            nextTick = min(nextTick, clients[row].deadline)
        case .open: if clients[row].isHandshaking { opened(row, now) }
        case .closed: end(row, .byClient)
        case .failed(let reason): end(row, .failed(reason))
        }
    }

    private mutating func opened(_ row: Int, _ now: UInt64) {
        endHandshake(row)
        counters.opened &+= 1
        clients[row].lastHeard = now
        let former = Int(clients[row].predecessor)
        if former >= 0 { end(former, .replaced) }
    }

    private mutating func endHandshake(_ row: Int) {
        let place = Int(clients[row].place)
        guard place >= 0 else { return }
        clients[row].place = -1
        handshaking.swapAt(place, handshaking.count - 1)
        handshaking.removeLast()
        if handshaking.isEmpty { nextTick = .max }
        if place < handshaking.count {
            clients[Int(handshaking[place])].place = Int32(truncatingIfNeeded: place)
        }
    }

    // MARK: End

    /// Ends all sessions.
    mutating func endAll() {
        for row in clients.indices { end(row, .stopped) }
    }

    /// Ends a session, and tells the client.
    mutating func end(_ row: Int, _ end: DTLSClient.End) {
        guard has(row), let box = clients[row].box else { return }
        endHandshake(row)
        var room = output.room()
        // RFC 5246 section 7.2.1: an end is answered too.
        send(box.session.close(sending: &room), of: row)
        clients[row].box = nil
        leaveTable(row)
        count -= 1
        limits.leave(clients[row].flow.source.address, takesFile: false)
        counters.count(end)
        ended.append(Ended(flow: clients[row].flow, end: end))
    }

    /// Gives the 5-tuple to the session that is to have it now.
    private mutating func leaveTable(_ row: Int) {
        let (former, next) = (Int(clients[row].predecessor), Int(clients[row].successor))
        if former >= 0 {
            clients[former].successor = -1
        } else if next >= 0 {
            clients[next].predecessor = -1
            table.set(DTLSTable.Key(clients[row].flow), next)
        } else {
            table.remove(DTLSTable.Key(clients[row].flow))
        }
    }

    /// Takes the next session that has ended, whose allocation is to end; its number is free then.
    mutating func nextEnded() -> Ended? {
        guard let ended = ended.popLast() else { return nil }
        free.append(Int32(truncatingIfNeeded: ended.flow.socket))
        return ended
    }
}
