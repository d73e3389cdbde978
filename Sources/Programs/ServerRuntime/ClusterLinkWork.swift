import Addresses
import ClusterCore
import Observability
import PacketEngine
import STUNCodec
import ServerSettings

/// What the thread of `ClusterLink` owns.
struct ClusterLinkWork: ~Copyable {
    private static let wakeUpToken = UInt64.max

    private let surroundings: ClusterLink.Surroundings
    private var loop: EventLoop
    private var batch = DatagramBatch(mode: .single, joinsTrains: false)
    private var sockets: [UDPSocket] = []
    private var isWatching = false
    private var findings: ClusterLink.Findings
    /// The requests to foreign servers that may still be answered: what they are and what to take the answer for.
    private var probes: [SocketAddress: (id: TransactionID, sequence: UInt64)] = [:]
    private var told: ClusterView?
    private var nextOwn: UInt64 = 0

    init(_ surroundings: ClusterLink.Surroundings) throws(SocketError) {
        self.surroundings = surroundings
        loop = try EventLoop()
        findings = ClusterLink.Findings(
            membership: Membership(
                instance: surroundings.instance,
                // Random, so that no pong of an earlier start names a ping of this one.
                firstSequence: UInt64.random(in: .min ... .max)
            )
        )
        for address in surroundings.addresses { open(address) }
    }

    /// Opens a socket to ask from; without one its family's servers are lost, which is told of each of them.
    private mutating func open(_ address: IPAddress) {
        let local = SocketAddress(address, port: 0)
        do throws(SocketError) {
            let socket = try UDPSocket(bindingTo: local, sharesPort: false, bufferSize: 262_144)
            try loop.watch(socket.handle, token: UInt64(sockets.count))
            sockets.append(socket)
        } catch {
            // A host without IPv6 has no such servers either.
        }
    }

    /// Does what is due and waits for what comes; false when the link is being stopped.
    mutating func turn(of link: ClusterLink) throws(SocketError) -> Bool {
        if !isWatching {
            try link.watch(by: &loop, token: Self.wakeUpToken)
            isWatching = true
        }
        guard !link.isStopping else { return false }
        var now = SystemClock.monotonic() / 1000
        if let orders = link.takeOrders() { adopt(orders, now: now) }
        // The workers first: this server answers itself, too.
        look(now: now, for: link)
        ask(now: now)
        let deadline = findings.membership.nextDeadline(at: now)
        now = SystemClock.monotonic() / 1000
        let pause = deadline.map { $0 > now ? ($0 &- now) &* 1000 : 0 }
        for index in 0..<(try loop.wait(timeoutNanoseconds: pause)) { try read(loop.ready(index)) }
        return true
    }

    private mutating func adopt(_ orders: ClusterLink.Orders, now: UInt64) {
        findings.orders = orders
        nextOwn = 0
        // The key may be another one.
        told = nil
        findings.membership.adopt(orders.entries, at: now)
        let stays = Set(orders.entries.map(\.address))
        probes = probes.filter { stays.contains($0.key) }
        findings.sendErrors = findings.sendErrors.filter { stays.contains($0.key) }
    }

    // MARK: - Asking

    private mutating func ask(now: UInt64) {
        let unix = surroundings.unixMilliseconds()
        for ping in findings.membership.pings(at: now, unixMilliseconds: unix) {
            guard let socket = sockets.first(where: { $0.local.address.family == ping.address.address.family }) else {
                continue
            }
            findings.sendErrors[ping.address] = nil
            switch ping.kind {
            case .sealed: sendPing(ping, by: socket, unix: unix)
            case .classic: sendProbe(ping, by: socket)
            }
            flush()
        }
    }

    private mutating func sendPing(_ ping: Membership.Ping, by socket: UDPSocket, unix: Int64) {
        guard let key = findings.orders.key, let slot = batch.takeSlot() else { return }
        let instance = surroundings.instance
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        Heartbeat.writePing(
            to: &packet,
            id: ping.sequence,
            from: instance,
            at: UInt64(clamping: unix),
            with: key
        )
        let count = packet.count
        queue(slot, count, to: ping.address, by: socket)
    }

