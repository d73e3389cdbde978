import Addresses
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore

/// What came to a listener and may be DTLS.
enum DTLSDatagram {
    /// Has a session take a slot's datagram, and the core decide on each message in it; queues what leaves.
    static func handle(
        _ slot: Int,
        from flow: ClientFlow,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        dtls.makeRoom(in: &batch)
        switch find(slot, flow, now, &batch, &dtls) {
        case .stranger:
            // What it is otherwise: nothing that is answered.
            return ClientDatagram.handle(
                slot,
                of: ports,
                Int(flow.socket),
                now,
                &batch,
                &server,
                &relays,
                telling: &events,
                failures: &failures
            )
        case .done: break
        case .client(let row):
            take(slot, row, to: ports, now, &batch, &server, &relays, &dtls, telling: &events, failures: &failures)
        case .proven(let hello):
            if !server.mayBeginSession(from: flow, now: now) {
                dtls.counters.refusedRate &+= 1
            } else if let row = dtls.begin(hello, from: flow, now: now.nanoseconds, telling: &events) {
                take(slot, row, to: ports, now, &batch, &server, &relays, &dtls, telling: &events, failures: &failures)
            }
        }
        dtls.queue(by: ports, &batch)
    }

    private static func find(
        _ slot: Int,
        _ flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ dtls: inout DTLSClients
    ) -> DTLSClients.Finding {
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        return dtls.find(packet.bytes, from: flow, now: now.nanoseconds)
    }

    private static func take(
        _ slot: Int,
        _ row: Int,
        to ports: [Worker.Port],
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        var arrival = decrypt(slot, row, now, &batch, &dtls)
        while arrival.count > 0 {
            batch.replace(slot, with: dtls.message(arrival.count))
            decide(slot, row, now, &batch, &server, &relays, &dtls, telling: &events, failures: &failures)
            guard arrival.isUnfinished else { return }
            // The next message takes the place of this one, which may have been queued for a peer.
            dtls.queue(by: ports, &batch)
            batch.sendQueued()
            dtls.makeRoom(in: &batch)
            arrival = dtls.take(RawSpan(), of: row, now: now.nanoseconds)
        }
    }

    private static func decrypt(
        _ slot: Int,
        _ row: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ dtls: inout DTLSClients
    ) -> DTLSClients.Arrival {
        let length = batch.length(of: slot)
        let packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        return dtls.take(packet.bytes, of: row, now: now.nanoseconds)
    }

    /// Has the core decide on a message of a client, in place.
    private static func decide(
        _ slot: Int,
        _ row: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        guard dtls.has(row) else { return }
        let flow = dtls.clients[row].flow
        let decision = Decision.make(on: slot, from: flow, now, &batch, &server, &relays, telling: &events)
        ClientDatagram.tellOf(&server, flow.source, &events)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: flow.source)
        case .reply:
            let answer = Packet(batch.bytes(of: slot), headroom: decision.offset, count: decision.count)
            dtls.send(answer.bytes, to: Int(flow.socket))
            events.answered(flow.source, fromOtherPort: false)
        case .toPeer(let peer, let relay, let dontFragment):
            guard let socket = relays[Int(relay.index)] else { return failures.countMissingSocket() }
            ClientDatagram.sendToPeer(slot, decision, on: socket, to: peer, dontFragment, &batch)
        case .replyFrom, .replyFor, .handOver, .toClient, .connect, .bound, .attempt:
            // A session's answers leave by the session, and only streams have connections to peers.
            failures.countMissingSocket()
        }
    }
}

extension Worker {
    /// Handles a datagram that may be DTLS by its first byte.
    mutating func handleDTLS(_ slot: Int, of index: Int) {
        guard batch.isWhole(slot) else { return server.refuseCutDatagram() }
        guard let flow = ClientDatagram.flow(of: slot, on: ports[index], index, &batch) else {
            return server.refuseGroupDatagram()
        }
        guard flow.source.isAnswerable, batch.length(of: slot) > 0 else {
            return ClientDatagram.handle(
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
        DTLSDatagram.handle(
            slot,
            from: flow,
            to: ports,
            now,
            &batch,
            &server,
            &relays,
            &dtls,
            telling: &events,
            failures: &failures
        )
        endDTLS()
    }

    /// Does what time demands of sessions.
    mutating func advanceDTLS() {
        if dtls.isTickDue(now.nanoseconds) {
            for place in (0..<dtls.handshakeCount).reversed() {
                dtls.makeRoom(in: &batch)
                dtls.tick(place, now: now.nanoseconds)
                dtls.queue(by: ports, &batch)
            }
            dtls.endTicks(now: now.nanoseconds)
        }
        if dtls.isSweepDue(now.nanoseconds) {
            // Each that is ended is told so.
            dtls.makeRoom(DTLSClients.roomForAll, in: &batch)
            dtls.sweep(now: now.nanoseconds, isNeeded: server.hasAllocation)
            dtls.queue(by: ports, &batch)
        }
        endDTLS()
    }

    /// Tells all clients of DTLS that the server stops.
    mutating func endAllDTLS() {
        dtls.makeRoom(DTLSClients.roomForAll, in: &batch)
        dtls.endAll()
        dtls.queue(by: ports, &batch)
        while dtls.nextEnded() != nil {}
    }

    /// Ends the allocations of sessions that have ended.
    mutating func endDTLS() {
        while let ended = dtls.nextEnded() {
            events.tell(ended.end, of: ended.flow.source)
            server.connectionClosed(ended.flow, now: now, ports: &relays)
        }
    }
}
