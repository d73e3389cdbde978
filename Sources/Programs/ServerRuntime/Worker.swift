import Addresses
import Observability
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore

/// One thread's share of the server: its sockets, its `Server`, its batch memory.
///
/// Nothing of it is shared but what `RelayTable` and `AccountLedger` say of themselves.
///
/// The packet path allocates nothing, locks nothing and formats nothing: what must be told goes into the event ring,
/// whose reader formats it.
struct Worker: ~Copyable {
    /// How many datagrams of one relay socket are read in a turn, and how many of trains, which cost less each; they may be
    /// more when a socket has its first ones.
    private static let relayBurst = (slots: 16, datagrams: 64)
    /// How often, in nanoseconds, the wall clock is read again and reserved ports are looked through.
    private static let housekeeping: UInt64 = 5_000_000_000
    private static let mailboxToken: UInt64 = 1 << 31
    /// How often, in nanoseconds, connections are looked at.
    static let sweepPause: UInt64 = 1_000_000_000

    var server: Server
    var batch: DatagramBatch
    var loop: EventLoop
    var relays: RelaySockets
    var streams: Streams
    /// The connections of relayed addresses with peers.
    var peers: PeerStreams
    var dtls: DTLSClients
    /// Keeps the sockets open whose handles `ports` holds.
    private let listeners: [Listeners.Listener]
    let ports: [Port]
    let mailbox: Mailbox
    /// Which of the workers it is, and how the others are told of connections that are theirs.
    let number: Int
    let mailboxes: [Mailbox]
    var events: WorkerEvents
    var failures = SendFailures()
    /// The number of the last connection with a web server.
    var nextWeb: UInt32 = 0
    /// What sessions of TLS and DTLS are begun with.
    var secure: SecureContexts?
    var isStopping = false
    private var nextHousekeeping: UInt64 = 0
    /// When connections are looked at whose clients owe something.
    var nextSweep: UInt64 = .max
    /// The clock, read once a turn.
    var now = Instant.start
    private var share = ListenerShare()
    var streamShare = StreamShare()
    private var budget = ReadBudget()
    var requestTimes = RequestTimes()
    private var moderation: WakeModeration
    var gatheringDelay = GatheringDelay()
    /// Datagrams read in this turn.
    var turnDatagrams = 0
    /// Clients' datagrams in the batch, and when the first of them was read at the earliest.
    var clientDatagrams = 0
    private var batchBegan: UInt64 = 0

    /// A listener as the packet path uses it.
    struct Port {
        let socket: SocketHandle
        let role: SocketRole
        /// Whether it is there for DTLS alone, so that no answer of RFC 5780 leaves from it.
        var isSecure = false
    }

    /// Takes over its parts; `seed` of the server must be random (`Server`).
    init(
        server: Server,
        listeners: [Listeners.Listener],
        streams streamListeners: [TCPListener],
        sharing shared: StreamsShared,
        cookie: DatagramCookie?,
        relays table: RelayTable,
        number: Int,
        mailboxes: [Mailbox],
        events: consuming WorkerEvents,
        engine: WorkerEngine
    ) throws(SocketError) {
        var loop = try EventLoop(engine.backend)
        for (index, listener) in listeners.enumerated() where listener.isRead {
            try loop.watch(listener.socket.handle, token: UInt64(index))
        }
        let mailbox = mailboxes[number]
        try loop.watch(mailbox.wakeUp, token: Self.mailboxToken)
        let streams = try Streams(streamListeners, sharing: shared, watchedBy: loop.watcher)
        relays = RelaySockets(table, watchedBy: loop.watcher)
        self.streams = streams
        dtls = DTLSClients(limits: shared.limits, cookie: cookie)
        batch = DatagramBatch(for: loop)
        self.server = server
        self.listeners = listeners
        ports = listeners.map { Port(socket: $0.socket.handle, role: $0.role, isSecure: $0.isSecure) }
        self.mailbox = mailbox
        self.number = number
        self.mailboxes = mailboxes
        peers = PeerStreams(files: table.files, clients: shared.limits, watchedBy: loop.watcher)
        self.events = events
        moderation = WakeModeration(engine.mode)
        self.loop = loop
    }

    /// Serves until the mailbox says stop.
    mutating func run() throws(SocketError) {
        do throws(SocketError) {
            now = Instant(nanoseconds: SystemClock.monotonic())
            advance()
            // What is known by now holds for the first datagram too.
            readMailbox(now: now)
            while !isStopping { try turn() }
        } catch {
            endAll()
            throw error
        }
        endAll()
    }

