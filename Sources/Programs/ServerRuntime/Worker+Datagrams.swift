import Addresses
import Observability
import PacketEngine
import STUNCodec
import ServerCore

// The parts of the worker come as arguments because a span into the batch may not overlap an access to the whole worker.

/// What came to a listener: requests, indications and ChannelData of clients.
enum ClientDatagram {
    /// Has the core decide on a slot's datagram, in place, and queues what leaves.
    static func handle(
        _ slot: Int,
        of ports: [Worker.Port],
        _ index: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        let port = ports[index]
        let source = batch.source(of: slot)
        let local = port.socket.local
        let asked: IPAddress
        switch port.socket.isWildcard ? batch.destination(of: slot) : .unknown {
        case .address(let address): asked = address
        case .unknown: asked = local.address
        case .group: return server.refuseGroupDatagram()
        }
        let flow = ClientFlow(
            source: source,
            destination: SocketAddress(asked, port: local.port),
            role: port.role,
            socket: UInt16(truncatingIfNeeded: index)
        )
        let decision = decide(slot, flow, now, &batch, &server, &relays, telling: &events)
        if server.hadWrongLength { events.tell(.wrongLength, from: source) }
        if server.hadUnknownAttribute { events.tell(.unknownAttribute, from: source, detail: UInt32(server.detail)) }
        if let refused = server.refused { events.tell(refused, from: source) }
        let (offset, count) = (decision.offset, decision.count)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: source)
        case .reply:
            // The same socket; on a wildcard socket from the address that was asked.
            let origin = port.socket.isWildcard ? asked : nil
            batch.queue(
                slot: slot, offset: offset, count: count, on: port.socket, from: origin, tag: Int(port.role.rawValue)
            )
            events.answered(source, fromOtherPort: false)
        case .replyFrom(let role, let toPort):
            let wanted = server.policy.endpoints(source.address.family).address(of: role, for: flow)?.address
            guard let wanted, let chosen = choose(role, wanted, among: ports) else {
                return failures.countMissingSocket()
            }
            batch.queue(
                slot: slot, offset: offset, count: count, on: chosen.socket,
                from: chosen.socket.isWildcard ? wanted : nil, toPort: toPort, tag: Int(role.rawValue)
            )
            events.answered(source, fromOtherPort: role != flow.role)
        case .toPeer(let peer, let relay, let dontFragment):
            guard let socket = relays[Int(relay.index)] else { return }
            batch.queue(
                slot: slot, offset: offset, count: count, on: socket, to: peer, dontFragment: dontFragment,
                tag: SendFailures.relayTag
            )
        case .toClient:
            // The core never sends one client's datagram straight to another.
            failures.countMissingSocket()
        }
    }

    private static func decide(
        _ slot: Int,
        _ flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents
    ) -> (verdict: Verdict, offset: Int, count: Int) {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: flow.source)
        let verdict = server.receive(&packet, from: flow, now: now, ports: &relays)
        return (verdict, packet.start, packet.count)
    }

    /// The socket that has the address of a role: its own one, else that on all addresses, which must be told which
    /// address to send from.
    private static func choose(_ role: SocketRole, _ wanted: IPAddress, among ports: [Worker.Port]) -> Worker.Port? {
        var chosen: Worker.Port?
        for port in ports where port.role == role && port.socket.local.address.family == wanted.family {
            if port.socket.local.address == wanted { return port }
            if port.socket.isWildcard { chosen = port }
        }
        return chosen
    }
}

/// What came to a relay socket: datagrams of peers, and ICMP errors.
enum PeerDatagram {
    /// Has the core decide on a slot's datagram, in place, and queues what goes to the client.
    static func handle(
        _ slot: Int,
        at relay: RelayID,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        telling events: inout WorkerEvents
    ) {
        let peer = batch.source(of: slot)
        let decision = decide(slot, relay, peer, now, &batch, &server, telling: &events)
        guard case .toClient(let flow) = decision.verdict else { return }
        send(slot, decision.offset, decision.count, to: flow, by: ports, &batch)
    }

    /// Tells the client of an ICMP error.
    static func handle(
        _ report: ErrorQueue.Report,
        at relay: RelayID,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server
    ) {
        let error: ICMP
        let peer: SocketAddress
        switch report {
        case .icmp(let icmp):
            error = ICMP(type: icmp.type, code: icmp.code, data: icmp.data)
            peer = icmp.peer
        case .tooBig(let destination, let mtu):
            // This host is the first on the way: it says what a router there would have said.
            let isV4 = destination.address.family == .v4
            error = ICMP(type: isV4 ? 3 : 2, code: isV4 ? 4 : 0, data: mtu)
            peer = destination
        }
        guard let slot = batch.takeSlot() else { return }
        let decision = decide(slot, relay, error, peer, now, &batch, &server)
        guard case .toClient(let flow) = decision.verdict else { return }
        send(slot, decision.offset, decision.count, to: flow, by: ports, &batch)
    }

    private static func send(
        _ slot: Int,
        _ offset: Int,
        _ count: Int,
        to flow: ClientFlow,
        by ports: [Worker.Port],
        _ batch: inout DatagramBatch
    ) {
        let port = ports[Int(flow.socket)]
        batch.queue(
            slot: slot, offset: offset, count: count, on: port.socket, to: flow.source,
            from: port.socket.isWildcard ? flow.destination.address : nil, tag: Int(port.role.rawValue)
        )
    }

    private static func decide(
        _ slot: Int,
        _ relay: RelayID,
        _ peer: SocketAddress,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        telling events: inout WorkerEvents
    ) -> (verdict: Verdict, offset: Int, count: Int) {
        // A datagram that was cut is none (DatagramBatch), but an empty one is data too.
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: peer)
        let verdict = server.receiveFromPeer(&packet, at: relay, from: peer, now: now)
        return (verdict, packet.start, packet.count)
    }

    private static func decide(
        _ slot: Int,
        _ relay: RelayID,
        _ error: ICMP,
        _ peer: SocketAddress,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server
    ) -> (verdict: Verdict, offset: Int, count: Int) {
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        let verdict = server.receiveError(error, &packet, at: relay, to: peer, now: now)
        return (verdict, packet.start, packet.count)
    }
}
