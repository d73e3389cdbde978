import PacketEngine
import STUNCodec
import ServerCore

// The bytes of connections with peers (RFC 6062 section 5.5): moved by the system, or copied. Either way a side is read only while
// the other one has room, and the core says how much may pass.

extension Worker {
    /// How many bytes are copied in one go: with TLS two records.
    private static let copyBurst = 32_768
    /// How many bytes of a web site are moved in one go.
    private static let webMove = 262_144

    // MARK: Splices

    /// Moves bytes upon an event.
    mutating func move(_ index: Int, _ side: Splice.Side, _ ready: EventLoop.Ready?) {
        let allowance = allowance(of: index)
        if allowance == 0 { peers.pause(index, now: now.nanoseconds) }
        goOn(index, peers.move(index, side, ready, budget: allowance))
    }

    /// Counts what was moved, and goes on or ends.
    mutating func goOn(_ index: Int, _ progress: Splice.Progress) {
        let moved = peers.takeMoved(index)
        countMoved(moved.toPeer, toPeer: true, on: index)
        countMoved(moved.toClient, toPeer: false, on: index)
        if moved.toPeer &+ moved.toClient > 0 { peers.rows[index].lastMoved = now.nanoseconds }
        switch progress {
        case .going: if !peers.watch(index) { endPeer(index, aborting: true) }
        case .finished: endPeer(index, aborting: false)
        case .failed: endPeer(index, aborting: true)
        }
    }

    /// Lets those go on that have waited for bandwidth.
    mutating func resumePeers() {
        for index in peers.takePaused(now: now.nanoseconds) {
            if let client = peers.rows[index].client {
                guard allowance(of: index) > 0 else {
                    peers.pause(index, now: now.nanoseconds)
                    continue
                }
                relayToClient(index, client, isReadable: true)
            } else {
                move(index, .one, nil)
            }
        }
    }

    // MARK: Copies

    /// Copies bytes upon an event of the peer's side.
    mutating func copy(_ index: Int, _ client: Int, _ ready: EventLoop.Ready) {
        if ready.isWritable, !peers.writePending(index, from: &streams.buffers) {
            return endPeer(index, aborting: true)
        }
        relayToClient(index, client, isReadable: ready.isReadable)
        guard peers.rows[index].isLive, ready.hasError || ready.hasHungUp else { return }
        let row = peers.rows[index]
        guard !row.isPeerTold || !row.isClientTold else { return }
        let isBroken = StreamSocket.connectionError(of: row.stream) != 0
        if isBroken || (ready.hasHungUp && !row.isPeerTold) { endPeer(index, aborting: true) }
    }

    /// Copies what the peer sends, if the client has taken what came before.
    private mutating func relayToClient(_ index: Int, _ client: Int, isReadable: Bool) {
        // A session that has ended takes nothing more.
        if isReadable, !peers.rows[index].hasEnded, streams.isDelivered(client), !streams.hasSessionEnded(client) {
            let allowance = min(Self.copyBurst, allowance(of: index))
            if allowance == 0 {
                peers.pause(index, now: now.nanoseconds)
            } else {
                streams.input.removeAll()
                switch streams.input.read(from: peers.rows[index].stream, most: allowance) {
                case .bytes(let count):
                    countMoved(count, toPeer: false, on: index)
                    peers.rows[index].lastMoved = now.nanoseconds
                    guard streams.relay(client) else { return endStreams() }
                case .blocked: break
                case .ended: peers.rows[index].hasEnded = true
                case .failed: return endPeer(index, aborting: true)
                }
            }
        }
        settle(index, client)
    }

    /// Copies what the client has sent, which lies in the input of `streams`, to the peer.
    mutating func relayFromClient(_ index: Int, _ client: Int) {
        let new = streams.input.count &- streams.input.taken
        if new > 0 {
            countMoved(new, toPeer: true, on: index)
            peers.rows[index].lastMoved = now.nanoseconds
            if peers.rows[index].pending.isEmpty,
                case .failed = streams.input.write(to: peers.rows[index].stream)
            {
                return endPeer(index, aborting: true)
            }
            guard peers.keep(&streams.input, for: index, in: &streams.buffers) else {
                return endPeer(index, aborting: true)
            }
        }
        if allowance(of: index) == 0 { peers.pause(index, now: now.nanoseconds) }
        settle(index, client)
    }

    /// Tells ends behind the last byte, and has the event loop tell what matters now.
    private mutating func settle(_ index: Int, _ client: Int) {
        let secure = streams.connections[client].secure
        if let end = secure?.end, end != .byClient { return endPeer(index, aborting: true) }
        let hasEnded = streams.connections[client].saysNoMore
        peers.rows[index].hasClientEnded = hasEnded
        let isDelivered = streams.isDelivered(client)
        let isTaken = peers.rows[index].pending.isEmpty
        if hasEnded, isTaken, !peers.rows[index].isPeerTold {
            StreamSocket.endSending(peers.rows[index].stream)
            peers.rows[index].isPeerTold = true
        }
        if peers.rows[index].hasEnded, isDelivered, !peers.rows[index].isClientTold, secure == nil {
            streams.endSending(client)
            peers.rows[index].isClientTold = true
        }
        // A session of TLS cannot end one way alone.
        if secure != nil, isTaken, hasEnded || (peers.rows[index].hasEnded && isDelivered) {
            return endPeer(index, aborting: false)
        }
        let row = peers.rows[index]
        if row.isPeerTold, row.isClientTold { return endPeer(index, aborting: false) }
        let takesMore = !hasEnded && row.pending.isEmpty && !row.isPaused
        // One that was told the end may have hung up without being broken, and would show in every turn.
        streams.setReading(client, takesMore ? .input : row.isClientTold ? [] : .hangUp)
        if !peers.want(row.wanted(isDelivered: isDelivered && secure?.end == nil), index) {
            return endPeer(index, aborting: true)
        }
        endStreams()
    }

    /// The client of a copied connection has sent something, which `streams` has read, or has taken what was for it.
    mutating func serveDataClient(_ client: Int, hasRead: Bool) {
        guard streams.connections[client].isLive, let partner = streams.connections[client].partner,
            let index = peers.index(of: partner)
        else { return }
        // One that waits for a web server is told of nothing but its end.
        guard peers.rows[index].waiting == nil else {
            if hasRead { streams.close(client, .byClient) }
            return
        }
        // Without that the input is what was read of another one.
        if hasRead { relayFromClient(index, client) } else { settle(index, client) }
    }

    // MARK: Counting

    /// How many bytes may be moved now: as many as the core says, and any number of those that it knows nothing of.
    private mutating func allowance(of index: Int) -> Int {
        guard let id = peers.rows[index].partner.connection else { return Self.webMove }
        return server.allowance(of: id, now: now)
    }

    /// Counts bytes that were moved.
    mutating func countMoved(_ bytes: Int, toPeer: Bool, on index: Int) {
        streamShare.countMoved(bytes)
        guard let id = peers.rows[index].partner.connection else { return }
        server.moved(bytes, toPeer: toPeer, on: id, now: now)
    }
}