    private mutating func turn() throws(SocketError) {
        // What streams have left must not wait for datagrams.
        let gathering = streamShare.hasLeft ? nil : moderation.gathering
        let waitBegan = SystemClock.monotonic()
        let timeout = nextAdvance > waitBegan ? nextAdvance - waitBegan : 0
        if let gathering, !loop.canGather { SystemClock.sleep(nanoseconds: min(timeout, gathering.nanoseconds)) }
        try loop.wait(timeoutNanoseconds: timeout, gathering: gathering)
        now = Instant(nanoseconds: SystemClock.monotonic())
        turnDatagrams = 0
        let (queued, relayed) = (batch.queuedCount, relayedCount)
        batchBegan = now.nanoseconds
        events.beginBatch(now: now.nanoseconds)
        share.begin()
        streamShare.begin()
        dtls.beginTurn()
        // What a flush finds meanwhile is for the next turn, or a flood could make this one last for ever.
        let readyCount = loop.readyCount
        var hasStreams = false
        for index in 0..<readyCount {
            let ready = loop.ready(index)
            guard !Streams.isStream(ready.token) else {
                hasStreams = true
                continue
            }
            serve(ready)
            if share.isDue { serveListeners() }
        }
        if hasStreams { serveStreams(among: readyCount) }
        if nextAdvance <= now.nanoseconds { advance() }
        if server.hasConnectionWork { endPeerConnections() }
        if server.hasUnansweredSends { answerSends() }
        flush()
        flushStreams()
        tellEffects()
        events.endBatch()
        // While there are allocations their packets alone count: strangers' requests that are answered make no call wait.
        let useful = server.sessionCount > 0 ? relayedCount &- relayed : batch.queuedCount &- queued
        moderation.woke(for: useful, now: now.nanoseconds)
        guard let gathering else { return }
        gatheringDelay.count(turnDatagrams, waited: min(now.nanoseconds &- waitBegan, gathering.nanoseconds))
    }

    /// How many datagrams were relayed, in all.
    private var relayedCount: Int { Int(truncatingIfNeeded: server.counters.traffic.packets) }
    /// When time demands something next.
    private var nextAdvance: UInt64 {
        let soon = min(nextSweep, dtls.nextDeadline, peers.nextResume)
        return min(nextHousekeeping, soon, server.nextDeadline?.nanoseconds ?? .max)
    }

    private mutating func advance() {
        nextHousekeeping = now.nanoseconds + Self.housekeeping
        let milliseconds = UInt64(max(0, SystemClock.realtime()) / 1_000_000)
        server.advance(to: now, unixMilliseconds: milliseconds, ports: &relays)
        relays.closeUnclaimed(now: now)
        sweepStreams()
        if peers.nextResume <= now.nanoseconds { resumePeers() }
        advanceDTLS()
    }

    /// Ends all allocations before the thread does, and tells what they have used.
    private mutating func endAll() {
        _ = server.disconnect(now: now, as: .stopped, ports: &relays) { _ in true }
        endAllDTLS()
        flush()
        peers.closeAll()
        streams.closeAll()
        events.beginBatch(now: now.nanoseconds)
        tellEffects()
        events.endBatch()
    }

    mutating func serve(_ ready: EventLoop.Ready) {
        // One broken socket must not end the service of the others; the log says which and why.
        do throws(SocketError) {
            if ready.token == Self.mailboxToken {
                readMailbox(now: now)
            } else if Streams.isStream(ready.token) {
                try serveStream(ready)
            } else if RelaySockets.isRelay(ready.token) {
                try serveRelay(ready, now: now)
            } else {
                try serveListener(Int(ready.token), now: now)
            }
        } catch {
            events.socketFailed(error)
        }
    }

    /// Reads the listeners in a turn in which very many relay sockets have something: epoll tells of 256 sockets at a time,
    /// and a listener would have one turn of many.
    private mutating func serveListeners() {
        for index in listeners.indices where listeners[index].isRead {
            serve(EventLoop.Ready(readable: UInt64(index)))
        }
    }

