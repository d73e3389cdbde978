import Addresses
import PacketEngine
import STUNCodec
import ServerCore

// Trains: many datagrams of one sender in one slot. The core sees each as if it had come alone.

extension ClientDatagram {
    /// Has the core decide on the datagrams of a train, one after another, and queues what leaves.
    ///
    /// They are data for peers (`isData`), which is relayed from where it lies.
    static func handle(
        _ train: DatagramBatch.Train,
        of ports: [Worker.Port],
        _ index: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        guard let flow = flow(of: train.slot, on: ports[index], index, &batch) else {
            for _ in 0..<train.count { server.refuseGroupDatagram() }
            return
        }
        for number in 0..<train.count {
            relay(train[number], flow, now, &batch, &server, &relays, telling: &events, failures: &failures)
        }
    }

    /// Whether all datagrams of a train are ChannelData or Send indications, which are never answered.
    ///
    /// What may be answered gets slots of its own, because an answer is written over its request and may be longer.
    static func isData(_ train: DatagramBatch.Train, _ batch: inout DatagramBatch) -> Bool {
        for number in 0..<train.count where !isData(train[number], &batch) { return false }
        return true
    }

    private static func isData(_ part: DatagramBatch.Part, _ batch: inout DatagramBatch) -> Bool {
        let bytes = batch.read(part)
        switch Demultiplexer.classify(bytes) {
        case .channelData: return true
        case .message(.cookie): return bytes.uint16(at: 0) == MessageType(.send, .indication).rawValue
        case .message, .wrongLength, .notSTUN: return false
        }
    }

    /// Has the core decide on data for a peer, and queues it from where it lies.
    private static func relay(
        _ part: DatagramBatch.Part,
        _ flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        let decision = decide(part, flow, now, &batch, &server, &relays, telling: &events)
        tellOf(&server, flow.source, &events)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: flow.source)
        case .toPeer(let peer, let relay, let dontFragment):
            guard let socket = relays[Int(relay.index)] else { return failures.countMissingSocket() }
            batch.queue(
                part,
                start: DatagramBatch.headroom + decision.offset,
                count: decision.count,
                on: socket,
                to: peer,
                dontFragment: dontFragment,
                copiesTrafficClass: true,
                tag: SendFailures.relayTag
            )
        case .reply, .replyFrom, .handOver, .replyFor, .toClient, .connect, .bound, .attempt:
            // Nobody answers data.
            failures.countMissingSocket()
        }
    }

    private static func decide(
        _ part: DatagramBatch.Part,
        _ flow: ClientFlow,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        telling events: inout WorkerEvents
    ) -> Decision {
        // Without room around it: the neighbours are there.
        var packet = Packet(batch.bytes(of: part), count: part.count)
        events.received(packet.bytes, from: flow.source)
        let verdict = server.receive(&packet, from: flow, now: now, ports: &relays)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }
}

extension PeerDatagram {
    /// Has the core decide on the datagrams of a train, one after another where they lie, and queues what goes to the client.
    static func handle(
        _ train: DatagramBatch.Train,
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
        let peer = batch.source(of: train.slot)
        for number in 0..<train.count {
            let part = train[number]
            let decision = decide(part, relay, peer, now, &batch, &server, &streams, &dtls, telling: &events)
            if case .toClient(let flow) = decision.verdict, flow.transport == .udp {
                let port = ports[Int(flow.socket)]
                batch.queue(
                    part,
                    start: decision.offset,
                    count: decision.count,
                    on: port.socket,
                    to: flow.source,
                    from: port.socket.isWildcard ? flow.destination.address : nil,
                    copiesTrafficClass: true,
                    tag: Int(port.role.rawValue)
                )
            } else if case .toPeer(let address, _, _) = decision.verdict {
                batch.queue(
                    part,
                    start: decision.offset,
                    count: decision.count,
                    on: socket,
                    to: address,
                    copiesTrafficClass: true,
                    tag: SendFailures.relayTag
                )
            }
            batch.takeBack(part)
            // Not while the part is lent: what is queued could be sent.
            if dtls.hasSendings { dtls.queue(by: ports, trafficClassOf: train.slot, &batch) }
        }
    }

    private static func decide(
        _ part: DatagramBatch.Part,
        _ relay: RelayID,
        _ peer: SocketAddress,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ dtls: inout DTLSClients,
        telling events: inout WorkerEvents
    ) -> Decision {
        var packet = Packet(batch.lend(part), headroom: DatagramBatch.headroom, count: part.count)
        events.received(packet.bytes, from: peer)
        let verdict = server.receiveFromPeer(&packet, at: relay, from: peer, now: now)
        streams.take(packet.bytes, verdict)
        dtls.deliver(packet.bytes, verdict)
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }
}
