import Addresses
import PacketEngine
import STUNCodec
import ServerCore

/// What came by a stream: a client's request, indication or ChannelData in a slot of its own.
enum ClientFrame {
    /// Has the core decide on a slot's frame, in place, and sends what leaves.
    static func handle(
        _ slot: Int,
        by index: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ relays: inout RelaySockets,
        _ streams: inout Streams,
        telling events: inout WorkerEvents,
        failures: inout SendFailures
    ) {
        let flow = streams.connections[index].flow
        let decision = decide(slot, flow, now, &batch, &server, &relays, &streams, telling: &events)
        ClientDatagram.tellOf(&server, flow.source, &events)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: flow.source)
        case .reply:
            events.answered(flow.source, fromOtherPort: false)
        case .toPeer(let peer, let relay, let dontFragment):
            guard let socket = relays[Int(relay.index)] else { return failures.countMissingSocket() }
            ClientDatagram.sendToPeer(slot, decision, on: socket, to: peer, dontFragment, &batch)
        case .replyFrom, .replyFor, .handOver, .toClient, .connect, .bound, .attempt:
            // A stream's answers leave by the stream.
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
        _ streams: inout Streams,
        telling events: inout WorkerEvents
    ) -> Decision {
        let length = batch.length(of: slot)
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: length)
        events.received(packet.bytes, from: flow.source)
        let verdict = server.receive(&packet, from: flow, now: now, ports: &relays)
        if verdict == .reply { streams.answer(packet.bytes, on: Int(flow.socket)) }
        return Decision(verdict: verdict, offset: packet.start, count: packet.count)
    }
}

extension Worker {
    /// Accepts connections, or reads and handles what has come by one.
    mutating func serveStream(_ ready: EventLoop.Ready) throws(SocketError) {
        guard let index = streams.index(of: ready.token) else {
            try streams.accept(ready.token, now: now.nanoseconds, telling: &events)
            if streams.needsSweep, nextSweep == .max { nextSweep = now.nanoseconds + Self.sweepPause }
            return
        }
        if ready.isWritable { streams.write(index) }
        if ready.isReadable || ready.hasHungUp || ready.hasError { readStream(index) }
        endStreams()
    }

    private mutating func readStream(_ index: Int) {
        streams.read(index, now: now.nanoseconds)
        while true {
            if batch.freeSlots == 0 { flush() }
            guard let slot = streams.nextFrame(index, into: &batch, now: now.nanoseconds) else { break }
            ClientFrame.handle(
                slot,
                by: index,
                now,
                &batch,
                &server,
                &relays,
                &streams,
                telling: &events,
                failures: &failures
            )
            turnDatagrams &+= 1
            clientDatagrams &+= 1
        }
        streams.endReading(index, now: now.nanoseconds)
    }

    /// Writes what this turn has for the clients of streams.
    mutating func flushStreams() {
        streams.flush()
        endStreams()
    }

    /// Ends the allocations of connections that have ended.
    private mutating func endStreams() {
        while let ended = streams.nextEnded() {
            events.tell(ended.end, ended.failure, of: ended.flow.source)
            server.connectionClosed(ended.flow, now: now, ports: &relays)
        }
    }

    /// Ends connections whose clients owe something for too long.
    mutating func sweepStreams() {
        guard now.nanoseconds >= nextSweep else { return }
        streams.sweep(now: now.nanoseconds, isNeeded: server.hasAllocation)
        endStreams()
        nextSweep = streams.needsSweep ? now.nanoseconds + Self.sweepPause : .max
    }
}
