import Addresses
import Observability
import PacketEngine
import STUNCodec
import ServerCore

/// One thread's share of the server: its sockets, its `Server`, its batch memory.
///
/// Nothing of it is shared.
///
/// The packet path allocates nothing, locks nothing and formats nothing: what must be told goes into the event ring,
/// whose reader formats it.
struct Worker: ~Copyable {
    /// How many batches one socket may have before the others get their turn.
    private static let batchesPerTurn = 4
    private static let mailboxToken = UInt64.max

    private var server: Server
    private var batch: DatagramBatch
    private var loop: EventLoop
    /// Keeps the sockets open whose handles `ports` holds.
    private let listeners: [Listeners.Listener]
    private let ports: [Port]
    private let mailbox: Mailbox
    private var events: WorkerEvents
    private var sendFailures: UInt64 = 0
    private var isStopping = false

    /// A listener as the packet path uses it.
    private struct Port {
        let socket: SocketHandle
        let role: SocketRole
    }

    /// `seed` must be random (`Server`).
    init(
        policy: Policy,
        listeners: [Listeners.Listener],
        mailbox: Mailbox,
        events: consuming WorkerEvents,
        seed: UInt64
    ) throws(SocketError) {
        var loop = try EventLoop()
        for (index, listener) in listeners.enumerated() where listener.isRead {
            try loop.watch(listener.socket.handle, token: UInt64(index))
        }
        try loop.watch(mailbox.wakeUp, token: Self.mailboxToken)
        self.loop = loop
        server = Server(policy: policy, seed: seed)
        batch = DatagramBatch()
        self.listeners = listeners
        ports = listeners.map { Port(socket: $0.socket.handle, role: $0.role) }
        self.mailbox = mailbox
        self.events = events
    }

    /// Serves until the mailbox says stop.
    mutating func run() throws(SocketError) {
        while !isStopping {
            var failure: SocketError?
            let ready = try loop.wait()
            for index in 0..<ready {
                let token = loop.ready(index).token
                if token == Self.mailboxToken {
                    readMailbox()
                } else {
                    do throws(SocketError) { try serve(Int(token)) } catch { failure = error }
                }
            }
            // One broken socket must not end the service of the others; the log says which and why.
            if let failure { events.socketFailed(failure) }
        }
    }

    private mutating func readMailbox() {
        for message in mailbox.takeAll() {
            switch message {
            case .adopt(let policy): server.policy = policy
            case .clearSources: server.clearSources()
            case .stop: isStopping = true
            case .report(let reply):
                reply(
                    WorkerReport(
                        counters: server.counters,
                        sources: server.sources.newestFirst,
                        sendFailures: sendFailures,
                        now: Instant(nanoseconds: SystemClock.monotonic())
                    )
                )
            }
        }
    }

    /// Reads and answers what waits at one socket, within bounds.
    private mutating func serve(_ index: Int) throws(SocketError) {
        let port = ports[index]
        for _ in 0..<Self.batchesPerTurn {
            let slots = try batch.receive(from: port.socket)
            guard !slots.isEmpty else { return }
            let now = SystemClock.monotonic()
            events.beginBatch(now: now)
            for slot in slots { answer(slot, on: port, now: Instant(nanoseconds: now)) }
            flush()
            events.endBatch()
            guard slots.count == DatagramBatch.capacity else { return }
        }
    }

    private mutating func answer(_ slot: Int, on port: Port, now: Instant) {
        let source = batch.source(of: slot)
        let local = port.socket.local
        let asked: IPAddress
        switch port.socket.isWildcard ? batch.destination(of: slot) : .unknown {
        case .address(let address): asked = address
        case .unknown: asked = local.address
        case .group: return server.refuseGroupDatagram()
        }
        let flow = ClientFlow(source: source, destination: SocketAddress(asked, port: local.port), role: port.role)
        let (verdict, count) = Self.decide(slot, flow, now, in: &batch, by: &server, telling: &events)
        if server.hadWrongLength { events.tell(.wrongLength, from: source) }
        if server.hadUnknownAttribute { events.tell(.unknownAttribute, from: source, detail: UInt32(server.detail)) }
        switch verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: source)
        case .reply:
            // The same socket; on a wildcard socket from the address that was asked.
            let origin = port.socket.isWildcard ? asked : nil
            batch.queue(
                slot: slot,
                offset: DatagramBatch.headroom,
                count: count,
                on: port.socket,
                from: origin,
                toPort: nil,
                tag: Int(port.role.rawValue)
            )
            events.answered(source, fromOtherPort: false)
        case .replyFrom(let role, let toPort):
            send(slot, count, by: role, flow, toPort: toPort)
        }
    }

    /// Has the core decide on a slot's datagram, in place; returns the answer's length with the verdict.
    ///
    /// The parts come as arguments because a span into the batch may not overlap an access to the whole worker.
    private static func decide(
        _ slot: Int,
        _ flow: ClientFlow,
        _ now: Instant,
        in batch: inout DatagramBatch,
        by server: inout Server,
        telling events: inout WorkerEvents
    ) -> (Verdict, Int) {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: flow.source)
        let verdict = server.receive(&packet, from: flow, now: now)
        return (verdict, packet.count)
    }

    /// Queues an answer on the socket that has the address of a role: its own one, else that on all addresses, which must
    /// be told which address to send from.
    private mutating func send(_ slot: Int, _ count: Int, by role: SocketRole, _ flow: ClientFlow, toPort: UInt16?) {
        let family = flow.source.address.family
        let wanted = server.policy.endpoints(family).address(of: role, for: flow)?.address
        var chosen: Port?
        for port in ports where port.role == role && port.socket.local.address.family == family {
            if port.socket.local.address == wanted {
                chosen = port
                break
            }
            if port.socket.isWildcard { chosen = port }
        }
        guard let chosen, let wanted else {
            sendFailures &+= 1
            return
        }
        let origin = chosen.socket.isWildcard ? wanted : nil
        batch.queue(
            slot: slot,
            offset: DatagramBatch.headroom,
            count: count,
            on: chosen.socket,
            from: origin,
            toPort: toPort,
            tag: Int(role.rawValue)
        )
        events.answered(flow.source, fromOtherPort: role != flow.role)
    }

    private mutating func flush() {
        let failures = batch.flush()
        guard let last = failures.last else { return }
        sendFailures &+= UInt64(failures.count)
        let isSecondPort = SocketRole(rawValue: UInt8(truncatingIfNeeded: last.tag))?.isOnAlternatePort == true
        events.sendFailed(last.code, to: last.destination, bySecondPort: isSecondPort)
    }
}