    /// A Binding request of RFC 3489: a foreign server that only knows later ones answers it too.
    private mutating func sendProbe(_ ping: Membership.Ping, by socket: UDPSocket) {
        guard let slot = batch.takeSlot() else { return }
        let id = TransactionID(high: UInt64.random(in: .min ... .max), low: UInt64.random(in: .min ... .max))
        probes[ping.address] = (id, ping.sequence)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        let writer = MessageWriter(
            MessageType(.binding, .request),
            in: .classic,
            context: AttributeContext(transactionID: id, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        packet.write(id.high, at: 4)
        packet.write(id.low, at: 12)
        writer.finish(&packet)
        let count = packet.count
        queue(slot, count, to: ping.address, by: socket)
    }

    private mutating func queue(_ slot: Int, _ count: Int, to address: SocketAddress, by socket: UDPSocket) {
        batch.queue(
            slot: slot,
            offset: DatagramBatch.headroom,
            count: count,
            on: socket.handle,
            to: address,
            tag: 0
        )
    }

    private mutating func flush() {
        if let failure = batch.flush().last { findings.sendErrors[failure.destination] = failure.code }
    }

    // MARK: - Listening

    private mutating func read(_ ready: EventLoop.Ready) throws(SocketError) {
        guard ready.token < UInt64(sockets.count) else { return }
        let socket = sockets[Int(ready.token)]
        let slots = try batch.receive(from: socket.handle)
        let now = SystemClock.monotonic() / 1000
        for slot in slots { take(slot, now: now) }
        _ = batch.flush()
    }

    private mutating func take(_ slot: Int, now: UInt64) {
        let source = batch.source(of: slot)
        // Only who is asked is listened to.
        guard let link = findings.membership.links.first(where: { $0.entry.address == source }) else { return }
        let pong = link.entry.kind == .sealed ? sealedPong(slot) : classicPong(slot, from: source)
        if let pong { findings.membership.take(pong, from: source, at: now) }
    }

    private mutating func sealedPong(_ slot: Int) -> Membership.Pong? {
        guard let key = findings.orders.key else { return nil }
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        guard let pong = try? Heartbeat.readPong(packet.bytes, with: key) else { return nil }
        return Membership.Pong(
            sequence: pong.id,
            unixMilliseconds: Int64(clamping: pong.unixMilliseconds),
            state: pong.state,
            foundStale: pong.foundStale
        )
    }

    private mutating func classicPong(_ slot: Int, from source: SocketAddress) -> Membership.Pong? {
        guard let probe = probes[source] else { return nil }
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        guard let message = try? Message(parsing: packet.bytes, as: .classic), message.transactionID == probe.id,
            message.type == MessageType(.binding, .success)
        else { return nil }
        var state = ServerState()
        // CHANGED-ADDRESS names the other port along with the other address (RFC 3489 section 11.2.3).
        state.port2 = message[ChangedAddress.self]?.address.port ?? 0
        return Membership.Pong(sequence: probe.sequence, unixMilliseconds: nil, state: state)
    }

    // MARK: - Telling

    private mutating func look(now: UInt64, for link: ClusterLink) {
        for change in findings.membership.changes(at: now) {
            guard let (code, text) = change.entry(findings.orders, now: now) else { continue }
            surroundings.tell(code, text)
        }
        if now >= nextOwn {
            findings.own = surroundings.own()
            findings.own.instance = surroundings.instance
            nextOwn = now &+ 1_000_000
        }
        findings.now = now
        let view = findings.membership.view(own: findings.own)
        if told.map({ $0.own != view.own || $0.peers != view.peers }) != false {
            told = view
            surroundings.publish(view, findings.orders.key)
        }
        link.report(findings)
    }
}

extension ClusterLink.Orders {
    /// Each address that is to be asked.
    var entries: [Membership.Entry] {
        servers.enumerated().flatMap { place, row in
            row.addresses.map { address in
                Membership.Entry(
                    place: UInt16(clamping: place),
                    kind: row.server.isClassic ? .classic : .sealed,
                    address: address
                )
            }
        }
    }

    /// The item of the settings that a place stands for.
    func name(_ place: UInt16) -> String {
        servers.indices.contains(Int(place)) ? "\(servers[Int(place)].server)" : "?"
    }
}

extension ResolvedServer {
    /// Where it is asked.
    var addresses: [SocketAddress] {
        [v4, v6].compactMap { address in address.map { SocketAddress($0, port: server.port) } }
    }
}
