import Addresses
import ClusterCore
import Observability
import PacketEngine
import STUNCodec
import ServerCore

// The parts of the worker come as arguments because a span into the batch may not overlap an access to the whole worker.

/// What the core decided on a datagram, and where in its slot the outgoing one stands.
struct Decision {
    let verdict: Verdict
    let offset: Int
    let count: Int
    /// Whether it was another server's heartbeat, which the log leaves out: there is one each second, and all are alike.
    var isHeartbeat = false
}

extension Decision {
    /// Has the core decide on what a client sent by a connection or a session and that lies in a slot, in place.
    static func make(
        on slot: Int,
        from flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents
    ) -> Decision {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: flow.source)
        let verdict = server.receive(&packet, from: flow, now: now, ports: &relays)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }
}

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
        // A datagram that was cut is none: the server takes no larger ones.
        guard batch.isWhole(slot) else { return server.refuseCutDatagram() }
        let port = ports[index]
        guard let flow = flow(of: slot, on: port, index, &batch) else { return server.refuseGroupDatagram() }
        let source = flow.source
        let decision = decide(slot, flow, now, &batch, &server, &relays, telling: &events)
        tellOf(&server, source, &events)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: source)
        case .reply:
            // The same socket; on a wildcard socket from the address that was asked.
            queue(slot, decision, on: port, from: flow.destination.address, &batch)
            if !decision.isHeartbeat { events.answered(source, fromOtherPort: false) }
        case .replyFrom(let role, let toPort):
            let wanted = server.policy.endpoints(source.address.family).address(of: role, for: flow)?.address
            guard let wanted, let chosen = choose(role, wanted, among: ports) else {
                return failures.countMissingSocket()
            }
            queue(slot, decision, on: chosen, from: wanted, toPort: toPort, &batch)
            events.answered(source, fromOtherPort: role != flow.role)
        case .handOver(let other, let peer):
            queue(slot, decision, on: port, to: other, from: flow.destination.address, &batch)
            events.handedOver(from: source, to: other, peer: peer)
        case .replyFor(let client, let role):
            // From the address that the other server has sent to: it knows this server by that one, and so does the client.
            guard let chosen = choose(role, flow.destination.address, among: ports) else {
                return failures.countMissingSocket()
            }
            queue(slot, decision, on: chosen, to: client, from: flow.destination.address, &batch)
            events.answered(client, fromOtherPort: role != flow.role)
        case .toPeer(let peer, let relay, let dontFragment):
            guard let socket = relays[Int(relay.index)] else { return failures.countMissingSocket() }
            sendToPeer(slot, decision, on: socket, to: peer, dontFragment, &batch)
        case .toClient, .connect, .bound, .attempt:
            // The core never sends one client's datagram straight to another, and datagrams have no connections.
            failures.countMissingSocket()
        }
    }

    /// Tells the log what was strange about a datagram, whatever becomes of it; changes nothing of the server, which would be
    /// copied if it were not `inout`.
    static func tellOf(_ server: inout Server, _ source: SocketAddress, _ events: inout WorkerEvents) {
        if server.hadWrongLength { events.tell(.wrongLength, from: source) }
        if server.lackedOtherServer { events.tell(.changeAddressImpossible, from: source) }
        if server.hadUnknownAttribute { events.tell(.unknownAttribute, from: source, detail: UInt32(server.detail)) }
        if server.refused != nil, let refused = server.refused { events.tell(refused, from: source) }
    }

    /// The 5-tuple that a datagram came by; nil when it was sent to a broadcast or multicast address.
    static func flow(
        of slot: Int,
        on port: Worker.Port,
        _ index: Int,
        _ batch: inout DatagramBatch
    ) -> ClientFlow? {
        let asked: IPAddress
        switch port.socket.isWildcard ? batch.destination(of: slot) : .unknown {
        case .address(let address): asked = address
        case .unknown: asked = port.socket.local.address
        case .group: return nil
        }
        return ClientFlow(
            source: batch.source(of: slot),
            destination: SocketAddress(asked, port: port.socket.local.port),
            role: port.role,
            socket: UInt32(truncatingIfNeeded: index)
        )
    }

    /// Queues data for a peer on its relay socket.
    static func sendToPeer(
        _ slot: Int,
        _ decision: Decision,
        on socket: SocketHandle,
        to peer: SocketAddress,
        _ dontFragment: Bool,
        _ batch: inout DatagramBatch
    ) {
        batch.queue(
            slot: slot,
            offset: decision.offset,
            count: decision.count,
            on: socket,
            to: peer,
            dontFragment: dontFragment,
            copiesTrafficClass: true,
            tag: SendFailures.relayTag
        )
    }

    private static func queue(
        _ slot: Int,
        _ decision: Decision,
        on port: Worker.Port,
        to destination: SocketAddress? = nil,
        from source: IPAddress,
        toPort: UInt16? = nil,
        _ batch: inout DatagramBatch
    ) {
        batch.queue(
            slot: slot,
            offset: decision.offset,
            count: decision.count,
            on: port.socket,
            to: destination,
            from: port.socket.isWildcard ? source : nil,
            toPort: toPort,
            tag: Int(port.role.rawValue)
        )
    }

    private static func decide(
        _ slot: Int,
        _ flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents
    ) -> Decision {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        let isHeartbeat = SealedDatagram.isHeartbeat(packet.bytes) && server.isInFleet
        if !isHeartbeat { events.received(packet.bytes, from: flow.source) }
        let verdict = server.receive(&packet, from: flow, now: now, ports: &relays)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count, isHeartbeat: isHeartbeat)
    }

    /// The socket that has the address of a role: its own one, else that on all addresses, which must be told which
    /// address to send from.
    static func choose(_ role: SocketRole, _ wanted: IPAddress, among ports: [Worker.Port]) -> Worker.Port? {
        var chosen: Worker.Port?
        for port in ports where port.role == role && !port.isSecure && port.socket.local.address.family == wanted.family
        {
            if port.socket.local.address == wanted { return port }
            if port.socket.isWildcard { chosen = port }
        }
        return chosen
    }
}