    /// Reads and handles what waits at a listener, within bounds.
    private mutating func serveListener(_ index: Int, now: Instant) throws(SocketError) {
        budget.begin(share.allowance)
        share.countListened(0)
        while budget.slots > 0 {
            if batch.freeSlots < DatagramBatch.capacity { flush() }
            let wanted = budget.slots
            let slots = try batch.receive(from: ports[index].socket, limit: wanted)
            var count = slots.count
            for slot in slots {
                if let train = batch.train(in: slot) {
                    count &+= train.count &- 1
                    handle(train, of: index)
                    continue
                }
                handle(slot, of: index)
            }
            budget.spend(count, in: slots.count)
            share.countListened(count)
            clientDatagrams &+= count
            turnDatagrams &+= count
            guard slots.count == wanted else { return }
        }
    }

    @inline(__always)
    private mutating func handle(_ slot: Int, of index: Int) {
        if DTLSRecord.isMeant(batch.firstByte(of: slot)), dtls.isOn, !isMirrored(slot, of: index) {
            return handleDTLS(slot, of: index)
        }
        ClientDatagram.handle(
            slot,
            of: ports,
            index,
            now,
            &batch,
            &server,
            &relays,
            telling: &events,
            failures: &failures
        )
    }

    private mutating func handle(_ train: DatagramBatch.Train, of index: Int) {
        guard ClientDatagram.isData(train, &batch) else {
            batch.takeApart(train)
            for number in 0..<train.count { handle(batch.takeOut(number, of: train), of: index) }
            return
        }
        ClientDatagram.handle(
            train,
            of: ports,
            index,
            now,
            &batch,
            &server,
            &relays,
            telling: &events,
            failures: &failures
        )
    }

    /// Reads and handles what waits at a relay socket, within bounds.
    private mutating func serveRelay(_ ready: EventLoop.Ready, now: Instant) throws(SocketError) {
        guard let index = relays.index(of: ready.token), let socket = relays[index] else {
            return loop.discard(ready)
        }
        let relay = RelayID(index: Int32(truncatingIfNeeded: index))
        if ready.hasError { tellErrors(of: socket, relay, now: now) }
        if ready.isReadable {
            var rest = ready
            var burst = ReadBudget(most: Self.relayBurst.slots, each: relays.trainLengths[index])
            repeat {
                if batch.freeSlots < Self.relayBurst.slots { flush() }
                if dtls.count > 0 { dtls.makeRoom(DTLSClients.roomForBurst, in: &batch) }
                // A ring has received already: what it has is taken, and in turns of the same size.
                burst.begin(Self.relayBurst.datagrams)
                let slots = try batch.receive(&rest, from: socket, limit: burst.slots)
                var count = slots.count
                for slot in slots { count &+= handle(slot, at: relay, socket) }
                burst.spend(count, in: slots.count)
                share.countRelayed(count)
                turnDatagrams &+= count
            } while rest.hasArrivals
            relays.trainLengths[index] = burst.each
        }
        if ready.hasEnded { try relays.receive(socket, token: ready.token) }
    }

    /// How many errors of a relay socket are read in a turn: a ring does not tell again what is left.
    private var errorBurst: Int { loop.backend == .ioUring ? 4096 : 16 }

    /// Passes ICMP errors on to the client (RFC 8656 section 11.5).
    private mutating func tellErrors(of socket: SocketHandle, _ relay: RelayID, now: Instant) {
        for report in ErrorQueue(of: socket, limit: errorBurst) {
            if batch.freeSlots == 0 { flush() }
            if dtls.count > 0 { dtls.makeRoom(in: &batch) }
            PeerDatagram.handle(report, at: relay, to: ports, now, &batch, &server, &streams, &dtls)
        }
    }

    private mutating func tellEffects() {
        guard server.hasEffects else { return }
        for effect in server.takeEffects() { events.tell(effect) }
    }

    /// Sends what is queued, and then closes the sockets of allocations that have ended.
    mutating func flush() {
        let failed = batch.flush()
        if clientDatagrams > 0 { countTimes() }
        relays.closeEnded(now: now)
        guard failed.count > 0 else { return }
        SendFailures.tell(failed, to: &events)
    }
}

extension Worker {
    /// Counts what the clients' datagrams of a batch took: one more look at the clock for all of them.
    private mutating func countTimes() {
        let sent = SystemClock.monotonic()
        requestTimes.count(clientDatagrams, nanoseconds: sent > batchBegan ? sent &- batchBegan : 0)
        clientDatagrams = 0
        batchBegan = sent
    }
}
