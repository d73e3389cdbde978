import Addresses
import PacketEngine
import STUNCodec
import ServerCore

/// What came by a stream: a client's request, indication or ChannelData in a slot of its own.
enum ClientFrame {
    /// Has the core decide on a slot's frame, in place, and sends what leaves; a connection with a peer that is to be made, or
    /// to be bound, is the caller's.
    @discardableResult
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
    ) -> Verdict {
        let flow = streams.connections[index].flow
        let decision = Decision.make(on: slot, from: flow, now, &batch, &server, &relays, telling: &events)
        ClientDatagram.tellOf(&server, flow.source, &events)
        switch decision.verdict {
        case .drop(let reason):
            events.dropped(reason, detail: server.detail, from: flow.source)
        case .reply, .bound:
            let answer = Packet(batch.bytes(of: slot), headroom: decision.offset, count: decision.count)
            streams.answer(answer.bytes, on: index)
            events.answered(flow.source, fromOtherPort: false)
        case .connect:
            break
        case .toPeer(let peer, let relay, let dontFragment):
            if let socket = relays[Int(relay.index)] {
                ClientDatagram.sendToPeer(slot, decision, on: socket, to: peer, dontFragment, &batch)
            } else {
                failures.countMissingSocket()
            }
        case .replyFrom, .replyFor, .handOver, .toClient, .attempt:
            // A stream's answers leave by the stream.
            failures.countMissingSocket()
        }
        return decision.verdict
    }
}

extension Worker {
    /// Serves streams, after all datagrams and for no longer than `StreamShare` has it.
    mutating func serveStreams(among count: Int) {
        // Datagrams do not wait for them.
        flush()
        for kind in StreamShare.Kind.allCases { serveStreams(kind, among: count) }
    }

    /// Those of each kind have a place where the next turn starts: neither are the same ones always left, nor does one kind wait for
    /// another.
    private mutating func serveStreams(_ kind: StreamShare.Kind, among count: Int) {
        let first = streamShare.start(kind, of: count) { loop.ready($0).token }
        for number in 0..<count {
            let index = (first + number) % count
            let ready = loop.ready(index)
            guard Streams.isStream(ready.token), self.kind(of: ready.token) == kind else { continue }
            guard streamShare.hasRoom(for: kind), kind != .beginning || streams.tls.handshakesLeft > 0 else {
                streamShare.leave(kind, ready.token, at: index)
                continue
            }
            serve(ready)
        }
    }

    /// What a token's stream wants done; nil for one that has ended in this turn.
    private func kind(of token: UInt64) -> StreamShare.Kind? {
        if PeerStreams.isPeer(token) {
            if PeerStreams.isListener(token) { return relays.listener(of: token) == nil ? nil : .accepting }
            return peers.find(token) == nil ? nil : .going
        }
        if Streams.isListener(token) { return .accepting }
        guard let index = streams.index(of: token) else { return nil }
        return streams.connections[index].isBeginning ? .beginning : .going
    }

    /// Accepts connections, or reads and handles what has come by one.
    mutating func serveStream(_ ready: EventLoop.Ready) throws(SocketError) {
        if PeerStreams.isPeer(ready.token) {
            if PeerStreams.isListener(ready.token) {
                streamShare.countAccepting()
            } else {
                streamShare.countConnection()
            }
            return try servePeer(ready)
        }
        if Streams.isListener(ready.token) {
            streamShare.countAccepting()
            try streams.accept(ready.token, now: now.nanoseconds, telling: &events)
            if streams.needsSweep, nextSweep == .max { nextSweep = now.nanoseconds + Self.sweepPause }
            return
        }
        guard let index = streams.index(of: ready.token) else { return }
        if streams.connections[index].isBeginning {
            streamShare.countBeginning()
        } else {
            streamShare.countConnection(isRelaying: streams.connections[index].isRelaying)
        }
        if ready.hasError || ready.hasHungUp, streams.connections[index].partner != nil, streams.isBroken(index) {
            streams.abort(index, .broken)
        } else if ready.isWritable {
            streams.write(index)
        }
        guard streams.connections[index].isLive else { return endStreams() }
        let isRead = ready.isReadable && streams.connections[index].reading == .input
        if isRead || ready.hasHungUp || ready.hasError {
            readStream(index)
        } else if ready.isWritable {
            serveDataClient(index, hasRead: false)
        }
        endStreams()
    }

    mutating func readStream(_ index: Int) {
        let mayBegin = streams.tls.handshakesLeft > 0
        streams.read(index, now: now.nanoseconds)
        // Its first byte has told only now what it is, and waits where it is.
        guard mayBegin || !streams.connections[index].isBeginning else { return streamShare.postpone() }
        if streams.wantsTLS(index) { beginTLS(index) }
        if let target = streams.connections[index].web { return passOn(index, to: target) }
        if streams.connections[index].partner != nil { return serveDataClient(index, hasRead: true) }
        serveFrames(index)
    }

    /// Begins TLS for a client that may: its handshake takes as much time as hundreds of packets.
    private mutating func beginTLS(_ index: Int) {
        guard server.mayBeginSession(from: streams.connections[index].flow, now: now) else {
            return streams.close(index, .tooManySessions)
        }
        streams.beginTLS(index)
    }

    /// Handles the frames of what was read.
    mutating func serveFrames(_ index: Int) {
        var relayed = 0
        var messages = 0
        while true {
            if batch.freeSlots == 0 { flush() }
            if let other = otherWorker(for: index) {
                return mailboxes[other].send(.take(streams.handOver(index)))
            }
            guard let slot = streams.nextFrame(index, into: &batch, now: now.nanoseconds) else { break }
            let verdict = ClientFrame.handle(
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
            if case .toPeer = verdict {
                relayed &+= 1
                streamShare.countRelayed()
            } else {
                messages &+= 1
                streamShare.countMessage()
            }
            switch verdict {
            case .connect(let peer, let relay, let id): connect(to: peer, from: relay, as: id)
            case .bound(let id): return bind(index, to: id)
            default: break
            }
        }
        if relayed &+ messages > 0, streams.connections[index].isLive {
            streams.connections[index].isRelaying = relayed > messages
        }
        streams.endReading(index, now: now.nanoseconds)
    }

    /// Writes what this turn has for the clients of streams.
    mutating func flushStreams() {
        streams.flush()
        endStreams()
    }

    /// Ends the allocations of connections that have ended.
    mutating func endStreams() {
        while let ended = streams.nextEnded() {
            if let partner = ended.partner { endPeer(of: partner) }
            if !ended.isKept { events.tell(ended.end, ended.failure, of: ended.flow.source) }
            server.connectionClosed(ended.flow, now: now, ports: &relays)
        }
    }

    /// Ends connections whose clients owe something for too long.
    mutating func sweepStreams() {
        guard now.nanoseconds >= nextSweep else { return }
        let isDone = streams.sweep(now: now.nanoseconds, isNeeded: server.hasAllocation)
        endStreams()
        // Soon, but packets come first.
        guard isDone, sweepPeers() else {
            nextSweep = now.nanoseconds
            return
        }
        let isNeeded = streams.needsSweep || peers.count > 0 || relays.hasPaused
        nextSweep = isNeeded ? now.nanoseconds + Self.sweepPause : .max
    }
}
