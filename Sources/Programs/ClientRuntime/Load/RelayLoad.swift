import Addresses
import ClientCore
import PacketEngine
import STUNCodec

/// Data through the relay: so many sessions, each with a channel to a peer of its own, one way or both.
///
/// A flow is one direction of a session: number 2s goes from session s's client to its peer, 2s + 1 back. It is paced, or
/// has a window of datagrams on their way. Each datagram tells which it is and when it was sent.
public struct RelayLoad: ~Copyable {
    /// What is known of a flow.
    struct Flow {
        var sent: UInt64 = 0
        var received: UInt64 = 0
        /// What is not waited for any longer; what comes all the same makes it less again.
        var writtenOff: UInt64 = 0
        var lastProgress: UInt64 = 0
        /// The number that is expected next.
        var next: UInt64 = 0

        var onTheirWay: Int { Int(truncatingIfNeeded: sent &- received &- writtenOff) }
    }

    struct Totals {
        var sent: UInt64 = 0
        var toPeers: UInt64 = 0
        var toClients: UInt64 = 0
        var received: UInt64 { toPeers &+ toClients }
    }

    private static let tick: UInt64 = 50_000_000
    /// A flow without progress for so long has lost what is on its way.
    private static let patience: UInt64 = 200_000_000
    /// How many sendings one turn does at most, so that what comes is read in time.
    private static let sendingsPerTurn = 128

    let plan: RelayLoadPlan
    let target: LoadTarget
    let sizes: SizeMix
    var pool: SessionPool
    private var flows: [Flow]
    /// The flows of sessions that are ready, those back only when both directions are wanted.
    private var active: [Int] = []
    /// The flows that had arrivals in this turn.
    private var touched: [Int] = []
    private var isMeasuring = false
    private(set) var wrong: UInt64 = 0
    private(set) var outOfOrder: UInt64 = 0
    /// How late datagrams were sent, against the schedule.
    private(set) var lateness = Histogram()
    private(set) var toPeers = Histogram()
    private(set) var toClients = Histogram()
    /// How many calls found something, and how many datagrams they found.
    private(set) var reads: (calls: UInt64, datagrams: UInt64) = (0, 0)

    /// Opens the sockets; sends nothing.
    public init(_ plan: RelayLoadPlan, _ target: LoadTarget, _ credential: LoadCredential) throws(LoadFailure) {
        try target.check()
        try plan.check()
        guard plan.train == 0 || target.transport == .udp else {
            throw LoadFailure(.usage, "--trains: only UDP has trains of datagrams")
        }
        let peerSockets = plan.peerSockets ?? plan.sessions
        let pool = try SessionPool(plan.sessions, target, credential, peerSockets: peerSockets, trains: plan.train > 0)
        self.pool = pool
        self.plan = plan
        self.target = target
        sizes = SizeMix(sizes: plan.sizes)
        flows = [Flow](repeating: Flow(), count: 2 * plan.sessions)
        // One socket that many share has as many flows at once as the batch has room for.
        touched.reserveCapacity(PrecisePoll.capacity + peerSockets * ConnectedBatch.capacity)
    }

    /// Loads the server and tells what was found.
    public mutating func run() throws(LoadFailure) -> LoadReport {
        ServerMeter.wakeExactly()
        let memory = ServerMeter.residentKilobytes(target.process)
        pool.run(.allocate, atOnce: plan.atOnce, within: 40_000_000_000)
        try pool.checkAny()
        try connectPeers()
        let begin = SystemClock.monotonic()
        var schedule = plan.rate.map {
            PacingSchedule(flows: active.count, interval: UInt64(1e9 / $0), jitter: plan.jitter, start: begin)
        }
        loop(until: begin &+ plan.warmUp, &schedule)
        let before = totals
        let first = ServerMeter.read(target.process) ?? ServerMeter()
        isMeasuring = true
        loop(until: first.time &+ plan.duration, &schedule)
        isMeasuring = false
        let last = ServerMeter.read(target.process) ?? first
        let after = totals
        drain()
        let memoryAfter = ServerMeter.residentKilobytes(target.process)
        let ready = active.count / (plan.isDuplex ? 2 : 1)
        if plan.releases { pool.release() }
        let findings = Findings(
            first: first,
            last: last,
            before: before,
            after: after,
            end: totals,
            ready: ready,
            memory: (memory, memoryAfter)
        )
        return report(findings)
    }