/// What came to a relay socket: datagrams of peers, and ICMP errors.
enum PeerDatagram {
    /// Has the core decide on a slot's datagram, in place, and queues what goes to the client.
    ///
    /// - `socket`: where it came to; by that leaves what goes through a mirror to a client that has asked its port.
    static func handle(
        _ slot: Int,
        at relay: RelayID,
        _ socket: SocketHandle,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents
    ) {
        // An empty datagram is data too, but one that was cut is not.
        guard batch.isWhole(slot) else { return server.refuseCutDatagram() }
        let peer = batch.source(of: slot)
        let decision = decide(slot, relay, peer, now, &batch, &server, &streams, &dtls, telling: &events)
        if case .toPeer(let address, _, _) = decision.verdict {
            return ClientDatagram.sendToPeer(slot, decision, on: socket, to: address, false, &batch)
        }
        send(slot, decision, by: ports, &dtls, &batch)
    }

    /// Tells the client of an ICMP error.
    static func handle(
        _ report: ErrorQueue.Report,
        at relay: RelayID,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ dtls: inout DTLSClients
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
        let decision = decide(slot, relay, error, peer, now, &batch, &server, &streams, &dtls)
        send(slot, decision, by: ports, &dtls, &batch)
    }

    /// Has the core answer a Send request of a mirror, and queues the answer; false when there is no room.
    static func answerSend(
        by ports: [Worker.Port],
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ dtls: inout DTLSClients
    ) -> Bool {
        guard let slot = batch.takeSlot() else { return false }
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        let verdict = server.answerSend(over: &packet)
        let decision = Decision(verdict: verdict, offset: packet.start, count: packet.count)
        send(slot, decision, by: ports, &dtls, &batch)
        return true
    }

    private static func send(
        _ slot: Int,
        _ decision: Decision,
        by ports: [Worker.Port],
        _ dtls: inout DTLSClients,
        _ batch: inout DatagramBatch
    ) {
        guard case .toClient(let flow) = decision.verdict else { return }
        guard flow.transport == .udp else { return dtls.queue(by: ports, trafficClassOf: slot, &batch) }
        let port = ports[Int(flow.socket)]
        batch.queue(
            slot: slot,
            offset: decision.offset,
            count: decision.count,
            on: port.socket,
            to: flow.source,
            from: port.socket.isWildcard ? flow.destination.address : nil,
            // Nothing for an ICMP error's, which no datagram brought.
            copiesTrafficClass: true,
            tag: Int(port.role.rawValue)
        )
    }

    private static func decide(
        _ slot: Int,
        _ relay: RelayID,
        _ peer: SocketAddress,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents
    ) -> Decision {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: peer)
        let verdict = server.receiveFromPeer(&packet, at: relay, from: peer, now: now)
        streams.take(packet.bytes, verdict)
        dtls.deliver(packet.bytes, verdict)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }

    private static func decide(
        _ slot: Int,
        _ relay: RelayID,
        _ error: ICMP,
        _ peer: SocketAddress,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ dtls: inout DTLSClients
    ) -> Decision {
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        let verdict = server.receiveError(error, &packet, at: relay, to: peer, now: now)
        streams.take(packet.bytes, verdict)
        dtls.deliver(packet.bytes, verdict)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }
}
