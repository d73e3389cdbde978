import Addresses
import Administration
import PacketEngine
import STUNCodec
import ServerCore

// TCP connections with peers (RFC 6062): how they begin and end. The core decides, and its answers go to the client's control
// connection.

extension Worker {
    /// How many connections of a relayed address are accepted in a turn.
    private static let acceptBurst = 16

    /// Serves a connection with a peer, or a relayed address at which one waits.
    mutating func servePeer(_ ready: EventLoop.Ready) throws(SocketError) {
        if PeerStreams.isListener(ready.token) { return try acceptPeers(ready.token) }
        guard let (index, isClient) = peers.find(ready.token) else { return }
        switch peers.rows[index].stage {
        case .connecting:
            finishConnect(index)
        case .waiting:
            // Only errors and hang-ups are told.
            endPeer(index, aborting: true)
        case .spliced:
            move(index, isClient ? .one : .other, ready)
        case .copied(let client):
            copy(index, client, ready)
        }
        if server.hasConnectionWork { endPeerConnections() }
    }

    // MARK: Connect (RFC 6062 section 5.2)

    /// Begins to connect to a peer, from a relayed address.
    mutating func connect(to peer: SocketAddress, from relay: RelayID, as id: ConnectionID) {
        guard let socket = relays[Int(relay.index)] else { return }
        guard peers.takeFile() else { return fail(id, .openFiles) }
        do throws(SocketError) {
            let stream = try TCPRelaySocket.connect(from: socket, to: peer)
            if !peers.add(stream, as: .peer(id), .connecting, now: now.nanoseconds) { fail(id, .system) }
        } catch {
            peers.giveFile()
            fail(id, PeerStreamCounters.Failure(code: error.code))
        }
    }

    private mutating func fail(_ id: ConnectionID, _ failure: PeerStreamCounters.Failure) {
        peers.counters.count(failure)
        _ = tellConnected(id, false)
    }

    /// What has become of connecting.
    private mutating func finishConnect(_ index: Int) {
        let code = StreamSocket.connectionError(of: peers.rows[index].stream)
        guard let id = peers.rows[index].partner.connection else {
            return code == 0 ? join(index) : endWeb(index)
        }
        guard code == 0 else {
            peers.close(index, aborting: true)
            return fail(id, PeerStreamCounters.Failure(code: code))
        }
        peers.rows[index].stage = .waiting
        guard peers.want(.hangUp, index) else {
            peers.close(index, aborting: true)
            return fail(id, .system)
        }
        // When the rules have changed meanwhile, the core has it closed with the others that have ended.
        guard tellConnected(id, true) else { return peers.close(index, aborting: true) }
        peers.counters.connected &+= 1
    }

    /// Has the core answer a Connect request; false when its allocation has ended meanwhile.
    private mutating func tellConnected(_ id: ConnectionID, _ isConnected: Bool) -> Bool {
        tell { server, packet, now in server.peerConnected(id, isConnected, over: &packet, now: now) }
    }

    /// Has the core write an answer to a client, and sends it; false when there is none.
    private mutating func tell(_ write: (inout Server, inout Packet, Instant) -> Verdict) -> Bool {
        if batch.freeSlots == 0 { flush() }
        guard let slot = batch.takeSlot() else { return false }
        let flow = PeerAnswer.write(in: slot, now, &batch, &server, &streams, write)
        guard let flow else { return false }
        ClientDatagram.tellOf(&server, flow.source, &events)
        endStreams()
        return true
    }

    // MARK: Peers that connect (RFC 6062 section 5.3)

    private mutating func acceptPeers(_ token: UInt64) throws(SocketError) {
        for _ in 0..<Self.acceptBurst {
            guard let index = relays.listener(of: token), let socket = relays[index] else { return }
            do throws(SocketError) {
                guard let stream = try StreamSocket.accept(at: socket) else { return }
                admit(stream, at: RelayID(index: Int32(truncatingIfNeeded: index)))
            } catch {
                guard error.isOutOfFiles else { throw error }
                relays.pause(index)
                return
            }
        }
    }

    /// Tells the client of a peer's connection, or closes it at once.
    private mutating func admit(_ stream: StreamHandle, at relay: RelayID) {
        if batch.freeSlots == 0 { flush() }
        guard let slot = batch.takeSlot(), peers.takeFile() else {
            peers.counters.turnedAway &+= 1
            return StreamSocket.abort(stream)
        }
        let attempt = PeerAnswer.attempt(in: slot, stream.remote, at: relay, now, &batch, &server, &streams)
        guard let id = attempt, peers.add(stream, as: .peer(id), .waiting, now: now.nanoseconds) else {
            peers.counters.turnedAway &+= 1
            // Where it was added, it is closed already, with its file.
            if let id = attempt { return server.peerConnectionEnded(id) }
            peers.giveFile()
            return StreamSocket.abort(stream)
        }
        peers.counters.accepted &+= 1
    }

    // MARK: ConnectionBind (RFC 6062 section 5.4)