    /// Connects each peer to the relayed address that its client has.
    private mutating func connectPeers() throws(LoadFailure) {
        for session in 0..<plan.sessions {
            guard pool.clients[session].state == .ready, let relayed = pool.clients[session].relayed else { continue }
            try target.checkReach(of: relayed.address, "the relayed address \(relayed)")
            do throws(SocketError) {
                if plan.peerSockets == nil { try pool.peers[session].connect(to: relayed) }
                if plan.train > 0 {
                    try pool.peers[session].receiveTrains()
                    try pool.sockets[session].receiveTrains()
                }
            } catch {
                throw LoadFailure(.system, "\(error)")
            }
            active.append(2 * session)
            if plan.isDuplex { active.append(2 * session + 1) }
        }
    }

    private var totals: Totals {
        var totals = Totals()
        for index in flows.indices {
            totals.sent &+= flows[index].sent
            if index & 1 == 0 {
                totals.toPeers &+= flows[index].received
            } else {
                totals.toClients &+= flows[index].received
            }
        }
        return totals
    }

    // MARK: The loop: nothing in it allocates

    private mutating func loop(until end: UInt64, _ schedule: inout PacingSchedule?) {
        var nextTick = SystemClock.monotonic() &+ Self.tick
        if schedule == nil {
            for flow in active { refill(flow) }
        }
        while true {
            let now = SystemClock.monotonic()
            guard now < end, !LoadInterruption.isAskedFor else { return }
            var pause: UInt64 = 20_000_000
            if schedule != nil {
                pause = sendDue(&schedule)
            } else if now >= nextTick {
                nextTick = now &+ Self.tick
                writeOff(at: now)
            }
            read(within: plan.spins ? 0 : min(pause, end &- now))
            if schedule == nil {
                for flow in touched { refill(flow) }
            }
        }
    }

    /// Sends what is due; returns how long there is nothing more to send.
    private mutating func sendDue(_ schedule: inout PacingSchedule?) -> UInt64 {
        for _ in 0..<Self.sendingsPerTurn {
            let now = SystemClock.monotonic()
            guard let due = schedule?.take(at: now) else {
                let next = schedule?.next ?? now
                return next > now ? next &- now : 0
            }
            if isMeasuring { lateness.add(due.lateness) }
            send(max(plan.train, 1), on: active[due.flow])
        }
        return 0
    }

    /// Sends as much as the window has room for, with trains only whole ones.
    private mutating func refill(_ flow: Int) {
        let excess = flows[flow].received &+ flows[flow].writtenOff
        if excess > flows[flow].sent {
            flows[flow].writtenOff &-= min(excess &- flows[flow].sent, flows[flow].writtenOff)
        }
        var room = plan.window - flows[flow].onTheirWay
        if plan.train > 1 { room -= room % plan.train }
        if room > 0 { send(min(room, ConnectedBatch.capacity), on: flow) }
    }

    private mutating func send(_ count: Int, on flow: Int) {
        let session = flow >> 1
        let isToPeer = flow & 1 == 0
        // ChannelData is padded to a multiple of four in a stream (RFC 8656 section 12.5).
        let padding = isToPeer && !pool.streams.isEmpty ? 3 : 0
        let now = SystemClock.monotonic()
        let first = flows[flow].sent
        let header = isToPeer ? ChannelData.headerLength : 0
        for index in 0..<count {
            let number = first &+ UInt64(index)
            let size = sizes.size(of: flow, number)
            var bytes = pool.batch.datagram(index)
            if isToPeer {
                bytes.write(UInt32(SessionPool.channel(of: session)) << 16 | UInt32(truncatingIfNeeded: size), at: 0)
            }
            LoadPayload(flow: UInt32(truncatingIfNeeded: flow), number: number, sentAt: now)
                .write(to: &bytes, at: header, size: size)
            pool.batch.setLength(index, (header &+ size &+ padding) & ~padding)
        }
        let sent: Int
        if plan.train > 1 {
            sent = pool.batch.sendTrain(count, on: isToPeer ? pool.sockets[session] : pool.peers[session])
        } else {
            sent = isToPeer ? pool.send(count, from: session) : pool.batch.send(count, on: pool.peers[session])
        }
        if flows[flow].onTheirWay <= 0 { flows[flow].lastProgress = now }
        flows[flow].sent &+= UInt64(sent)
    }