    /// Joins a client's connection, whose answer is written, with the peer's.
    ///
    /// What has come behind the request is the peer's. When all of it fits, and nothing is encrypted, the system moves what
    /// follows; else it is copied.
    mutating func bind(_ client: Int, to id: ConnectionID) {
        streams.write(client)
        guard let index = peers.index(of: id) else {
            server.peerConnectionEnded(id)
            return streams.close(client, .relayed)
        }
        guard streams.connections[client].isLive else { return endPeer(index, aborting: true) }
        guard streams.isDelivered(client) else {
            // It has asked for much before, and does not read the answers: data could not follow them.
            streams.close(client, .unread)
            return endPeer(index, aborting: true)
        }
        peers.counters.bound &+= 1
        peers.rows[index].lastMoved = now.nanoseconds
        streams.carryData(client, of: .peer(id))
        // From here on the end of one is the end of the other.
        peers.rows[index].stage = .copied(client: client)
        let stream = peers.rows[index].stream
        let early = streams.input.count &- streams.input.taken
        if early > 0, case .failed = streams.input.write(to: stream) { return endPeer(index, aborting: true) }
        let left = streams.input.count &- streams.input.taken
        if early > left { countMoved(early &- left, toPeer: true, on: index) }
        if left == 0, streams.canBeGivenAway(client) {
            let progress = peers.splice(index, with: streams.release(client))
            endStreams()
            return goOn(index, progress)
        }
        relayFromClient(index, client)
    }

    // MARK: End

    /// Closes what the core has ended, and answers Connect requests that have waited too long.
    mutating func endPeerConnections() {
        var hasMore = true
        while hasMore {
            hasMore = tell { server, packet, now in
                server.answerUnconnected(over: &packet, now: now) ?? .drop(.noAllocation)
            }
            if hasMore, case .connectFailed? = server.refused?.refusal { peers.counters.count(.timeout) }
        }
        for id in server.takeEndedConnections() {
            if let index = peers.index(of: id) { close(index, aborting: false) }
        }
    }

    /// Ends a connection with a peer and the client's that is bound to it.
    mutating func endPeer(_ index: Int, aborting: Bool) {
        if let id = peers.rows[index].partner.connection { server.peerConnectionEnded(id) }
        close(index, aborting: aborting)
    }

    private mutating func close(_ index: Int, aborting: Bool) {
        let isHolding = !peers.rows[index].pending.isEmpty
        if let port = peers.rows[index].doorPort { streams.shared.console.forget(from: port) }
        peers.discard(index, in: &streams.buffers)
        if let client = peers.rows[index].client, streams.connections[client].partner == peers.rows[index].partner {
            if aborting || !streams.isDelivered(client) {
                streams.abort(client, .relayed)
            } else {
                streams.close(client, .relayed)
            }
        }
        if case .spliced(_, let client) = peers.rows[index].stage {
            streams.counters.count(.relayed)
            events.tell(.relayed, of: client.client)
        }
        peers.close(index, aborting: aborting || isHolding)
        endStreams()
    }

    /// The connection of a client has ended that a peer's was bound to.
    mutating func endPeer(of partner: StreamPartner) {
        guard let index = peers.index(of: partner) else { return }
        endPeer(index, aborting: true)
    }

    /// Ends connections that no web server takes, and those of which one side has ended and the other says nothing; accepts where no
    /// file was left.
    ///
    /// It ends some, and false says that others are to be ended by another call.
    mutating func sweepPeers() -> Bool {
        let (unanswered, forgotten) = (
            peers.unanswered(now: now.nanoseconds), peers.forgotten(now: now.nanoseconds)
        )
        for index in unanswered { endWeb(index) }
        for index in forgotten { endPeer(index, aborting: true) }
        if relays.hasPaused { relays.resume() }
        return max(unanswered.count, forgotten.count) < Streams.sweepEnds
    }
}

/// What the core writes to a client about a connection with a peer.
///
/// Its parts come as arguments because a span into the batch may not overlap an access to the whole worker.
enum PeerAnswer {
    /// Writes an answer and puts it behind what waits for the client; nil when there is none.
    static func write(
        in slot: Int,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams,
        _ write: (inout Server, inout Packet, Instant) -> Verdict
    ) -> ClientFlow? {
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        guard case .toClient(let flow) = write(&server, &packet, now) else { return nil }
        streams.answer(packet.bytes, on: Int(flow.socket))
        return flow
    }

    /// Tells a client of a peer's connection; nil when that is not to be, or the client reads nothing.
    static func attempt(
        in slot: Int,
        _ peer: SocketAddress,
        at relay: RelayID,
        _ now: Instant,
        _ batch: inout DatagramBatch,
        _ server: inout Server,
        _ streams: inout Streams
    ) -> ConnectionID? {
        var packet = Packet(batch.bytes(of: slot), headroom: DatagramBatch.headroom, count: 0)
        let verdict = server.peerAccepted(at: relay, from: peer, over: &packet, now: now)
        guard case .attempt(let id, let flow) = verdict else { return nil }
        // Peers must not be able to fill the room of answers.
        guard streams.put(packet.bytes, on: Int(flow.socket), limit: Streams.dataLimit) else {
            server.peerConnectionEnded(id)
            return nil
        }
        return id
    }
}