    /// Waits for what comes, so many nanoseconds at most, and reads it.
    private mutating func read(within pause: UInt64) {
        touched.removeAll(keepingCapacity: true)
        let pause = pool.streams.flushBlocked() ? min(pause, 1_000_000) : pause
        for index in 0..<pool.poll.wait(nanoseconds: pause) {
            // The peer's socket has the token of the flow that ends there, and so has the client's.
            let flow = Int(truncatingIfNeeded: pool.poll.token(index))
            guard flow < flows.count else { continue }
            let isToPeer = flow & 1 == 0
            guard isToPeer || pool.streams.isEmpty else {
                readStream(of: flow)
                continue
            }
            let socket = isToPeer ? pool.peers[flow >> 1] : pool.sockets[flow >> 1]
            let count = pool.batch.receive(from: socket)
            guard count > 0 else { continue }
            let now = SystemClock.monotonic()
            reads.calls &+= 1
            guard isToPeer, plan.peerSockets != nil else {
                for slot in 0..<count { take(slot, of: flow, at: now) }
                if isToPeer || plan.isDuplex { touched.append(flow) }
                continue
            }
            for slot in 0..<count { takeShared(slot, at: now) }
        }
    }

    /// Takes what has come to a client's connection.
    private mutating func readStream(of flow: Int) {
        pool.streams.receive(at: flow >> 1)
        let now = SystemClock.monotonic()
        let before = reads.datagrams
        while let frame = pool.streams.nextFrame() {
            let payload = Self.payload(pool.streams.frame(frame), of: flow)
            let isAnswer = pool.streams.frame(frame).uint8(at: 0) & 0xC0 == 0
            note(payload, isAnswer, of: flow, at: now)
        }
        guard reads.datagrams > before else { return }
        reads.calls &+= 1
        if plan.isDuplex { touched.append(flow) }
    }

    /// Takes a datagram that came to a socket of many peers: only it tells of which flow it is.
    private mutating func takeShared(_ slot: Int, at now: UInt64) {
        let flow = Int(LoadPayload(pool.batch.received(slot))?.flow ?? .max)
        guard flow & 1 == 0, flow < flows.count else {
            reads.datagrams &+= 1
            wrong &+= 1
            return
        }
        take(slot, of: flow, at: now)
        touched.append(flow)
    }

    /// Takes a buffer apart, which holds one datagram or a train.
    private mutating func take(_ slot: Int, of flow: Int, at now: UInt64) {
        let whole = pool.batch.received(slot).byteCount
        let step = max(pool.batch.segment(slot), 1)
        var start = 0
        repeat {
            let end = min(start &+ step, whole)
            let payload = Self.payload(pool.batch.received(slot).extracting(start..<end), of: flow)
            let isAnswer = flow & 1 == 1 && end > start && pool.batch.received(slot).uint8(at: start) & 0xC0 == 0
            note(payload, isAnswer, of: flow, at: now)
            start = end
        } while start < whole
    }

    /// Counts what has come, and how long it was on its way.
    private mutating func note(_ payload: LoadPayload?, _ isAnswer: Bool, of flow: Int, at now: UInt64) {
        reads.datagrams &+= 1
        if let payload, count(payload, of: flow) {
            flows[flow].lastProgress = now
            guard isMeasuring else { return }
            let way = now > payload.sentAt ? now &- payload.sentAt : 0
            if flow & 1 == 0 { toPeers.add(way) } else { toClients.add(way) }
        } else if !isAnswer {
            // An answer is one more to a request that was sent again.
            wrong &+= 1
        }
    }

    /// The payload of a datagram of this flow; nil when it is another's, or none.
    private static func payload(_ bytes: RawSpan, of flow: Int) -> LoadPayload? {
        var data = bytes
        if flow & 1 == 1 {
            guard let header = ChannelData(bytes), header.number == SessionPool.channel(of: flow >> 1) else {
                return nil
            }
            data = bytes.extracting(ChannelData.headerLength..<(ChannelData.headerLength &+ header.length))
        }
        guard let payload = LoadPayload(data), payload.flow == UInt32(truncatingIfNeeded: flow) else { return nil }
        return payload
    }

    /// Counts an arrival; false when it was never sent.
    private mutating func count(_ payload: LoadPayload, of flow: Int) -> Bool {
        guard payload.number < flows[flow].sent else { return false }
        flows[flow].received &+= 1
        if payload.number < flows[flow].next {
            outOfOrder &+= 1
        } else {
            flows[flow].next = payload.number &+ 1
        }
        return true
    }

    private mutating func writeOff(at now: UInt64) {
        for flow in active {
            if flows[flow].onTheirWay > 0, now &- flows[flow].lastProgress > Self.patience {
                flows[flow].writtenOff = flows[flow].sent &- flows[flow].received
                flows[flow].lastProgress = now
            }
            // Also where the system took nothing, so that nothing arrives that would lead to the next sending.
            if flows[flow].onTheirWay <= 0 { refill(flow) }
        }
    }

    /// Reads for 300 ms more, so that what is still on its way does not count as lost.
    private mutating func drain() {
        let end = SystemClock.monotonic() &+ 300_000_000
        while SystemClock.monotonic() < end { read(within: 20_000_000) }
    }
}
